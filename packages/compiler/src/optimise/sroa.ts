import { bytesOf, constant, typeOf } from '../ir/constant.ts';
import { reversePostOrder } from '../ir/graph.ts';
import type {
  AllocaInst,
  Func,
  Inst,
  LoadInst,
  MemCopyInst,
  MemSetInst,
  ScalarType,
  StoreInst,
  Value,
} from '../ir/ir.ts';
import { forEachOperand, isLocal, replaceValues } from '../ir/uses.ts';

/**
 * Scalar replacement: an alloca whose address does not escape, and that is accessed at constant offsets only, is split
 * into one alloca for each piece that is used as a scalar, so that {@link promoteAllocas} can make values of them.
 * Copies and fills of the whole are cut along the pieces. Allocas that are only written disappear.
 */
export function splitAllocas(func: Func): boolean {
  let changed = false;
  // A copy between two allocas is cut for one of them at a time.
  for (let round = 0; round < ROUNDS; round++) {
    if (!splitOnce(func)) break;
    changed = true;
  }
  return changed;
}

const ROUNDS = 12;
/** Bytes that only copies touch become scalars up to this many in a row, and stay in memory beyond. */
const MAX_GAP = 32;
/** More pieces than this are an array, which is cheaper in memory, unless it would fill the stack. */
const MAX_PIECES = 64;
const MOST_PIECES = 1024;
const MUCH_STACK = 256;

type Access = LoadInst | StoreInst | MemCopyInst | MemSetInst;
interface Slice {
  readonly inst: Access;
  /** A copy reads the alloca at `source` and writes it at `target`. */
  readonly role: 'load' | 'store' | 'fill' | 'target' | 'source';
  readonly offset: number;
  readonly size: number;
}
interface Piece {
  readonly start: number;
  readonly end: number;
  readonly type: ScalarType | undefined;
  readonly alloca: AllocaInst;
}

function splitOnce(func: Func): boolean {
  const candidates = collect(func);
  const edits: Edits = { insts: new Map(), values: new Map(), dropped: new Set(), added: [] };
  for (const [alloca, slices] of candidates) {
    if (slices.some((slice) => edits.insts.has(slice.inst))) continue;
    if (slices.every((slice) => slice.role === 'store' || slice.role === 'fill' || slice.role === 'target')) {
      for (const slice of slices) edits.insts.set(slice.inst, []);
      edits.dropped.add(alloca);
      continue;
    }
    const pieces = cut(alloca, slices);
    if (pieces === undefined) continue;
    edits.dropped.add(alloca);
    edits.added.push(...pieces.map((piece) => piece.alloca));
    for (const slice of slices) rewrite(slice, pieces, edits);
  }
  if (edits.dropped.size === 0) return false;
  apply(func, edits);
  return true;
}

