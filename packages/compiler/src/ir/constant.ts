import type { BinaryOp, CastInst, CompareOp, Const, CoreInst, ScalarType, Undef, Value } from './ir.ts';

/** How many bits a value of the type has. */
export function bitsOf(type: ScalarType): number {
  return BITS[type];
}

/** How many bytes a value of the type takes in memory; `i1` is stored as one byte. */
export function bytesOf(type: ScalarType): number {
  return BYTES[type];
}

const BITS: Record<ScalarType, number> = { i1: 1, i8: 8, i16: 16, i32: 32, i64: 64, ptr: 64 };
const BYTES: Record<ScalarType, number> = { i1: 1, i8: 1, i16: 2, i32: 4, i64: 8, ptr: 8 };

/** The form in which constants of a type are kept: signed, except that `i1` is 0 or 1. */
export function normalise(type: ScalarType, value: bigint): bigint {
  if (type === 'i1') return value & 1n;
  return BigInt.asIntN(BITS[type], value);
}

export function constant(type: ScalarType, value: bigint | number): Const {
  return { kind: 'const', type, value: normalise(type, BigInt(value)) };
}

export function undef(type: ScalarType): Undef {
  return { kind: 'undef', type };
}

export const TRUE: Const = { kind: 'const', type: 'i1', value: 1n };
export const FALSE: Const = { kind: 'const', type: 'i1', value: 0n };
export const NULL: Const = { kind: 'const', type: 'ptr', value: 0n };

export function isConst(value: Value): value is Const {
  return value.kind === 'const';
}

/** The value as an unsigned number of its width. */
export function unsignedOf(constant: Const): bigint {
  return BigInt.asUintN(BITS[constant.type], constant.value);
}

/** Values are the same when they are one object, or constants (undefs) of one type and number. */
export function sameValue(a: Value, b: Value): boolean {
  if (a === b) return true;
  if (a.kind === 'const') return b.kind === 'const' && a.type === b.type && a.value === b.value;
  return a.kind === 'undef' && b.kind === 'undef' && a.type === b.type;
}

/** The type of any operand; addresses of globals and functions are `ptr`. */
export function typeOf(value: Value): ScalarType | 'void' {
  return value.kind === 'global' || value.kind === 'func' ? 'ptr' : value.type;
}

/**
 * What the machine computes (RFC 9669, 4.1): division by zero gives 0 and remainder the dividend, shift counts are
 * masked; types narrower than 32 bits shift in 32-bit registers.
 */
export function evaluateBinary(op: BinaryOp, type: ScalarType, a: bigint, b: bigint): bigint {
  const bits = BITS[type];
  switch (op) {
    case 'add':
      return normalise(type, a + b);
    case 'sub':
      return normalise(type, a - b);
    case 'mul':
      return normalise(type, a * b);
    case 'and':
      return normalise(type, a & b);
    case 'or':
      return normalise(type, a | b);
    case 'xor':
      return normalise(type, a ^ b);
    case 'sdiv':
      return b === 0n ? 0n : normalise(type, a / b);
    case 'srem':
      return b === 0n ? a : normalise(type, a % b);
    case 'udiv': {
      const divisor = BigInt.asUintN(bits, b);
      return divisor === 0n ? 0n : normalise(type, BigInt.asUintN(bits, a) / divisor);
    }
    case 'urem': {
      const divisor = BigInt.asUintN(bits, b);
      return divisor === 0n ? a : normalise(type, BigInt.asUintN(bits, a) % divisor);
    }
    case 'shl':
      return normalise(type, a << shiftCount(type, b));
    case 'lshr':
      return normalise(type, BigInt.asUintN(bits, a) >> shiftCount(type, b));
    case 'ashr':
      return normalise(type, a >> shiftCount(type, b));
  }
}

function shiftCount(type: ScalarType, count: bigint): bigint {
  return count & (BITS[type] === 64 ? 63n : 31n);
}

export function evaluateCompare(op: CompareOp, type: ScalarType, a: bigint, b: bigint): boolean {
  switch (op) {
    case 'eq':
      return a === b;
    case 'ne':
      return a !== b;
    case 'slt':
      return a < b;
    case 'sle':
      return a <= b;
    case 'sgt':
      return a > b;
    case 'sge':
      return a >= b;
  }
  const x = BigInt.asUintN(BITS[type], a);
  const y = BigInt.asUintN(BITS[type], b);
  switch (op) {
    case 'ult':
      return x < y;
    case 'ule':
      return x <= y;
    case 'ugt':
      return x > y;
    case 'uge':
      return x >= y;
  }
}

/** Of addresses, between the arena and the kernel: even of a constant, known only where the program runs. */
export function isSpaceCast(op: CastInst['op']): op is 'cast_kern' | 'cast_user' {
  return op === 'cast_kern' || op === 'cast_user';
}

/** `from` is the type of `value`; not for {@link isSpaceCast}. */
export function evaluateCast(op: CastInst['op'], from: ScalarType, to: ScalarType, value: bigint): bigint {
  if (op === 'zext') return normalise(to, BigInt.asUintN(BITS[from], value));
  if (op === 'sext' && from === 'i1') return value === 0n ? 0n : normalise(to, -1n);
  return normalise(to, value);
}

export function evaluateByteSwap(type: ScalarType, value: bigint): bigint {
  let rest = BigInt.asUintN(BITS[type], value);
  let out = 0n;
  for (let i = 0; i < BYTES[type]; i++) {
    out = (out << 8n) | (rest & 0xffn);
    rest >>= 8n;
  }
  return normalise(type, out);
}

/** The same comparison with its operands exchanged. */
export const SWAPPED: Readonly<Record<CompareOp, CompareOp>> = {
  eq: 'eq',
  ne: 'ne',
  ult: 'ugt',
  ule: 'uge',
  ugt: 'ult',
  uge: 'ule',
  slt: 'sgt',
  sle: 'sge',
  sgt: 'slt',
  sge: 'sle',
};

/** The comparison that is true when this one is false. */
export const INVERSE: Readonly<Record<CompareOp, CompareOp>> = {
  eq: 'ne',
  ne: 'eq',
  ult: 'uge',
  ule: 'ugt',
  ugt: 'ule',
  uge: 'ult',
  slt: 'sge',
  sle: 'sgt',
  sgt: 'sle',
  sge: 'slt',
};

/** How many low bits of what the loader puts there can be set: sizes, offsets and answers are small. */
export function coreBits({ relocation }: CoreInst): number {
  switch (relocation) {
    case 'field_exists':
    case 'type_exists':
    case 'type_matches':
    case 'enumval_exists':
    case 'field_signed':
      return 1;
    case 'enumval_value':
    case 'type_id_local':
    case 'type_id_target':
      return 64;
    default:
      return 32;
  }
}
