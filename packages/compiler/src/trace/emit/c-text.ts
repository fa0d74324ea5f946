import type { TraceType } from '../type.ts';

// Small pieces of C.

/** The C type of a value in a register. */
export function cType(type: TraceType): string {
  if (type.kind === 'int') return `${type.signed ? 's' : 'u'}${type.size * 8}`;
  return type.kind === 'bool' ? 'u8' : 'u64';
}

/** A cast to 64 bits that keeps the value. */
export function wide(type: TraceType): string {
  return type.kind === 'int' && type.signed ? '(s64)' : '(u64)';
}

export function literal(value: bigint, type: TraceType): string {
  if (type.kind === 'bool') return value === 0n ? '0' : '1';
  const signed = type.kind !== 'int' || type.signed;
  const wrapped = signed ? BigInt.asIntN(64, value) : BigInt.asUintN(64, value);
  if (wrapped === -(1n << 63n)) return '(-0x7fffffffffffffffLL - 1)';
  return wrapped < 0n ? `(${wrapped}LL)` : `${wrapped}${signed ? 'LL' : 'ULL'}`;
}

export function plus(pointer: string, offset: number): string {
  return offset === 0 ? pointer : `(${pointer} + ${offset})`;
}

export function plus64(address: string, offset: number): string {
  return offset === 0 ? address : `(${address} + ${offset}ULL)`;
}

export function signedByte(byte: number): number {
  return byte > 127 ? byte - 256 : byte;
}
