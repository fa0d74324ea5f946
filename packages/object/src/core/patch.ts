import { coreMalformed, coreOutOfRange, coreUnexpected } from '../diagnostics.ts';
import type { CoreValue } from './value.ts';

/** The helper number that libbpf leaves in instructions that must not be reached: `call unknown#195896080`. */
export const POISON_HELPER = 0xbad2310;

/**
 * Writes the value for the kernel over the one that was compiled in. Returns true when the instruction was poisoned
 * instead, because the field has another size here that a load or store of it cannot take.
 * @throws SkepError E3201, E3203, E3204
 */
export function patchInstruction(
  code: Uint8Array,
  slot: number,
  spec: string,
  from: CoreValue,
  to: CoreValue,
): boolean {
  const view = new DataView(code.buffer, code.byteOffset, code.byteLength);
  const at = slot * 8;
  const opcode = code[at]!;
  switch (opcode & 7) {
    case BPF_ALU:
    case BPF_ALU64: {
      if ((opcode & BPF_X) !== 0) throw coreMalformed(slot, `opcode 0x${opcode.toString(16)} has no immediate`);
      const imm = view.getInt32(at + 4, true);
      if (from.exact && BigInt.asIntN(32, from.value) !== BigInt(imm))
        throw coreUnexpected(slot, spec, `its immediate is ${imm}, not ${from.value}`);
      if (BigInt.asIntN(32, to.value) !== to.value && BigInt.asUintN(32, to.value) !== to.value)
        throw coreOutOfRange(slot, spec, to.value);
      view.setInt32(at + 4, Number(BigInt.asIntN(32, to.value)), true);
      return false;
    }
    case BPF_LDX:
    case BPF_ST:
    case BPF_STX: {
      const off = view.getInt16(at + 2, true);
      if (from.exact && BigInt(off) !== from.value)
        throw coreUnexpected(slot, spec, `its offset is ${off}, not ${from.value}`);
      if (to.value > 0x7fffn) throw coreOutOfRange(slot, spec, to.value);
      if (!mayResize(from, to)) {
        poison(code, slot);
        return true;
      }
      view.setInt16(at + 2, Number(to.value), true);
      if (from.memory && to.memory && from.memory.size !== to.memory.size)
        code[at] = resized(opcode, slot, spec, from.memory.size, to.memory.size);
      return false;
    }
    case BPF_LD: {
      if (opcode !== LD_IMM64 || at + 16 > code.length || code[at + 1]! >> 4 !== 0 || code[at + 8] !== 0)
        throw coreMalformed(slot, `opcode 0x${opcode.toString(16)} is no load of 64 bits`);
      const imm = (BigInt(view.getInt32(at + 12, true)) << 32n) | BigInt(view.getUint32(at + 4, true));
      if (from.exact && imm !== BigInt.asIntN(64, from.value))
        throw coreUnexpected(slot, spec, `its immediate is ${imm}, not ${from.value}`);
      view.setInt32(at + 4, Number(BigInt.asIntN(32, to.value)), true);
      view.setInt32(at + 12, Number(BigInt.asIntN(32, to.value >> 32n)), true);
      return false;
    }
    default:
      throw coreMalformed(slot, `opcode 0x${opcode.toString(16)} holds no value that can be relocated`);
  }
}

/** Puts a call that no kernel knows in place of the instruction: the verifier refuses the program only if it is reached. */
export function poison(code: Uint8Array, slot: number): void {
  const view = new DataView(code.buffer, code.byteOffset, code.byteLength);
  const slots = code[slot * 8] === LD_IMM64 && (slot + 2) * 8 <= code.length ? 2 : 1;
  for (let i = slot; i < slot + slots; i++) {
    view.setUint32(i * 8, OP_CALL, true);
    view.setUint32(i * 8 + 4, POISON_HELPER, true);
  }
}

const BPF_LD = 0;
const BPF_LDX = 1;
const BPF_ST = 2;
const BPF_STX = 3;
const BPF_ALU = 4;
const BPF_ALU64 = 7;
const BPF_X = 8;
const LD_IMM64 = 0x18;
const OP_CALL = 0x85;
/** `BPF_W`, `BPF_H`, `BPF_B`, `BPF_DW` by bytes. */
const SIZE_BITS: Readonly<Record<number, number>> = { 4: 0x00, 2: 0x08, 1: 0x10, 8: 0x18 };

/** Loads extend with zeros, so the size may change of pointers and of unsigned integers only. */
function mayResize(from: CoreValue, to: CoreValue): boolean {
  const [a, b] = [from.memory, to.memory];
  if (!a || !b || a.size === b.size) return (a === undefined) === (b === undefined);
  if (a.type.kind === 'ptr' && b.type.kind === 'ptr') return true;
  return a.type.kind === 'int' && b.type.kind === 'int' && !a.type.signed && !b.type.signed;
}

function resized(opcode: number, slot: number, spec: string, from: number, to: number): number {
  if ((opcode & 0x18) !== SIZE_BITS[from]) throw coreUnexpected(slot, spec, `it does not access ${from} bytes`);
  const bits = SIZE_BITS[to];
  if (bits === undefined) throw coreOutOfRange(slot, `the size of ${spec}`, BigInt(to));
  return (opcode & ~0x18) | bits;
}
