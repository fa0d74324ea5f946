import type { CType, IntType } from '../ctype.ts';
import { INT, toUnsigned, UINT } from './basic.ts';
import { integerOf, strip, unqualified } from './query.ts';

/**
 * Integer promotion (C11 6.3.1.1p2) of a value's type; `bitWidth` when it was read out of a bit-field. Bit-fields wider
 * than `int` keep their declared type, as in clang. Types that are not integers come back as they are.
 */
export function promoted(type: CType, bitWidth?: number): CType {
  const int = integerOf(type);
  if (int === undefined) return unqualified(type);
  if (bitWidth !== undefined && int.size <= 8) {
    if (bitWidth < 32 || (bitWidth === 32 && int.signed)) return INT;
    if (bitWidth === 32) return UINT;
  }
  if (int.rank < INT.rank) return INT;
  return strip(type).kind === 'enum' ? int : unqualified(type);
}

/** The common type of two promoted integers (C11 6.3.1.8); keeps the sugar of the one that it is. */
export function commonInteger(a: CType, b: CType): CType {
  const left = integerOf(a)!;
  const right = integerOf(b)!;
  if (left === right) return a;
  if (left.signed === right.signed) return left.rank >= right.rank ? a : b;
  const [unsigned, signed] = left.signed ? [right, left] : [left, right];
  const [unsignedSugar, signedSugar] = left.signed ? [b, a] : [a, b];
  if (unsigned.rank >= signed.rank) return unsignedSugar;
  if (signed.size > unsigned.size) return signedSugar;
  return toUnsigned(signed);
}

/** A value wrapped into an integer type, as a conversion does. */
export function wrap(value: bigint, type: IntType): bigint {
  if (type.bool) return value === 0n ? 0n : 1n;
  return type.signed ? BigInt.asIntN(type.size * 8, value) : BigInt.asUintN(type.size * 8, value);
}

export function fits(value: bigint, type: IntType): boolean {
  return wrap(value, type) === value;
}
