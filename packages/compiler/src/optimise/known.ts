import { bitsOf, coreBits, typeOf, unsignedOf } from '../ir/constant.ts';
import type { ScalarType, Value } from '../ir/ir.ts';

/**
 * How many low bits of a value may be set: it is below 2^n as an unsigned number. Only what every verifier derives from
 * the instructions as well, so that a mask or check that says no more may go: kernels know nothing of the results of
 * divisions, and before 6.12 little of `or`. With `exact`, what is mathematically so.
 */
export function usedBits(value: Value, exact = false, depth = 0): number {
  const all = bitsOf(typeOf(value) as ScalarType);
  const of = (operand: Value) => usedBits(operand, exact, depth + 1);
  switch (value.kind) {
    case 'const': {
      const number = unsignedOf(value);
      return number === 0n ? 0 : number.toString(2).length;
    }
    case 'cast':
      if (depth > DEPTH) return all;
      if (value.op === 'zext') return of(value.value);
      return value.op === 'trunc' ? Math.min(all, of(value.value)) : all;
    case 'select':
      return depth > DEPTH ? all : Math.max(of(value.a), of(value.b));
    case 'core':
      return Math.min(all, coreBits(value));
    case 'binary':
      break;
    default:
      return all;
  }
  if (depth > DEPTH) return all;
  const { a, b } = value;
  const count = b.kind === 'const' ? Number(b.value & (all === 64 ? 63n : 31n)) : undefined;
  switch (value.op) {
    case 'and':
      return Math.min(of(a), of(b));
    case 'or':
      return exact ? Math.max(of(a), of(b)) : all;
    case 'xor':
      return Math.max(of(a), of(b));
    case 'add':
      return Math.min(all, Math.max(of(a), of(b)) + 1);
    case 'mul':
      return Math.min(all, of(a) + of(b));
    case 'udiv':
      return exact ? of(a) : all;
    case 'urem':
      // The remainder by zero is the dividend.
      if (!exact) return all;
      return b.kind === 'const' && b.value !== 0n ? Math.min(of(a), of(b)) : of(a);
    case 'lshr':
      // Verifiers know nothing of what is shifted by a variable.
      if (count === undefined) return exact ? of(a) : all;
      return Math.max(0, of(a) - count);
    case 'shl':
      return count === undefined ? all : Math.min(all, of(a) + count);
    default:
      return all;
  }
}

const DEPTH = 6;

/** The sign bit is certainly clear. */
export function isNonNegative(value: Value): boolean {
  return usedBits(value, true) < bitsOf(typeOf(value) as ScalarType);
}
