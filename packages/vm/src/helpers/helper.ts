import type { Machine } from '../machine.ts';

/**
 * A helper: takes r1 … r5 from the register halves (register n: low at 2n, high at 2n + 1) and leaves its result in r0.
 * Tables of helpers are by their names; what each does stands in the UAPI header (include/uapi/linux/bpf.h).
 */
export type Helper = (machine: Machine, r: Int32Array) => void;

/** A 32-bit result, sign-extended to r0 as the kernel's `long` results are. */
export function give(r: Int32Array, value: number): void {
  r[0] = value;
  r[1] = value >> 31;
}

/** A pointer, or a number that is never negative. */
export function giveUnsigned(r: Int32Array, value: number): void {
  r[0] = value;
  r[1] = 0;
}

export function give64(r: Int32Array, value: bigint): void {
  r[0] = Number(BigInt.asIntN(32, value));
  r[1] = Number(BigInt.asIntN(32, value >> 32n));
}

/** Argument n (1 … 5) as a 64-bit number. */
export function argument64(r: Int32Array, n: number): bigint {
  return (BigInt(r[2 * n + 1]! >>> 0) << 32n) | BigInt(r[2 * n]! >>> 0);
}
