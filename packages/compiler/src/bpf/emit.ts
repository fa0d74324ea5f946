import type { Diagnostic, Diagnostics, Span } from '@skep/base';
import { type Insn, imm, type JumpOp, type Operand, reg, slotsOf, type VariableRange, withOffset } from '@skep/object';
import type { AllocaInst, CoreInst, Func, Global } from '../ir/ir.ts';
import { jumpTooFar } from './diagnostics.ts';
import { INVERSE_JUMP } from './jumps.ts';
import {
  type Cpu,
  createMachineBlock,
  FRAME_REGISTER,
  type MachineBlock,
  type MachineFunction,
  MachineInst,
  NONE,
} from './machine.ts';
import { variableRanges } from './variables.ts';

/** The code of one function; slots count from its start. */
export interface EmittedFunction {
  readonly func: Func;
  readonly insns: Insn[];
  /** By instruction. */
  readonly spans: (Span | undefined)[];
  /** By instruction: the slot where it starts. */
  readonly starts: number[];
  readonly slots: number;
  readonly fixups: readonly Fixup[];
  readonly core: readonly { readonly slot: number; readonly core: CoreInst }[];
  /** Bytes of stack. */
  readonly stack: number;
  /** Bytes of them down to the lowest that the code mentions: what verifiers count. */
  readonly touched: number;
  /** What of the stack has a place of its own, the largest first. */
  readonly variables: readonly AllocaInst[];
  /** Empty where nobody asked. */
  readonly ranges: readonly VariableRange[];
}

/** An instruction whose operand is known only when the object is put together. */
export interface Fixup {
  readonly kind: 'call' | 'address';
  readonly slot: number;
  readonly index: number;
  readonly symbol: Global | Func;
  readonly addend: number;
}

/** Writes the blocks out, each falling into the next where it can. */
export function emitFunction(fn: MachineFunction, cpu: Cpu, stack: number, diagnostics: Diagnostics): EmittedFunction {
  return new Emitter(fn, cpu, diagnostics).run(stack);
}

class Emitter {
  private readonly fn: MachineFunction;
  private readonly cpu: Cpu;
  private readonly diagnostics: Diagnostics;
  private readonly insns: Insn[] = [];
  private readonly spans: (Span | undefined)[] = [];
  private readonly starts: number[] = [];
  /** By machine instruction. */
  private readonly instSlots: number[] = [];
  private readonly fixups: Fixup[] = [];
  private readonly core: { slot: number; core: CoreInst }[] = [];
  private readonly jumps: { index: number; slot: number; from: MachineBlock; to: MachineBlock }[] = [];
  private slot = 0;
  /** The least offset from the frame register. */
  private lowest = 0;

  constructor(fn: MachineFunction, cpu: Cpu, diagnostics: Diagnostics) {
    this.fn = fn;
    this.cpu = cpu;
    this.diagnostics = diagnostics;
  }

  run(stack: number): EmittedFunction {
    const { fn } = this;
    let blockSlots = this.write(false);
    if (this.isTooFar(blockSlots)) {
      if (this.cpu.v4) blockSlots = this.write(true);
      else {
        splitLongBlocks(fn);
        blockSlots = this.write(false);
        for (let round = 0; round < MAX_ROUNDS && this.isTooFar(blockSlots); round++) {
          if (!this.placeStones(blockSlots)) break;
          blockSlots = this.write(false);
        }
        if (this.isTooFar(blockSlots)) this.diagnostics.add(jumpTooFar(fn.func.name, this.slot, fn.func.span));
      }
    }
    for (const { index, slot, to } of this.jumps) {
      const insn = this.insns[index]!;
      if (insn.kind !== 'jump' && insn.kind !== 'goto' && insn.kind !== 'may_goto')
        throw new Error('a jump became something else');
      this.insns[index] = { ...insn, off: blockSlots[to.index]! - slot - 1 };
    }
    return {
      func: fn.func,
      insns: this.insns,
      spans: this.spans,
      starts: this.starts,
      slots: this.slot,
      fixups: this.fixups,
      core: this.core,
      stack,
      touched: -this.lowest,
      ranges: fn.variables === undefined ? [] : variableRanges(fn, this.instSlots, this.slot),
      variables: fn.slots.flatMap((slot) => slot.alloca ?? []).sort((a, b) => b.size - a.size),
    };
  }