/** Allocas of which every use is known, with their uses in the order of the blocks. */
function collect(func: Func): Map<AllocaInst, Slice[]> {
  const slices = new Map<AllocaInst, Slice[]>();
  const roots = new Map<Value, { alloca: AllocaInst; offset: number }>();
  const reject = (value: Value) => {
    const root = roots.get(value);
    if (root !== undefined) slices.delete(root.alloca);
  };
  const note = (inst: Access, address: Value, at: number, size: number, role: Slice['role']) => {
    const root = roots.get(address);
    if (root === undefined) return;
    const offset = root.offset + at;
    const list = slices.get(root.alloca);
    if (list === undefined) return;
    if (offset < 0 || offset + size > root.alloca.size || inst.type === 'i1') slices.delete(root.alloca);
    else if (size > 0 || role === 'fill') list.push({ inst, role, offset, size });
    else slices.delete(root.alloca);
  };
  for (const block of reversePostOrder(func)) {
    for (const inst of block.insts) {
      switch (inst.kind) {
        case 'alloca':
          slices.set(inst, []);
          roots.set(inst, { alloca: inst, offset: 0 });
          break;
        case 'ptradd': {
          const root = roots.get(inst.base);
          if (root === undefined) break;
          if (inst.offset.kind === 'const') {
            roots.set(inst, { alloca: root.alloca, offset: root.offset + Number(inst.offset.value) });
          } else {
            reject(inst.base);
          }
          break;
        }
        case 'load':
          if (inst.volatile) reject(inst.address);
          else note(inst, inst.address, inst.offset, bytesOf(inst.type as ScalarType), 'load');
          break;
        case 'store':
          reject(inst.value);
          if (inst.volatile || typeOf(inst.value) === 'i1') reject(inst.address);
          else note(inst, inst.address, inst.offset, bytesOf(typeOf(inst.value) as ScalarType), 'store');
          break;
        case 'memset':
          if (inst.value.kind !== 'const') reject(inst.target);
          else note(inst, inst.target, 0, inst.size, 'fill');
          break;
        case 'memcpy':
          if (inst.volatile || roots.get(inst.target)?.alloca === roots.get(inst.source)?.alloca) {
            reject(inst.target);
            reject(inst.source);
          } else {
            note(inst, inst.target, 0, inst.size, 'target');
            note(inst, inst.source, 0, inst.size, 'source');
          }
          break;
        default:
          forEachOperand(inst, reject);
      }
    }
    forEachOperand(block.term, reject);
  }
  return slices;
}

/** Undefined when nothing would be won. */
function cut(alloca: AllocaInst, slices: readonly Slice[]): Piece[] | undefined {
  const scalars = slices.filter((slice) => slice.role === 'load' || slice.role === 'store');
  scalars.sort((a, b) => a.offset - b.offset || b.size - a.size);
  const ranges: { start: number; end: number; slices: Slice[] }[] = [];
  for (const slice of scalars) {
    const last = ranges[ranges.length - 1];
    if (last !== undefined && slice.offset < last.end) {
      last.end = Math.max(last.end, slice.offset + slice.size);
      last.slices.push(slice);
    } else {
      ranges.push({ start: slice.offset, end: slice.offset + slice.size, slices: [slice] });
    }
  }
  const pieces: Piece[] = [];
  let gain = false;
  let at = 0;
  const piece = (start: number, end: number, type: ScalarType | undefined) => {
    // A slot for a value has the alignment of its type, whatever the layout it was cut from.
    const align = type === undefined ? gcd(alloca.align, start) : end - start;
    const name = alloca.name;
    const own: AllocaInst = {
      kind: 'alloca',
      type: 'ptr',
      size: end - start,
      align,
      name,
      variable: alloca.variable?.part(start, end - start),
      span: alloca.span,
    };
    pieces.push({ start, end, type, alloca: own });
  };
  for (const range of [...ranges, { start: alloca.size, end: alloca.size, slices: [] }]) {
    if (at < range.start && slices.some((slice) => slice.offset < range.start && slice.offset + slice.size > at)) {
      if (range.start - at <= MAX_GAP && !cutsThrough(slices, at, range.start)) {
        for (let size = 8; at < range.start; size = 8) {
          while (at % size !== 0 || at + size > range.start) size >>= 1;
          piece(at, at + size, INTEGER[size]!);
          at += size;
          gain = true;
        }
      } else {
        piece(at, range.start, undefined);
      }
    }
    if (range.slices.length > 0) {
      const type = cutsThrough(slices, range.start, range.end)
        ? undefined
        : scalarType(range.end - range.start, range.slices);
      piece(range.start, range.end, type);
      if (type !== undefined) gain = true;
    }
    at = range.end;
  }
  if (pieces.length > (alloca.size > MUCH_STACK ? MOST_PIECES : MAX_PIECES) || !gain) return undefined;
  const only = pieces.length === 1 ? pieces[0]! : undefined;
  const settled =
    only !== undefined &&
    only.end - only.start === alloca.size &&
    slices.every((slice) => (slice.role === 'load' || slice.role === 'store') && slice.size === alloca.size);
  return settled ? undefined : pieces;
}

