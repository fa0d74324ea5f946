import { constant } from '../../ir/constant.ts';
import type { ScalarType, Value } from '../../ir/ir.ts';
import type { BuiltinExpr } from '../ast.ts';
import type { IntType } from '../ctype.ts';
import { integerOf, pointee, sizeOf } from '../types.ts';
import type { Emitter } from './emitter.ts';
import { lowerValue } from './expression.ts';
import { pointedTo, store } from './place.ts';
import type { FunctionState } from './state.ts';
import { irTypeOf } from './types.ts';

/**
 * `__builtin_add_overflow(a, b, &r)`: what is exact is stored cut to the type of `r`, and the value says whether that
 * changed it. Operands of at most 32 bits are computed in 64, where sums and differences are exact; everything else with
 * a high word, products as sign and magnitude.
 */
export function lowerOverflow(fn: FunctionState, e: BuiltinExpr): Value {
  const { b } = fn;
  const [left, right, address] = e.args as [BuiltinExpr, BuiltinExpr, BuiltinExpr];
  const target = pointee(address.type)!;
  const result = integerOf(target)!;
  const [leftInt, rightInt] = [integerOf(left.type)!, integerOf(right.type)!];
  const x: Wide = { low: b.resize(lowerValue(fn, left), 'i64', leftInt.signed), signed: leftInt.signed };
  const y: Wide = { low: b.resize(lowerValue(fn, right), 'i64', rightInt.signed), signed: rightInt.signed };
  const place = pointedTo(fn, address, target);
  const small = leftInt.size <= 4 && rightInt.size <= 4;
  const type = irTypeOf(target) as ScalarType;
  const { low, over } =
    e.name === 'mul_overflow'
      ? product(b, x, y, small, result)
      : sum(b, e.name === 'add_overflow' ? 'add' : 'sub', x, y, small, result);
  store(fn, place, target, sizeOf(target) === 8 ? low : b.resize(low, type, false));
  return b.resize(over, 'i8', false);
}

/** A number extended to 64 bits; without sign, its high word is zero. */
interface Wide {
  readonly low: Value;
  readonly signed: boolean;
}
interface Result {
  readonly low: Value;
  /** An i1. */
  readonly over: Value;
}

const ZERO = constant('i64', 0);

function sum(b: Emitter, op: 'add' | 'sub', x: Wide, y: Wide, small: boolean, type: IntType): Result {
  const low = b.arithmetic(op, x.low, y.low);
  if (small) return { low, over: b.not(fits(b, low, type)) };
  if (!x.signed && !y.signed && !type.signed && type.size === 8)
    return { low, over: op === 'add' ? b.test('ult', low, x.low) : b.test('ult', x.low, y.low) };
  const carry = op === 'add' ? b.test('ult', low, x.low) : b.test('ult', x.low, y.low);
  const high = b.arithmetic(op, b.arithmetic(op, highWord(b, x), highWord(b, y)), b.resize(carry, 'i64', false));
  const wanted = type.signed ? b.arithmetic('ashr', cut(b, low, type), constant('i64', 63)) : ZERO;
  const differs = b.arithmetic('or', b.arithmetic('xor', high, wanted), b.arithmetic('xor', low, cut(b, low, type)));
  return { low, over: b.test('ne', differs, ZERO) };
}

function product(b: Emitter, x: Wide, y: Wide, small: boolean, type: IntType): Result {
  const low = b.arithmetic('mul', x.low, y.low);
  if (small && (x.signed || y.signed)) return { low, over: b.not(fits(b, low, type)) };
  const [negativeX, magnitudeX] = magnitude(b, x);
  const [negativeY, magnitudeY] = magnitude(b, y);
  const whole = b.arithmetic('mul', magnitudeX, magnitudeY);
  const bits = BigInt(type.size * 8);
  const positiveMost = type.signed ? (1n << (bits - 1n)) - 1n : (1n << bits) - 1n;
  const negativeMost = type.signed ? 1n << (bits - 1n) : 0n;
  const negative = b.arithmetic('xor', negativeX, negativeY);
  // All ones where the result is negative: picks one of the limits.
  const limit = b.arithmetic(
    'xor',
    constant('i64', positiveMost),
    b.arithmetic('and', negative, constant('i64', positiveMost ^ negativeMost)),
  );
  let over = b.resize(b.test('ugt', whole, limit), 'i64', false);
  if (!small) {
    // Division by zero gives zero here, so that zero needs its own word.
    const back = b.arithmetic('xor', b.arithmetic('udiv', whole, magnitudeX), magnitudeY);
    const isZero = b.resize(b.test('eq', magnitudeX, ZERO), 'i64', false);
    const lost = b.arithmetic(
      'and',
      b.resize(b.test('ne', back, ZERO), 'i64', false),
      b.arithmetic('xor', isZero, constant('i64', 1)),
    );
    over = b.arithmetic('or', over, lost);
  }
  return { low, over: b.test('ne', over, ZERO) };
}

/** All ones where the number is negative, and how large it is without its sign. */
function magnitude(b: Emitter, x: Wide): [negative: Value, magnitude: Value] {
  if (!x.signed) return [ZERO, x.low];
  const negative = b.arithmetic('ashr', x.low, constant('i64', 63));
  return [negative, b.arithmetic('sub', b.arithmetic('xor', x.low, negative), negative)];
}

function highWord(b: Emitter, x: Wide): Value {
  return x.signed ? b.arithmetic('ashr', x.low, constant('i64', 63)) : ZERO;
}

/** Whether an exact number in 64 bits, with sign, is one of the type. */
function fits(b: Emitter, exact: Value, type: IntType): Value {
  if (type.size === 8) return type.signed ? constant('i1', 1) : b.test('sge', exact, ZERO);
  return b.test('eq', cut(b, exact, type), exact);
}

/** The low bits of the type, extended again. */
function cut(b: Emitter, value: Value, type: IntType): Value {
  if (type.size === 8) return value;
  const narrow: ScalarType = type.size === 1 ? 'i8' : type.size === 2 ? 'i16' : 'i32';
  return b.resize(b.resize(value, narrow, false), 'i64', type.signed);
}
