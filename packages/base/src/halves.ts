/**
 * 64-bit arithmetic on two signed 32-bit halves, for the hot paths where `bigint` costs ten times as much. Functions
 * with a 64-bit result return its low half and leave the high half in {@link high}.
 */

/** The high half of the last result. */
export let high = 0;

/** Low 64 bits of a product. */
export function mul64(aLow: number, aHigh: number, bLow: number, bHigh: number): number {
  high = (mulHigh(aLow, bLow) + Math.imul(aLow, bHigh) + Math.imul(aHigh, bLow)) | 0;
  return Math.imul(aLow, bLow);
}

/** The upper 32 bits of the 64-bit product of two unsigned 32-bit numbers. */
function mulHigh(a: number, b: number): number {
  const a0 = a & 0xffff;
  const a1 = a >>> 16;
  const b0 = b & 0xffff;
  const b1 = b >>> 16;
  const middle = a1 * b0 + ((a0 * b0) >>> 16);
  const carry = (middle & 0xffff) + a0 * b1;
  return (a1 * b1 + Math.floor(middle / 0x10000) + Math.floor(carry / 0x10000)) | 0;
}

/** Unsigned quotient; the divisor is not zero. */
export function udiv64(aLow: number, aHigh: number, bLow: number, bHigh: number): number {
  // Quotients of numbers below 2^53 are exact in a double.
  if (aHigh >>> 21 === 0 && bHigh >>> 21 === 0) {
    const quotient = Math.floor(
      ((aHigh >>> 0) * 4294967296 + (aLow >>> 0)) / ((bHigh >>> 0) * 4294967296 + (bLow >>> 0)),
    );
    high = (quotient / 4294967296) | 0;
    return quotient | 0;
  }
  return split(unsigned(aLow, aHigh) / unsigned(bLow, bHigh));
}

/** Unsigned remainder; the divisor is not zero. */
export function umod64(aLow: number, aHigh: number, bLow: number, bHigh: number): number {
  if (aHigh >>> 21 === 0 && bHigh >>> 21 === 0) {
    const rest = ((aHigh >>> 0) * 4294967296 + (aLow >>> 0)) % ((bHigh >>> 0) * 4294967296 + (bLow >>> 0));
    high = (rest / 4294967296) | 0;
    return rest | 0;
  }
  return split(unsigned(aLow, aHigh) % unsigned(bLow, bHigh));
}

/** Signed quotient, rounded to zero; `MIN / -1` is `MIN`, as in the machine. The divisor is not zero. */
export function sdiv64(aLow: number, aHigh: number, bLow: number, bHigh: number): number {
  return split(signed(aLow, aHigh) / signed(bLow, bHigh));
}

/** Signed remainder with the sign of the dividend. The divisor is not zero. */
export function smod64(aLow: number, aHigh: number, bLow: number, bHigh: number): number {
  return split(signed(aLow, aHigh) % signed(bLow, bHigh));
}

/** The unsigned 64-bit number of two 32-bit halves. */
export function unsigned(low: number, high: number): bigint {
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
}

/** The signed 64-bit number of two 32-bit halves. */
export function signed(low: number, high: number): bigint {
  return (BigInt(high | 0) << 32n) | BigInt(low >>> 0);
}

/** The halves of a bigint, modulo 2^64. */
export function split(value: bigint): number {
  high = Number(BigInt.asIntN(32, value >> 32n));
  return Number(BigInt.asIntN(32, value));
}
