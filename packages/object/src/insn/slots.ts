import { type Insn, slotsOf } from './model.ts';

/**
 * The slot at which each instruction starts, and after the last the number of slots: jumps and line tables count slots,
 * of which a 64-bit immediate fills two.
 */
export function slotStarts(insns: readonly Insn[]): Uint32Array {
  const starts = new Uint32Array(insns.length + 1);
  let slot = 0;
  for (let index = 0; index < insns.length; index++) {
    starts[index] = slot;
    slot += slotsOf(insns[index]!);
  }
  starts[insns.length] = slot;
  return starts;
}

/**
 * The slot that an instruction at `slot` names beside its successor: of a jump, of a call of a subprogram, of the load of
 * a function's address. Undefined for all others.
 */
export function targetSlot(insn: Insn, slot: number): number | undefined {
  switch (insn.kind) {
    case 'jump':
    case 'goto':
    case 'may_goto':
      return slot + 1 + insn.off;
    case 'call':
      return insn.target.kind === 'local' ? slot + 1 + insn.target.off : undefined;
    case 'ld_imm64':
      // Counted from the first slot, although the instruction has two.
      return insn.imm.kind === 'func' ? slot + 1 + insn.imm.offset : undefined;
    default:
      return undefined;
  }
}
