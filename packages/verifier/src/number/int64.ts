/**
 * 64-bit numbers as two signed 32-bit halves. Functions with a 64-bit result return the low half and leave the high one
 * in {@link hi}: an order of magnitude faster than bigint, and the explorer does little else.
 */

/** The high half of the last result. */
export let hi = 0;

export function add64(al: number, ah: number, bl: number, bh: number): number {
  const low = (al + bl) | 0;
  hi = (ah + bh + (low >>> 0 < al >>> 0 ? 1 : 0)) | 0;
  return low;
}

export function sub64(al: number, ah: number, bl: number, bh: number): number {
  hi = (ah - bh - (al >>> 0 < bl >>> 0 ? 1 : 0)) | 0;
  return (al - bl) | 0;
}

/** Shift left by 0 … 63. */
export function shl64(l: number, h: number, n: number): number {
  if (n === 0) {
    hi = h;
    return l;
  }
  if (n >= 32) {
    hi = l << (n - 32);
    return 0;
  }
  hi = (h << n) | (l >>> (32 - n));
  return l << n;
}

/** Logical shift right by 0 … 63. */
export function shr64(l: number, h: number, n: number): number {
  if (n === 0) {
    hi = h;
    return l;
  }
  if (n >= 32) {
    hi = 0;
    return (h >>> (n - 32)) | 0;
  }
  hi = (h >>> n) | 0;
  return (l >>> n) | (h << (32 - n));
}

/** Arithmetic shift right by 0 … 63. */
export function sar64(l: number, h: number, n: number): number {
  if (n === 0) {
    hi = h;
    return l;
  }
  if (n >= 32) {
    hi = h >> 31;
    return h >> (n - 32);
  }
  hi = h >> n;
  return (l >>> n) | (h << (32 - n));
}

/** Unsigned `a < b`. */
export function ult(al: number, ah: number, bl: number, bh: number): boolean {
  return ah === bh ? al >>> 0 < bl >>> 0 : ah >>> 0 < bh >>> 0;
}

/** Signed `a < b`. */
export function slt(al: number, ah: number, bl: number, bh: number): boolean {
  return ah === bh ? al >>> 0 < bl >>> 0 : ah < bh;
}

/** A signed 64-bit number as a double: exact below 2^53, and always right in sign and magnitude. */
export function toNumber(l: number, h: number): number {
  return h * 4294967296 + (l >>> 0);
}

export function toUnsignedNumber(l: number, h: number): number {
  return (h >>> 0) * 4294967296 + (l >>> 0);
}

/** As `%lld` prints it. */
export function signedText(l: number, h: number): string {
  return h >= -0x200000 && h < 0x200000 ? String(toNumber(l, h)) : String((BigInt(h) << 32n) | BigInt(l >>> 0));
}

export function unsignedText(l: number, h: number): string {
  return h >>> 0 < 0x200000 ? String(toUnsignedNumber(l, h)) : String((BigInt(h >>> 0) << 32n) | BigInt(l >>> 0));
}

/** As `%#llx` prints it. */
export function hexText(l: number, h: number): string {
  if (l === 0 && h === 0) return '0';
  return h === 0
    ? `0x${(l >>> 0).toString(16)}`
    : `0x${(h >>> 0).toString(16)}${(l >>> 0).toString(16).padStart(8, '0')}`;
}