/** A copy or fill begins or ends inside of the range. */
function cutsThrough(slices: readonly Slice[], start: number, end: number): boolean {
  return slices.some(({ role, offset, size }) => {
    if (role === 'load' || role === 'store') return false;
    return (offset > start && offset < end) || (offset + size > start && offset + size < end);
  });
}

const INTEGER: Record<number, ScalarType> = { 1: 'i8', 2: 'i16', 4: 'i32', 8: 'i64' };

/** A piece is a scalar when its size is one, and every access lies within it. */
function scalarType(size: number, slices: readonly Slice[]): ScalarType | undefined {
  const integer = INTEGER[size];
  if (integer === undefined) return undefined;
  let type: ScalarType | undefined;
  for (const slice of slices) {
    const own = typeOfAccess(slice.inst);
    if (slice.size !== size) {
      if (own === 'ptr') return undefined;
      type = integer;
    } else if (type === undefined) {
      type = own;
    } else if (type !== own) {
      type = type === 'ptr' || own === 'ptr' ? 'ptr' : integer;
    }
  }
  // Cutting numbers out of a pointer is nothing that verifiers follow.
  if (type === 'ptr' && slices.some((slice) => slice.size !== size)) return undefined;
  return type ?? integer;
}

function typeOfAccess(inst: Access): ScalarType {
  return (inst.kind === 'store' ? typeOf(inst.value) : inst.type) as ScalarType;
}

interface Edits {
  /** What stands in the place of an instruction. */
  readonly insts: Map<Inst, Inst[]>;
  readonly values: Map<Value, Value>;
  readonly dropped: Set<Inst>;
  readonly added: AllocaInst[];
}

function rewrite(slice: Slice, pieces: readonly Piece[], edits: Edits): void {
  const { inst } = slice;
  const out: Inst[] = [];
  edits.insts.set(inst, out);
  const make = <T extends Inst>(made: T): T => {
    out.push(made);
    return made;
  };
  const end = slice.offset + slice.size;
  for (const piece of pieces) {
    const from = Math.max(piece.start, slice.offset);
    const to = Math.min(piece.end, end);
    if (from >= to) continue;
    if (inst.kind === 'load' || inst.kind === 'store') {
      rewriteScalar(inst, from - piece.start, to - from, piece, edits, make);
    } else if (inst.kind === 'memset') {
      const whole = from === piece.start && to === piece.end && piece.type !== undefined;
      const byte = inst.value.kind === 'const' ? inst.value.value : 0n;
      const address = offsetBy(piece.alloca, from - piece.start, inst, make);
      if (whole) {
        const value = constant(piece.type!, replicate(byte, to - from));
        make(storeOf(piece.alloca, 0, value, piece.alloca.align, inst));
      } else {
        make({ ...inst, target: address, size: to - from, align: gcd(piece.alloca.align, from - piece.start) });
      }
    } else {
      rewriteCopy(inst, slice, piece, from, to, make);
    }
  }
}

type Make = <T extends Inst>(made: T) => T;

function rewriteScalar(
  inst: LoadInst | StoreInst,
  delta: number,
  size: number,
  piece: Piece,
  edits: Edits,
  make: Make,
): void {
  const { alloca } = piece;
  const { span } = inst;
  const whole = size === alloca.size;
  const wide = piece.type;
  if (wide === undefined || whole) {
    const align = wide === undefined ? inst.align : alloca.align;
    const moved = make({ ...inst, address: alloca, offset: delta, align });
    if (moved.kind === 'load') edits.values.set(inst, moved);
    return;
  }
  const shift = constant(wide, delta * 8);
  const old = make<LoadInst>({ ...loadOf(alloca, 0, wide, alloca.align, inst) });
  if (inst.kind === 'load') {
    let value: Inst = old;
    if (delta > 0) value = make({ kind: 'binary', op: 'lshr', type: wide, a: old, b: shift, span });
    edits.values.set(inst, make({ kind: 'cast', op: 'trunc', type: inst.type, value, span }));
    return;
  }
  const mask = ~(((1n << BigInt(size * 8)) - 1n) << BigInt(delta * 8));
  const rest = make({ kind: 'binary', op: 'and', type: wide, a: old, b: constant(wide, mask), span });
  let value: Inst = make({ kind: 'cast', op: 'zext', type: wide, value: inst.value, span });
  if (delta > 0) value = make({ kind: 'binary', op: 'shl', type: wide, a: value, b: shift, span });
  const both = make({ kind: 'binary', op: 'or', type: wide, a: rest, b: value, span });
  make(storeOf(alloca, 0, both, alloca.align, inst));
}