  private isTooFar(blockSlots: readonly number[]): boolean {
    return this.slot > 0x7fff && this.jumps.some((jump) => !isNear(blockSlots[jump.to.index]! - jump.slot - 1));
  }

  /**
   * Below v4 a jump that is too far goes by stepping stones: blocks between others that only jump on. Jumps that go the
   * same way share them. Returns whether any could be placed.
   */
  private placeStones(blockSlots: readonly number[]): boolean {
    const { fn } = this;
    /** By the block that they stand before. */
    const stones = new Map<number, Map<MachineBlock, MachineBlock>>();
    let placed = false;
    for (const { slot, from, to } of this.jumps) {
      const target = blockSlots[to.index]!;
      if (isNear(target - slot - 1)) continue;
      const wanted = target > slot ? slot + STRIDE : slot - STRIDE;
      let at = firstBehind(blockSlots, wanted);
      if (target > slot) at = at < 0 ? blockSlots.length - 1 : at - 1;
      if (at <= 0 || (target > slot ? at <= from.index : at > from.index)) continue;
      let here = stones.get(at);
      if (here === undefined) {
        here = new Map();
        stones.set(at, here);
      }
      let stone = here.get(to);
      if (stone === undefined) {
        stone = createMachineBlock();
        stone.insts.push(new MachineInst('jump', undefined));
        stone.successors = [to];
        here.set(to, stone);
      }
      from.successors = from.successors.map((one) => (one === to ? stone : one));
      placed = true;
    }
    if (!placed) return false;
    fn.blocks = fn.blocks.flatMap((block, i) => [...(stones.get(i)?.values() ?? []), block]);
    for (const [i, block] of fn.blocks.entries()) block.index = i;
    return true;
  }

  /** With `long`, every jump that is not known to be near is a long one. Returns where each block starts. */
  private write(long: boolean): number[] {
    const { blocks } = this.fn;
    const blockSlots: number[] = [];
    for (const list of [this.insns, this.spans, this.starts, this.instSlots, this.fixups, this.core, this.jumps])
      list.length = 0;
    this.slot = 0;
    for (const [b, block] of blocks.entries()) {
      blockSlots.push(this.slot);
      for (const inst of block.insts) {
        this.instSlots.push(this.slot);
        if (inst.op === 'jump' || inst.op === 'branch' || inst.op === 'branchi')
          this.leave(inst, block, blocks[b + 1], long);
        else if (inst.op === 'asm') this.asm(inst, block, blocks[b + 1], long);
        else this.inst(inst);
      }
    }
    return blockSlots;
  }

  private push(insn: Insn, span: Span | undefined): void {
    this.insns.push(insn);
    this.spans.push(span);
    this.starts.push(this.slot);
    this.slot += slotsOf(insn);
  }

  private asm(inst: MachineInst, block: MachineBlock, next: MachineBlock | undefined, long: boolean): void {
    const { code } = inst.asm!;
    const { span } = inst;
    const starts: number[] = [];
    let end = this.slot;
    for (const { insn } of code) {
      starts.push(end);
      end += slotsOf(insn);
    }
    starts.push(end);
    const problems: Diagnostic[] = [];
    for (const { insn, to } of code) {
      const { slot } = this;
      const index = this.insns.length;
      if (to === undefined) this.push(insn, span);
      else if (to.kind === 'line') {
        this.push(withOffset(insn, starts[to.line]! - slot - 1, span ?? NOWHERE, problems) ?? insn, span);
      } else if (to.kind === 'label') {
        this.jumps.push({ index, slot, from: block, to: block.successors[to.label + 1]! });
        this.push(insn, span);
      } else {
        const kind = insn.kind === 'ld_imm64' ? 'address' : 'call';
        this.fixups.push({ kind, slot, index, symbol: to.symbol, addend: 0 });
        this.push(insn.kind === 'ld_imm64' ? { ...insn, imm: { kind: 'value', value: 0n } } : insn, span);
      }
    }
    for (const problem of problems) this.diagnostics.add(problem);
    if (inst === block.insts.at(-1) && block.successors.length > 0)
      this.goto(block, block.successors[0]!, next, long, span);
  }

