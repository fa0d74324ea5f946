import type { Diagnostic, Span } from '@skep/base';
import { alignmentAt } from '../ir/alignment.ts';
import { createBlock, createBranch, createParam } from '../ir/build.ts';
import { bitsOf, constant, typeOf } from '../ir/constant.ts';
import type {
  BinaryInst,
  Block,
  CompareInst,
  Func,
  Inst,
  LoadInst,
  MemCopyInst,
  MemSetInst,
  PtrAddInst,
  ScalarType,
  StoreInst,
  Value,
} from '../ir/ir.ts';
import { memoryTooLarge } from './diagnostics.ts';

/**
 * Turns copies and fills into loads and stores, as wide as alignment allows: on the stack 8 bytes, elsewhere what the
 * source says about the memory, since verifiers refuse some accesses that are not aligned. Beyond {@link MAX_STORES} of
 * them a loop does it.
 */
export function expandMemory(func: Func, report: (diagnostic: Diagnostic) => void): boolean {
  let changed = false;
  const blocks: Block[] = [];
  for (const block of func.blocks) {
    blocks.push(block);
    if (!block.insts.some((inst) => inst.kind === 'memcpy' || inst.kind === 'memset')) continue;
    changed = true;
    const { insts, term } = block;
    const expander = new Expander(block, blocks, report);
    block.insts = [];
    for (const inst of insts) {
      if (inst.kind === 'memcpy') expander.copy(inst);
      else if (inst.kind === 'memset') expander.fill(inst);
      else expander.emit(inst);
    }
    expander.block.term = term;
  }
  func.blocks = blocks;
  return changed;
}

/** Stores for one copy or fill that are written out. */
const MAX_STORES = 128;
const INTEGER: Record<number, ScalarType> = { 1: 'i8', 2: 'i16', 4: 'i32', 8: 'i64' };

class Expander {
  /** Where instructions go now; loops end one and begin another. */
  block: Block;
  private readonly blocks: Block[];
  private readonly report: (diagnostic: Diagnostic) => void;

  constructor(block: Block, blocks: Block[], report: (diagnostic: Diagnostic) => void) {
    this.block = block;
    this.blocks = blocks;
    this.report = report;
  }

  emit<T extends Inst>(inst: T): T {
    this.block.insts.push(inst);
    return inst;
  }

  copy(inst: MemCopyInst): void {
    const { target, source, size, span, volatile } = inst;
    const align = Math.min(alignmentAt(target, 0, inst.align), alignmentAt(source, 0, inst.align));
    const unit = unitOf(align);
    const load = (from: Value, offset: number, width: number): LoadInst =>
      this.emit({ kind: 'load', type: INTEGER[width]!, address: from, offset, align: width, volatile, span });
    const store = (value: Value, to: Value, offset: number, width: number) =>
      this.store(to, offset, value, width, span, volatile);
    if (inst.overlap) {
      const pieces = piecesOf(0, size, unit);
      if (pieces.length > MAX_STORES) {
        this.report(memoryTooLarge('a move', size, align, span));
        return;
      }
      const loaded = pieces.map(({ offset, width }) => load(source, offset, width));
      for (const [i, { offset, width }] of pieces.entries()) store(loaded[i]!, target, offset, width);
      return;
    }
    const rest = this.loop(size, unit, span, (index) => {
      store(load(this.at(source, index, span), 0, unit), this.at(target, index, span), 0, unit);
    });
    for (const { offset, width } of piecesOf(rest, size, unit))
      store(load(source, offset, width), target, offset, width);
  }

  fill(inst: MemSetInst): void {
    const { target, size, span } = inst;
    const unit = unitOf(alignmentAt(target, 0, inst.align));
    const values = new Map<number, Value>();
    const filled = (width: number): Value => {
      let value = values.get(width);
      if (value === undefined) {
        value = this.replicate(inst.value, INTEGER[width]!, span);
        values.set(width, value);
      }
      return value;
    };
    // Before the loop, so that every block behind it sees the value.
    const word = filled(unit);
    const rest = this.loop(size, unit, span, (index) =>
      this.store(this.at(target, index, span), 0, word, unit, span, false),
    );
    for (const { offset, width } of piecesOf(rest, size, unit)) {
      this.store(target, offset, filled(width), width, span, false);
    }
  }

  /** Writes a loop over what is too much to be written out, in steps of `unit`; returns the bytes that it does. */
  private loop(size: number, unit: number, span: Span | undefined, body: (index: Value) => void): number {
    if (size / unit <= MAX_STORES) return 0;
    const total = size - (size % unit);
    const index = createParam('i64');
    const loop = createBlock([index]);
    const after = createBlock();
    this.block.term = { kind: 'jump', target: { block: loop, args: [constant('i64', 0)] }, span };
    this.enter(loop);
    body(index);
    const next: BinaryInst = { kind: 'binary', op: 'add', type: 'i64', a: index, b: constant('i64', unit), span };
    const more: CompareInst = { kind: 'compare', op: 'ult', type: 'i1', a: next, b: constant('i64', total), span };
    this.emit(next);
    this.emit(more);
    loop.term = createBranch(more, { block: loop, args: [next] }, { block: after, args: [] }, { span });
    this.enter(after);
    return total;
  }

  private enter(block: Block): void {
    this.blocks.push(block);
    this.block = block;
  }

  private at(base: Value, offset: Value, span: Span | undefined): PtrAddInst {
    return this.emit({ kind: 'ptradd', type: 'ptr', base, offset, span });
  }

  private store(
    to: Value,
    offset: number,
    value: Value,
    align: number,
    span: Span | undefined,
    volatile: boolean,
  ): void {
    const store: StoreInst = { kind: 'store', type: 'void', address: to, offset, value, align, volatile, span };
    this.emit(store);
  }

  /** The byte in every byte of the type. */
  private replicate(byte: Value, type: ScalarType, span: Span | undefined): Value {
    const ones = constant(type, BigInt(`0x${'01'.repeat(bitsOf(type) / 8)}`));
    if (byte.kind === 'const') return constant(type, BigInt.asUintN(8, byte.value) * ones.value);
    if (byte.kind === 'undef') return constant(type, 0);
    if (typeOf(byte) === type) return byte;
    const wide = this.emit({ kind: 'cast', op: 'zext', type, value: byte, span });
    return this.emit({ kind: 'binary', op: 'mul', type, a: wide, b: ones, span });
  }
}

/** The widest access that an alignment allows. */
function unitOf(align: number): number {
  return Math.max(1, Math.min(8, align & -align));
}

/** Sizes of the pieces of `from` … `size`: as wide as the alignment, narrower at the end. */
function piecesOf(from: number, size: number, unit: number): { offset: number; width: number }[] {
  const pieces: { offset: number; width: number }[] = [];
  for (let offset = from; offset < size; ) {
    let width = unit;
    while (offset + width > size) width >>= 1;
    pieces.push({ offset, width });
    offset += width;
  }
  return pieces;
}
