import { FunctionBuilder } from '../../ir/build.ts';
import {
  bitsOf,
  constant,
  evaluateBinary,
  evaluateByteSwap,
  evaluateCast,
  evaluateCompare,
  isConst,
  isSpaceCast,
  typeOf,
} from '../../ir/constant.ts';
import type { BinaryOp, Block, CastInst, CompareOp, ScalarType, Value } from '../../ir/ir.ts';

/**
 * Writes a function, and computes at once what has constant operands: sizes of memcpy, subscripts of CO-RE accesses and
 * the addresses of `offsetof` are constants in C though they are written as expressions.
 */
export class Emitter extends FunctionBuilder {
  arithmetic(op: BinaryOp, a: Value, b: Value): Value {
    if (isConst(b)) {
      if (isConst(a)) return constant(a.type, evaluateBinary(op, a.type, a.value, b.value));
      if (b.value === 0n && NEUTRAL_ZERO.has(op)) return a;
      if (b.value === 1n && (op === 'mul' || op === 'udiv' || op === 'sdiv')) return a;
    }
    if (isConst(a) && a.value === 0n && op === 'add') return b;
    return this.binary(op, a, b);
  }

  test(op: CompareOp, a: Value, b: Value): Value {
    if (isConst(a) && isConst(b)) return constant('i1', evaluateCompare(op, a.type, a.value, b.value) ? 1n : 0n);
    return this.compare(op, a, b);
  }

  not(condition: Value): Value {
    if (isConst(condition)) return constant('i1', condition.value ^ 1n);
    return this.compare('eq', condition, constant('i1', 0));
  }

  convert(op: CastInst['op'], type: ScalarType, value: Value): Value {
    if (isConst(value) && !isSpaceCast(op)) return constant(type, evaluateCast(op, value.type, type, value.value));
    return this.cast(op, type, value);
  }

  /** To another integer width, by the sign of what is converted. */
  override resize(value: Value, type: ScalarType, signed: boolean): Value {
    const from = typeOf(value) as ScalarType;
    if (from === type) return value;
    const op = bitsOf(from) > bitsOf(type) ? 'trunc' : signed && from !== 'i1' ? 'sext' : 'zext';
    return this.convert(op, type, value);
  }

  swapBytes(value: Value): Value {
    if (isConst(value)) return constant(value.type, evaluateByteSwap(value.type, value.value));
    return this.bswap(value);
  }

  /** `base` + bytes; a number's address stays a number. */
  advance(base: Value, offset: Value | number): Value {
    const by = typeof offset === 'number' ? constant('i64', offset) : offset;
    if (isConst(by)) {
      if (by.value === 0n) return base;
      if (isConst(base)) return constant('ptr', base.value + by.value);
    }
    return this.ptradd(base, by);
  }

  /** Branches, or jumps where the condition is known. */
  decide(condition: Value, then: Block, otherwise: Block, likely?: boolean): void {
    if (isConst(condition)) this.jump(condition.value === 0n ? otherwise : then);
    else this.branch(condition, then, otherwise, likely);
  }
}

const NEUTRAL_ZERO: ReadonlySet<BinaryOp> = new Set(['add', 'sub', 'or', 'xor', 'shl', 'lshr', 'ashr']);