/** The part of a copy that lies in one piece: a load and a store where the piece is a scalar, a smaller copy elsewhere. */
function rewriteCopy(inst: MemCopyInst, slice: Slice, piece: Piece, from: number, to: number, make: Make): void {
  const far = from - slice.offset;
  const align = gcd(inst.align, far);
  const whole = from === piece.start && to === piece.end && piece.type !== undefined;
  const reading = slice.role === 'source';
  if (whole) {
    const other = reading ? inst.target : inst.source;
    const value = make(
      reading
        ? loadOf(piece.alloca, 0, piece.type!, piece.alloca.align, inst)
        : loadOf(other, far, piece.type!, align, inst),
    );
    make(reading ? storeOf(other, far, value, align, inst) : storeOf(piece.alloca, 0, value, piece.alloca.align, inst));
    return;
  }
  const near = offsetBy(piece.alloca, from - piece.start, inst, make);
  const other = offsetBy(reading ? inst.target : inst.source, far, inst, make);
  const known = gcd(align, gcd(piece.alloca.align, from - piece.start));
  const [target, source] = reading ? [other, near] : [near, other];
  make({ ...inst, target, source, size: to - from, align: known, overlap: false });
}

function loadOf(address: Value, offset: number, type: ScalarType, align: number, at: Inst): LoadInst {
  return { kind: 'load', type, address, offset, align: Math.min(align, bytesOf(type)), volatile: false, span: at.span };
}

function storeOf(address: Value, offset: number, value: Value, align: number, at: Inst): StoreInst {
  const bytes = bytesOf(typeOf(value) as ScalarType);
  const { span } = at;
  return { kind: 'store', type: 'void', address, offset, value, align: Math.min(align, bytes), volatile: false, span };
}

function offsetBy(base: Value, offset: number, at: Inst, make: Make): Value {
  if (offset === 0) return base;
  return make({ kind: 'ptradd', type: 'ptr', base, offset: constant('i64', offset), span: at.span });
}

function replicate(byte: bigint, size: number): bigint {
  let value = 0n;
  for (let i = 0; i < size; i++) value = (value << 8n) | (byte & 0xffn);
  return value;
}

/** The largest power of two that divides an offset from something aligned to `align`. */
function gcd(align: number, offset: number): number {
  return offset === 0 ? align : Math.min(align, offset & -offset);
}

function apply(func: Func, edits: Edits): void {
  for (const block of func.blocks) {
    const kept: Inst[] = block === func.blocks[0] ? [...edits.added] : [];
    for (const inst of block.insts) {
      const instead = edits.insts.get(inst);
      if (instead !== undefined) kept.push(...instead);
      else if (!edits.dropped.has(inst)) kept.push(inst);
    }
    block.insts = kept;
  }
  replaceValues(func, edits.values);
  removeDangling(func, edits.dropped);
}

/** Constant offsets from an alloca that is gone, which nothing uses any more. */
function removeDangling(func: Func, dropped: ReadonlySet<Inst>): void {
  const dead = new Set<Value>(dropped);
  for (const block of reversePostOrder(func)) {
    block.insts = block.insts.filter((inst) => {
      if (inst.kind !== 'ptradd' || !isLocal(inst.base) || !dead.has(inst.base)) return true;
      dead.add(inst);
      return false;
    });
  }
}
