import type { BtfId, CoreKind } from '@skep/object';
import { constant } from '../../ir/constant.ts';
import type { Value } from '../../ir/ir.ts';
import type { Expr, IndexExpr, MemberExpr } from '../ast.ts';
import type { CType, Field, RecordType } from '../ctype.ts';
import { alignOf, inArena, isVolatile, sizeOf, strip } from '../types.ts';
import { memberIndex } from './btf-types.ts';
import { relocatedBitField } from './diagnostics.ts';
import { lowerValue } from './expression.ts';
import { addressOf, lowerPlace, type Place } from './place.ts';
import type { FunctionState } from './state.ts';
import { staticNumber } from './static-value.ts';
import { isSigned } from './types.ts';

/**
 * Is the place of the member (or of the array element inside of a relocated member) one whose offset the loader fills
 * in? So it is in records with `preserve_access_index` and under `__builtin_preserve_access_index`, except for what the
 * program itself laid out: its variables keep the layout that they were compiled with.
 */
export function relocates(fn: FunctionState, e: MemberExpr | IndexExpr): boolean {
  if (e.kind === 'member') return (fn.preserving > 0 || e.record.preserveAccessIndex) && !isOwn(e);
  if (!e.ofArray || (e.base.kind !== 'member' && e.base.kind !== 'index')) return false;
  return staticNumber(fn.unit, e.subscript) !== undefined && relocates(fn, e.base);
}

/** One relocation for the whole chain of members and constant subscripts, as far as it is relocated. */
export function relocatedPlace(fn: FunctionState, e: MemberExpr | IndexExpr): Place {
  const { b } = fn;
  const chain = chainOf(fn, e, (node) => relocates(fn, node));
  const volatile = isVolatile(e.type);
  const field = e.kind === 'member' ? e.field : undefined;
  let bits: Place['bits'];
  let { offset } = chain;
  if (field?.bitWidth !== undefined) {
    const unit = relocatedUnit(field);
    if (unit === undefined) {
      fn.unit.diagnostics.add(relocatedBitField(field.name ?? '', e.span));
      return { base: constant('ptr', 0), offset: 0, align: 1, bias: 0, volatile, arena: false, bits };
    }
    offset += unit.byte - (field.bitOffset >> 3);
    bits = { unit: unit.size, shift: field.bitOffset - unit.byte * 8, width: field.bitWidth };
  }
  const base = chain.base();
  const distance = b.core('field_byte_offset', chain.root, chain.access, BigInt(offset));
  return {
    base: b.advance(base, distance),
    offset: 0,
    align: alignOf(e.type),
    bias: 0,
    volatile,
    inUnion: true,
    arena: inArena(e.type),
    bits,
  };
}

/** `__builtin_preserve_field_info(place, kind)`: what is asked for, about a field that need not exist. */
export function fieldInfo(fn: FunctionState, place: Expr, kind: number): Value {
  const what = FIELD_KINDS[kind];
  const { b } = fn;
  if (what === undefined) throw new Error(`the parser let the kind ${kind} of __builtin_preserve_field_info pass`);
  const chain = chainOf(fn, place, (node) => node.kind === 'member' || isConstantIndex(fn, node));
  return b.core(what, chain.root, chain.access, BigInt(fieldValue(what, place, chain.offset)));
}

/** The id that a relocation names its type by: of an unnamed record, the typedef, since loaders look names up. */
export function rootOf(fn: FunctionState, type: CType): BtfId {
  let at = type;
  while (at.kind === 'qualified' || at.kind === 'tagged') at = at.type;
  if (at.kind !== 'typedef') return fn.unit.types.idOf(at);
  const bare = strip(at);
  const unnamed = (bare.kind === 'record' || bare.kind === 'enum') && bare.tag === undefined;
  return fn.unit.types.idOf(unnamed ? at : bare);
}

