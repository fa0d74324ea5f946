import type { Span } from '@skep/base';
import { constantPlace, stackAlign } from '../ir/alignment.ts';
import { bitsOf, bytesOf, constant, typeOf } from '../ir/constant.ts';
import type { CastInst, Func, Inst, LoadInst, ScalarType, StoreInst, Value } from '../ir/ir.ts';
import { replaceValues, targetsOf } from '../ir/uses.ts';

/**
 * Splits what is read and written on the stack without being aligned (fields of packed structs): verifiers follow what
 * is spilled there by words, and refuse it. Everywhere else such an access is one instruction.
 */
export function splitAccesses(func: Func): boolean {
  const onStack = stackAddresses(func);
  const replacements = new Map<Value, Value>();
  let changed = false;
  for (const block of func.blocks) {
    const kept: Inst[] = [];
    for (const inst of block.insts) {
      const pieces = inst.kind === 'load' || inst.kind === 'store' ? piecesOf(inst, onStack) : undefined;
      if (pieces === undefined) kept.push(inst);
      else if (inst.kind === 'load') replacements.set(inst, load(inst, pieces, kept));
      else if (inst.kind === 'store') store(inst, pieces, kept);
      if (pieces !== undefined) changed = true;
    }
    block.insts = kept;
  }
  replaceValues(func, replacements);
  return changed;
}

type Piece = { readonly at: number; readonly bytes: number };

/** Undefined when the access can stay as it is. */
function piecesOf(inst: LoadInst | StoreInst, onStack: ReadonlySet<Value>): Piece[] | undefined {
  const size = bytesOf((inst.kind === 'load' ? inst.type : typeOf(inst.value)) as ScalarType);
  if (size === 1) return undefined;
  const { root, distance } = constantPlace(inst.address);
  let align: number;
  let start = 0;
  if (root.kind === 'alloca') {
    align = stackAlign(root);
    start = distance + inst.offset;
  } else {
    if (inst.align >= size || !onStack.has(root)) return undefined;
    align = inst.align;
  }
  const pieces: Piece[] = [];
  for (let at = 0; at < size; ) {
    let bytes = Math.min(align, size);
    while (at + bytes > size || (start + at) % bytes !== 0) bytes >>= 1;
    pieces.push({ at, bytes });
    at += bytes;
  }
  return pieces.length === 1 ? undefined : pieces;
}

function load(inst: LoadInst, pieces: readonly Piece[], into: Inst[]): Value {
  const { address, offset, volatile, span } = inst;
  const type = integerOf(inst.type as ScalarType);
  let whole: Value | undefined;
  for (const { at, bytes } of pieces) {
    const piece: LoadInst = {
      kind: 'load',
      type: INTEGER[bytes]!,
      address,
      offset: offset + at,
      align: bytes,
      volatile,
      span,
    };
    const wide: CastInst = { kind: 'cast', op: 'zext', type, value: piece, span };
    into.push(piece, wide);
    const moved = at === 0 ? wide : binary('shl', type, wide, constant(type, 8 * at), span, into);
    whole = whole === undefined ? moved : binary('or', type, whole, moved, span, into);
  }
  if (inst.type !== 'ptr') return whole!;
  const pointer: CastInst = { kind: 'cast', op: 'inttoptr', type: 'ptr', value: whole!, span };
  into.push(pointer);
  return pointer;
}

function store(inst: StoreInst, pieces: readonly Piece[], into: Inst[]): void {
  const { address, offset, volatile, span } = inst;
  const type = integerOf(typeOf(inst.value) as ScalarType);
  let { value } = inst;
  if (typeOf(value) === 'ptr') {
    const number: CastInst = { kind: 'cast', op: 'ptrtoint', type, value, span };
    into.push(number);
    value = number;
  }
  for (const { at, bytes } of pieces) {
    const moved = at === 0 ? value : binary('lshr', type, value, constant(type, 8 * at), span, into);
    const piece: CastInst = { kind: 'cast', op: 'trunc', type: INTEGER[bytes]!, value: moved, span };
    into.push(piece, {
      kind: 'store',
      type: 'void',
      address,
      offset: offset + at,
      value: piece,
      align: bytes,
      volatile,
      span,
    });
  }
}

function binary(
  op: 'shl' | 'lshr' | 'or',
  type: ScalarType,
  a: Value,
  b: Value,
  span: Span | undefined,
  into: Inst[],
): Inst & Value {
  const inst: Inst = { kind: 'binary', op, type, a, b, span };
  into.push(inst);
  return inst;
}

const INTEGER: Record<number, ScalarType> = { 1: 'i8', 2: 'i16', 4: 'i32', 8: 'i64' };

function integerOf(type: ScalarType): ScalarType {
  return INTEGER[bitsOf(type) / 8]!;
}

/** Addresses that may be on the stack: made from it here, handed in by a caller, or kept in memory there. */
function stackAddresses(func: Func): Set<Value> {
  const found = new Set<Value>(func.params.filter((param) => param.type === 'ptr' && param.origin === undefined));
  for (let before = -1; before !== found.size; ) {
    before = found.size;
    for (const block of func.blocks) {
      for (const inst of block.insts) {
        switch (inst.kind) {
          case 'alloca':
            found.add(inst);
            break;
          case 'ptradd':
            if (found.has(inst.base)) found.add(inst);
            break;
          case 'select':
            if (found.has(inst.a) || found.has(inst.b)) found.add(inst);
            break;
          case 'barrier':
            if (inst.value !== undefined && found.has(inst.value)) found.add(inst);
            break;
          case 'load':
            if (inst.type === 'ptr' && found.has(inst.address)) found.add(inst);
            break;
        }
      }
      for (const { block: to, args } of targetsOf(block.term)) {
        for (const [i, arg] of args.entries()) if (found.has(arg)) found.add(to.params[i]!);
      }
    }
  }
  return found;
}