  private leave(inst: MachineInst, block: MachineBlock, next: MachineBlock | undefined, long: boolean): void {
    if (inst.op === 'jump') {
      this.goto(block, block.successors[0]!, next, long, inst.span);
      return;
    }
    const [yes, no] = block.successors as [MachineBlock, MachineBlock];
    const inverse = INVERSE_JUMP[inst.jump as Exclude<JumpOp, 'set'>];
    // Without `<`, a comparison with a number can only be made one way round.
    const fixed = !this.cpu.lessThan && inst.op === 'branchi';
    const canBe = !fixed || !isLess(inst.jump);
    const canInvert = !fixed || !isLess(inverse);
    if (long) {
      // The conditional jump steps over a long one.
      const [op, first, second] = canInvert ? [inverse, yes, no] : [inst.jump, no, yes];
      this.push(this.conditional(inst, op, 1), inst.span);
      this.push({ kind: 'goto', long: true, off: 0 }, inst.span);
      this.jumps.push({ index: this.insns.length - 1, slot: this.slot - 1, from: block, to: first });
      this.goto(block, second, next, long, inst.span);
      return;
    }
    const invert = !canBe || (yes === next && canInvert);
    const [op, first, second] = invert ? [inverse, no, yes] : [inst.jump, yes, no];
    this.push(this.conditional(inst, op, 0), inst.span);
    this.jumps.push({ index: this.insns.length - 1, slot: this.slot - 1, from: block, to: first });
    this.goto(block, second, next, long, inst.span);
  }

  private goto(
    from: MachineBlock,
    to: MachineBlock,
    next: MachineBlock | undefined,
    long: boolean,
    span: Span | undefined,
  ): void {
    if (to === next) return;
    this.push({ kind: 'goto', long, off: 0 }, span);
    this.jumps.push({ index: this.insns.length - 1, slot: this.slot - 1, from, to });
  }

  private conditional(inst: MachineInst, op: JumpOp, off: number): Insn {
    const { width } = inst;
    if (inst.op === 'branchi') return { kind: 'jump', op, width, dst: inst.a, src: imm(inst.imm), off };
    if (!this.cpu.lessThan && isLess(op))
      return { kind: 'jump', op: MIRROR[op], width, dst: inst.b, src: reg(inst.a), off };
    return { kind: 'jump', op, width, dst: inst.a, src: reg(inst.b), off };
  }