const FIELD_KINDS: readonly CoreKind[] = [
  'field_byte_offset',
  'field_byte_size',
  'field_exists',
  'field_signed',
  'field_lshift_u64',
  'field_rshift_u64',
];

interface Chain {
  /** As loaders read it: the array index on the root pointer, then the members and subscripts. */
  readonly access: string;
  readonly root: BtfId;
  /** Bytes, by the types that the program is compiled with. */
  readonly offset: number;
  /** Evaluates the address at which the root is. */
  readonly base: () => Value;
}

function chainOf(fn: FunctionState, e: Expr, part: (node: MemberExpr | IndexExpr) => boolean): Chain {
  const steps: number[] = [];
  let offset = 0;
  let node = e;
  let root: RecordType | undefined;
  for (;;) {
    if (node.kind === 'member' && part(node)) {
      steps.push(memberIndex(node.record, node.index));
      offset += node.field.bitOffset >> 3;
      root = node.record;
      node = node.place;
    } else if (node.kind === 'index' && node.ofArray && part(node)) {
      const subscript = Number(staticNumber(fn.unit, node.subscript) ?? 0n);
      steps.push(subscript);
      offset += subscript * node.scale;
      node = node.base;
    } else break;
  }
  const outermost = node;
  // `p[2].x`: the subscript on the pointer is the first index.
  const subscript =
    outermost.kind === 'index' && !outermost.ofArray ? staticNumber(fn.unit, outermost.subscript) : undefined;
  if (outermost.kind === 'index' && subscript !== undefined) {
    steps.push(Number(subscript));
    offset += Number(subscript) * outermost.scale;
  } else steps.push(0);
  return {
    access: steps.reverse().join(':'),
    root: rootOf(fn, strip(outermost.type) === root ? outermost.type : (root ?? outermost.type)),
    offset,
    base: () =>
      outermost.kind === 'index' && subscript !== undefined
        ? lowerValue(fn, outermost.base)
        : addressOf(fn, lowerPlace(fn, outermost)),
  };
}

function isConstantIndex(fn: FunctionState, e: IndexExpr): boolean {
  return e.ofArray && staticNumber(fn.unit, e.subscript) !== undefined;
}

/** Part of a variable, a literal or a temporary of the program. */
function isOwn(e: Expr): boolean {
  let at = e;
  for (;;) {
    if (at.kind === 'member') at = at.place;
    else if (at.kind === 'index' && at.ofArray) at = at.base;
    else return at.kind !== 'deref' && at.kind !== 'index';
  }
}

/**
 * The unit that loaders compute for a bit-field (`bpf_core_calc_field_relo`): of the declared type's size, doubled until
 * it holds the field.
 */
function relocatedUnit(field: Field): { readonly byte: number; readonly size: number } | undefined {
  const end = field.bitOffset + field.bitWidth!;
  for (let size = sizeOf(field.type) ?? 4; size <= 8; size *= 2) {
    const byte = Math.floor(field.bitOffset / 8 / size) * size;
    if (end <= (byte + size) * 8) return { byte, size };
  }
  return undefined;
}

function fieldValue(kind: CoreKind, e: Expr, offset: number): number {
  const size = sizeOf(e.type) ?? 0;
  const field = e.kind === 'member' && e.field.bitWidth !== undefined ? e.field : undefined;
  const unit = field && relocatedUnit(field);
  switch (kind) {
    case 'field_byte_offset':
      return field && unit ? offset + unit.byte - (field.bitOffset >> 3) : offset;
    case 'field_byte_size':
      return unit ? unit.size : size;
    case 'field_exists':
      return 1;
    case 'field_signed':
      return isSigned(e.type) ? 1 : 0;
    case 'field_lshift_u64':
      return field && unit ? 64 - (field.bitOffset + field.bitWidth! - unit.byte * 8) : 64 - size * 8;
    default:
      return field ? 64 - field.bitWidth! : 64 - size * 8;
  }
}
