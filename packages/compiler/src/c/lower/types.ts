import type { ScalarType } from '../../ir/ir.ts';
import type { CType } from '../ctype.ts';
import { alignOf, integerOf, isVolatile, sizeOf, strip } from '../types.ts';

/**
 * The register type of a C type; `void` for none; undefined for what lives in memory only: records, arrays, 128-bit
 * integers, floats.
 */
export function irTypeOf(type: CType): ScalarType | 'void' | undefined {
  const bare = strip(type);
  switch (bare.kind) {
    case 'void':
      return 'void';
    case 'pointer':
    case 'function':
      return 'ptr';
    case 'int':
      return INT_OF_SIZE[bare.size];
    case 'enum':
      return INT_OF_SIZE[bare.underlying?.size ?? 4];
    default:
      return undefined;
  }
}

export const INT_OF_SIZE: Readonly<Record<number, ScalarType>> = { 1: 'i8', 2: 'i16', 4: 'i32', 8: 'i64' };

/** Lives in memory only, and is copied rather than loaded. */
export function isAggregate(type: CType): boolean {
  return irTypeOf(type) === undefined;
}

export function isSigned(type: CType): boolean {
  return integerOf(type)?.signed ?? false;
}

/**
 * Scalars, and objects of eight bytes and more, start on a stack slot: verifiers remember the value of a scalar only
 * there, and larger objects can be filled and copied by words. Of a small volatile one it is to remember nothing: a loop
 * over an iterator that counts in one would never come to an end.
 */
export function stackAlignOf(type: CType): number {
  if (isVolatile(type) && irTypeOf(type) !== undefined) return alignOf(type);
  const slot = irTypeOf(type) !== undefined || (sizeOf(type) ?? 0) >= 8;
  return slot ? Math.max(8, alignOf(type)) : alignOf(type);
}

/** The greatest power of two that divides both. */
export function alignAt(align: number, offset: number): number {
  if (offset === 0) return align;
  const low = offset & -offset;
  return Math.min(align, low);
}
