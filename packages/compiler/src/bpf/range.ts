import { bitsOf, coreBits, typeOf } from '../ir/constant.ts';
import type { Const, ScalarType, Value } from '../ir/ir.ts';

const DEPTH = 6;

/** An upper bound of how many low bits of the zero-extended value can be set. */
export function maxBits(value: Value, depth = DEPTH): number {
  const type = typeOf(value) as ScalarType;
  const bits = bitsOf(type);
  if (depth === 0) return bits;
  switch (value.kind) {
    case 'const':
      return value.value < 0n ? bits : value.value.toString(2).length;
    case 'cast':
      if (value.op === 'zext' || value.op === 'trunc') return Math.min(bits, maxBits(value.value, depth - 1));
      return bits;
    case 'select':
      return Math.max(maxBits(value.a, depth - 1), maxBits(value.b, depth - 1));
    case 'core':
      return Math.min(bits, coreBits(value));
    case 'binary':
      return Math.min(bits, unboundedBits(value, depth));
    default:
      return bits;
  }
}

/** As {@link maxBits}, but before wrapping: more than the type's width says that the operation may wrap. */
export function unboundedBits(value: Extract<Value, { kind: 'binary' }>, depth = DEPTH): number {
  const { op, a, b } = value;
  const bits = bitsOf(value.type as ScalarType);
  const x = () => maxBits(a, depth - 1);
  const y = () => maxBits(b, depth - 1);
  switch (op) {
    case 'and':
      return Math.min(x(), y());
    case 'or':
    case 'xor':
      return Math.max(x(), y());
    case 'add':
      return Math.max(x(), y()) + 1;
    case 'mul':
      return x() + y();
    case 'udiv':
      return x();
    case 'urem':
      return x();
    case 'lshr':
      return b.kind === 'const' ? Math.max(1, x() - shiftCount(b, bits)) : x();
    case 'shl':
      return b.kind === 'const' ? x() + shiftCount(b, bits) : 2 * bits;
    default:
      return 2 * bits;
  }
}

/** By how much the machine shifts: only the low bits of the count matter. */
export function shiftCount(count: Const, bits: number): number {
  return Number(BigInt.asUintN(bits === 64 ? 6 : 5, count.value));
}
