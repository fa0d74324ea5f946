import type { Diagnostic } from '@skep/base';
import { bitsOf, constant, typeOf } from '../ir/constant.ts';
import type { AllocaInst, Func, Inst, LoadInst, MemCopyInst, MemSetInst, ScalarType, Value } from '../ir/ir.ts';
import { replaceValues } from '../ir/uses.ts';
import { memoryTooLarge } from './diagnostics.ts';
import { rootOf } from './memory.ts';

/**
 * Turns copies and fills into loads and stores, as wide as alignment allows: on the stack 8 bytes (allocas that are
 * copied or filled are aligned for it), elsewhere what the source says about the memory, since verifiers refuse packet
 * and context accesses that are not aligned.
 */
export function expandMemory(func: Func, report: (diagnostic: Diagnostic) => void): boolean {
  const aligned = alignAllocas(func);
  let changed = aligned;
  for (const block of func.blocks) {
    if (!block.insts.some((inst) => inst.kind === 'memcpy' || inst.kind === 'memset')) continue;
    changed = true;
    const kept: Inst[] = [];
    for (const inst of block.insts) {
      if (inst.kind === 'memcpy') expandCopy(inst, kept, report);
      else if (inst.kind === 'memset') expandFill(inst, kept, report);
      else kept.push(inst);
    }
    block.insts = kept;
  }
  return changed;
}

/** Stores for one copy or fill. */
const MAX_STORES = 128;
/** Bytes on the stack that may be accessed at once. */
const STACK_ALIGN = 8;

/** Gives allocas that are copied or filled the alignment of the stack's slots. */
function alignAllocas(func: Func): boolean {
  const low = new Set<Value>();
  for (const block of func.blocks) {
    for (const inst of block.insts) {
      if (inst.kind !== 'memcpy' && inst.kind !== 'memset') continue;
      low.add(rootOf(inst.target));
      if (inst.kind === 'memcpy') low.add(rootOf(inst.source));
    }
  }
  const replacements = new Map<Value, Value>();
  for (const block of func.blocks) {
    block.insts = block.insts.map((inst) => {
      if (inst.kind !== 'alloca' || inst.align >= STACK_ALIGN || inst.size < 2 || !low.has(inst)) return inst;
      const own: AllocaInst = { ...inst, align: STACK_ALIGN };
      replacements.set(inst, own);
      return own;
    });
  }
  replaceValues(func, replacements);
  return replacements.size > 0;
}

/** What is known about the alignment of an address: what the source says, or where it is. */
function alignOf(address: Value, said: number): number {
  let offset = 0;
  let at = address;
  while (at.kind === 'ptradd' && at.offset.kind === 'const') {
    offset += Number(at.offset.value);
    at = at.base;
  }
  if (at.kind !== 'alloca' && at.kind !== 'global') return said;
  if (at.kind === 'global' && (at.linkage === 'extern' || at.linkage === 'weak')) return said;
  return Math.max(said, offset === 0 ? at.align : Math.min(at.align, offset & -offset));
}

/** Sizes of the pieces, from the start: as wide as the alignment, narrower at the end. */
function piecesOf(size: number, align: number): { offset: number; size: number }[] | undefined {
  const pieces: { offset: number; size: number }[] = [];
  for (let offset = 0; offset < size; ) {
    let width = Math.min(8, align & -align);
    while (offset + width > size) width >>= 1;
    pieces.push({ offset, size: width });
    offset += width;
    if (pieces.length > MAX_STORES) return undefined;
  }
  return pieces;
}

const INTEGER: Record<number, ScalarType> = { 1: 'i8', 2: 'i16', 4: 'i32', 8: 'i64' };

function expandCopy(inst: MemCopyInst, into: Inst[], report: (diagnostic: Diagnostic) => void): void {
  const align = Math.max(1, Math.min(alignOf(inst.target, inst.align), alignOf(inst.source, inst.align)));
  const pieces = piecesOf(inst.size, align);
  if (pieces === undefined) {
    report(memoryTooLarge('a copy', inst.size, align, inst.span));
    return;
  }
  const { span, volatile } = inst;
  const stores: Inst[] = [];
  for (const { offset, size } of pieces) {
    const type = INTEGER[size]!;
    const value: LoadInst = { kind: 'load', type, address: inst.source, offset, align: size, volatile, span };
    into.push(value);
    const store: Inst = {
      kind: 'store',
      type: 'void',
      address: inst.target,
      offset,
      value,
      align: size,
      volatile,
      span,
    };
    if (inst.overlap) stores.push(store);
    else into.push(store);
  }
  into.push(...stores);
}

function expandFill(inst: MemSetInst, into: Inst[], report: (diagnostic: Diagnostic) => void): void {
  const align = Math.max(1, alignOf(inst.target, inst.align));
  const pieces = piecesOf(inst.size, align);
  if (pieces === undefined) {
    report(memoryTooLarge('a fill', inst.size, align, inst.span));
    return;
  }
  const { span } = inst;
  const values = new Map<number, Value>();
  for (const { offset, size } of pieces) {
    let value = values.get(size);
    if (value === undefined) {
      value = replicate(inst.value, INTEGER[size]!, into, inst);
      values.set(size, value);
    }
    into.push({ kind: 'store', type: 'void', address: inst.target, offset, value, align: size, volatile: false, span });
  }
}

/** The byte in every byte of the type. */
function replicate(byte: Value, type: ScalarType, into: Inst[], at: MemSetInst): Value {
  const ones = constant(type, BigInt(`0x${'01'.repeat(bitsOf(type) / 8)}`));
  if (byte.kind === 'const') return constant(type, BigInt.asUintN(8, byte.value) * ones.value);
  if (byte.kind === 'undef') return constant(type, 0);
  if (typeOf(byte) === type) return byte;
  const wide: Inst = { kind: 'cast', op: 'zext', type, value: byte, span: at.span };
  const filled: Inst = { kind: 'binary', op: 'mul', type, a: wide, b: ones, span: at.span };
  into.push(wide, filled);
  return filled;
}