  private inst(inst: MachineInst): void {
    const { span, dst } = inst;
    const { slot } = this;
    if (inst.core) this.core.push({ slot, core: inst.core });
    // Through an address all of the slot may be reached.
    if (inst.slot) this.lowest = Math.min(this.lowest, inst.slot.offset + (inst.op === 'frame' ? 0 : inst.off));
    const base = inst.slot ? FRAME_REGISTER : inst.a;
    const off = inst.slot ? inst.slot.offset + inst.off : inst.off;
    switch (inst.op) {
      case 'mov':
        this.push({ kind: 'alu', op: 'mov', width: 64, dst, src: reg(inst.a) }, span);
        return;
      case 'zext':
        this.push({ kind: 'alu', op: 'mov', width: 32, dst, src: reg(inst.a) }, span);
        return;
      case 'movsx':
        this.push({ kind: 'movsx', width: inst.width, bits: inst.bits as 8 | 16 | 32, dst, src: inst.a }, span);
        return;
      case 'space':
        this.push({ kind: 'addr_space_cast', dst, src: inst.a, to: inst.imm, from: 1 - inst.imm }, span);
        return;
      case 'set':
        this.push({ kind: 'alu', op: 'mov', width: inst.width, dst, src: imm(inst.imm) }, span);
        return;
      case 'set64':
        this.push({ kind: 'ld_imm64', dst, imm: { kind: 'value', value: inst.value } }, span);
        return;
      case 'address': {
        const fixup: Fixup = {
          kind: 'address',
          slot,
          index: this.insns.length,
          symbol: inst.symbol!,
          addend: inst.imm,
        };
        this.fixups.push(fixup);
        this.push({ kind: 'ld_imm64', dst, imm: { kind: 'value', value: 0n } }, span);
        return;
      }
      case 'frame': {
        this.push({ kind: 'alu', op: 'mov', width: 64, dst, src: reg(FRAME_REGISTER) }, span);
        const at = inst.slot!.offset + inst.imm;
        if (at !== 0) this.push({ kind: 'alu', op: 'add', width: 64, dst, src: imm(at) }, span);
        return;
      }
      case 'alu':
      case 'alui': {
        const src: Operand = inst.op === 'alu' ? reg(inst.a) : imm(inst.imm);
        this.push({ kind: 'alu', op: inst.alu, width: inst.width, dst, src }, span);
        return;
      }
      case 'endian':
        this.push({ kind: 'endian', op: 'be', bits: inst.bits as 16 | 32 | 64, dst }, span);
        return;
      case 'load':
        this.push({ kind: 'load', size: inst.size, signed: inst.flag, dst, src: base, off }, span);
        return;
      case 'store':
        this.push({ kind: 'store', size: inst.size, dst: base, off, src: reg(inst.b) }, span);
        return;
      case 'storei':
        this.push({ kind: 'store', size: inst.size, dst: base, off, src: imm(inst.imm) }, span);
        return;
      case 'atomic': {
        const src = inst.b === NONE ? dst : inst.b;
        this.push({ kind: 'atomic', op: inst.atomic, fetch: inst.flag, size: inst.size, dst: base, off, src }, span);
        return;
      }
      case 'call':
        this.call(inst);
        return;
      case 'exit':
        this.push({ kind: 'exit' }, span);
        return;
      default:
        throw new Error(`${inst.op} in the middle of a block`);
    }
  }

  private call(inst: MachineInst): void {
    const target = inst.target!;
    if (target.kind === 'helper') {
      this.push({ kind: 'call', target: { kind: 'helper', id: target.id } }, inst.span);
      return;
    }
    this.fixups.push({ kind: 'call', slot: this.slot, index: this.insns.length, symbol: target.func, addend: 0 });
    this.push({ kind: 'call', target: { kind: 'local', off: -1 } }, inst.span);
  }
}

const NOWHERE: Span = { file: { name: '<inline assembly>', text: '' }, start: 0, end: 0 };

/** How far a jump goes to its next stone: less than it could, since stones move what is behind them. */
const STRIDE = 28_000;
const MAX_ROUNDS = 64;

/** The index of the first block that starts behind a slot, -1 when none does. */
function firstBehind(starts: readonly number[], slot: number): number {
  let low = 0;
  let high = starts.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (starts[middle]! > slot) high = middle;
    else low = middle + 1;
  }
  return low === starts.length ? -1 : low;
}

/** Cuts blocks into pieces that fall into each other, so that there are places to put something between. */
function splitLongBlocks(fn: MachineFunction): void {
  const blocks: MachineBlock[] = [];
  for (const block of fn.blocks) {
    const { insts, successors } = block;
    blocks.push(block);
    let last = block;
    for (let at = PIECE; at < insts.length - 1; at += PIECE) {
      const next = createMachineBlock();
      next.insts = insts.slice(at, at + PIECE);
      last.insts = [...(last === block ? insts.slice(0, PIECE) : last.insts), new MachineInst('jump', undefined)];
      last.successors = [next];
      next.successors = successors;
      blocks.push(next);
      last = next;
    }
  }
  fn.blocks = blocks;
  for (const [i, block] of blocks.entries()) block.index = i;
}

const PIECE = 1024;

function isNear(off: number): boolean {
  return off >= -0x8000 && off <= 0x7fff;
}

type Less = 'lt' | 'le' | 'slt' | 'sle';

function isLess(op: JumpOp): op is Less {
  return op === 'lt' || op === 'le' || op === 'slt' || op === 'sle';
}

const MIRROR: Readonly<Record<Less, JumpOp>> = { lt: 'gt', le: 'ge', slt: 'sgt', sle: 'sge' };
