import type { Span } from '@skep/base';
import type { CastExpr, Expr, IntExpr } from '../ast.ts';
import { constantOf } from '../constant.ts';
import type { CType, IntType } from '../ctype.ts';
import {
  compatible,
  compatibleUnqualified,
  ERROR_TYPE,
  fits,
  integerOf,
  isVoid,
  LONG,
  pointerTo,
  promoted,
  qualifiersOf,
  strip,
  ULONG,
  unqualified,
  wrap,
} from '../types.ts';
import {
  discardsQualifiers,
  floatArithmetic,
  incompatible,
  incompatiblePointers,
  incompleteType,
  intConversion,
  otherSpace,
  truncatedConstant,
} from './diagnostics.ts';
import { floatToInteger } from './floats.ts';
import type { Parser } from './parser.ts';

/** Stands for what could not be understood; it has been reported. */
export function errorExpr(span: Span): IntExpr {
  return { kind: 'int', value: 0n, type: ERROR_TYPE, span };
}
export function isError(expr: Expr): boolean {
  return expr.type === ERROR_TYPE;
}

export function intExpr(value: bigint, type: CType, span: Span): IntExpr {
  return { kind: 'int', value, type, span };
}

export function isPlace(expr: Expr): boolean {
  switch (expr.kind) {
    case 'var':
    case 'deref':
    case 'member':
    case 'index':
    case 'string':
    case 'compound':
      return true;
    default:
      return false;
  }
}

/** The value of an expression: places are read, arrays and functions become pointers (C11 6.3.2.1). */
export function rvalue(p: Parser, expr: Expr): Expr {
  if (expr.kind === 'func') return cast('decay', expr, pointerTo(expr.type), true);
  if (!isPlace(expr) || isError(expr)) return expr;
  const bare = strip(expr.type);
  if (bare.kind === 'array') return cast('decay', expr, pointerTo(bare.of), true);
  if (bare.kind === 'function') {
    // `*f` of a pointer to a function is `f` again.
    if (expr.kind === 'deref') return expr.pointer;
    return cast('decay', expr, pointerTo(expr.type), true);
  }
  if (bare.kind === 'void') return cast('void', expr, expr.type, true);
  if (
    (bare.kind === 'record' && bare.layout === undefined && bare.load === undefined) ||
    (bare.kind === 'enum' && !bare.underlying)
  ) {
    p.report(incompleteType(expr.span, expr.type, 'this value', bare.span));
    return errorExpr(expr.span);
  }
  return cast('load', expr, unqualified(expr.type), true);
}

/** The width of the bit-field that a value was read from. */
function bitWidthOf(value: Expr): number | undefined {
  if (value.kind === 'cast' && value.op === 'load' && value.operand.kind === 'member')
    return value.operand.field.bitWidth;
  return undefined;
}

export function promote(value: Expr): Expr {
  return convert(value, promoted(value.type, bitWidthOf(value)));
}

export function cast(
  op: CastExpr['op'],
  operand: Expr,
  type: CType,
  implicit: boolean,
  span: Span = operand.span,
): CastExpr {
  return { kind: 'cast', op, operand, type, implicit, span };
}

/** A scalar value in another scalar type, without asking whether C allows it silently. */
export function convert(value: Expr, type: CType, implicit = true, span: Span = value.span): Expr {
  if (isError(value)) return value;
  const from = strip(value.type);
  const to = strip(type);
  if (from === to) return sameBits(value, type, implicit, span);
  if (to.kind === 'void') return cast('void', value, type, implicit, span);
  if (to.kind === 'int' && to.bool) {
    if (value.kind === 'int') return intExpr(value.value === 0n ? 0n : 1n, type, span);
    return cast('bool', value, type, implicit, span);
  }
  const toInt = integerOf(to);
  if (toInt !== undefined) {
    if (from.kind === 'pointer') {
      if (toInt.size === 8) return cast('pointer-to-int', value, type, implicit, span);
      return cast('int', cast('pointer-to-int', value, ULONG, true, span), type, implicit, span);
    }
    if (value.kind === 'int')
      return {
        kind: 'int',
        value: wrap(value.value, toInt),
        type,
        span,
        ...(value.enumerator && { enumerator: value.enumerator }),
      };
    return cast('int', value, type, implicit, span);
  }
  if (to.kind === 'pointer') {
    if (from.kind === 'pointer')
      return compatible(from.to, to.to) && implicit && value.type === type
        ? value
        : cast('pointer', value, type, implicit, span);
    const fromInt = integerOf(from);
    const wide =
      fromInt === undefined || fromInt.size === 8 ? value : convert(value, fromInt.signed ? LONG : ULONG, true, span);
    return cast('int-to-pointer', wide, type, implicit, span);
  }
  return value;
}

/** The same representation under another name: literals change their type, other values need no cast unless one was written. */
function sameBits(value: Expr, type: CType, implicit: boolean, span: Span): Expr {
  // What is cast to its own type is no bit-field any more, and is promoted by its type.
  if (!implicit && bitWidthOf(value) !== undefined) return cast('int', value, type, false, span);
  if (value.type === type) return value;
  if (value.kind === 'int') return { ...value, type, span };
  const bare = strip(type);
  if (implicit || bare.kind === 'record' || bare.kind === 'float') return value;
  if (bare.kind === 'pointer') return cast('pointer', value, type, false, span);
  if (bare.kind === 'void') return cast('void', value, type, false, span);
  return cast('int', value, type, false, span);
}

/** `0`, or `(void *)0` (C11 6.3.2.3p3). */
export function isNullConstant(expr: Expr): boolean {
  if (expr.kind === 'cast' && expr.op === 'int-to-pointer') {
    const bare = strip(expr.type);
    if (bare.kind !== 'pointer' || !isVoid(bare.to)) return false;
    return isNullConstant(expr.operand);
  }
  if (integerOf(expr.type) === undefined) return false;
  if (expr.kind === 'int') return expr.value === 0n;
  const constant = constantOf(expr);
  return constant?.kind === 'int' && constant.value === 0n;
}

/**
 * Converts `expr` as by assignment to `type` (C11 6.5.16.1), with clang's warnings. `doing` begins the messages:
 * "passing 'x' to 'f'", "initialising 'y'".
 */
export function assignTo(p: Parser, expr: Expr, type: CType, doing: string): Expr {
  const value = rvalue(p, expr);
  if (isError(value) || type === ERROR_TYPE) return value;
  const from = strip(value.type);
  const to = strip(type);
  const target = unqualified(type);
  const { span } = expr;
  if (from.kind === 'float' || to.kind === 'float') {
    if (from.kind === 'float' && to.kind === 'float' && from.size === to.size && value.kind !== 'float') return value;
    const whole = floatToInteger(p, value, target, true);
    if (whole !== undefined) return whole;
    if (from.kind === 'float' ? integerOf(to) !== undefined || to.kind === 'float' : integerOf(from) !== undefined) {
      const what = value.kind === 'float' ? 'a floating-point constant' : 'conversion of floating-point numbers';
      p.report(floatArithmetic(span, what));
      return errorExpr(span);
    }
  }
  const toInt = integerOf(to);
  const fromInt = integerOf(from);
  if (toInt !== undefined && fromInt !== undefined) {
    if (value.kind === 'int') warnTruncation(p, value, toInt, type);
    return convert(value, target);
  }
  if (to.kind === 'int' && to.bool && from.kind === 'pointer') return convert(value, target);
  if (to.kind === 'pointer' && from.kind === 'pointer') {
    checkPointers(p, value, value.type, type, from.to, to.to, doing, span);
    return compatibleUnqualified(from, to) && compatible(from.to, to.to) ? value : convert(value, target);
  }
  if (to.kind === 'pointer' && fromInt !== undefined) {
    if (!isNullConstant(value)) p.report(intConversion(span, value.type, type, doing));
    return convert(value, target);
  }
  if (toInt !== undefined && from.kind === 'pointer') {
    p.report(intConversion(span, value.type, type, doing));
    return convert(value, target);
  }
  if (to.kind === 'record' && from === to) return value;
  p.report(incompatible(span, value.type, type, doing));
  return errorExpr(span);
}

function warnTruncation(p: Parser, value: IntExpr, to: IntType, type: CType): void {
  const from = integerOf(value.type)!;
  if (to.bool || fits(value.value, to)) return;
  // Same width, other sign: `u32 x = -1` is how people write all ones.
  if (to.size >= from.size || (value.value < 0n && value.value >= -(1n << BigInt(to.size * 8 - 1)))) return;
  if (value.value >= 0n && value.value < 1n << BigInt(to.size * 8)) return;
  p.report(truncatedConstant(value.span, value.value, type, wrap(value.value, to)));
}

function checkPointers(
  p: Parser,
  value: Expr,
  fromType: CType,
  toType: CType,
  from: CType,
  to: CType,
  doing: string,
  span: Span,
): void {
  if (isNullConstant(value)) return;
  const have = qualifiersOf(from);
  const want = qualifiersOf(to);
  if (!have.arena !== !want.arena) {
    p.report(otherSpace(span, fromType, toType, doing));
    return;
  }
  const a = strip(from);
  const b = strip(to);
  if (a.kind !== 'void' && b.kind !== 'void' && !compatibleUnqualified(a, b) && !differsInSignOnly(a, b)) {
    p.report(incompatiblePointers(span, fromType, toType, doing));
    return;
  }
  if ((have.const && !want.const) || (have.volatile && !want.volatile))
    p.report(discardsQualifiers(span, fromType, toType, doing));
}

/** clang has -Wpointer-sign off for what bytes and counters are usually passed as; so do we. */
function differsInSignOnly(a: CType, b: CType): boolean {
  const left = strip(a);
  const right = strip(b);
  return left.kind === 'int' && right.kind === 'int' && left.size === right.size && !left.bool && !right.bool;
}

/** A scalar used as a condition: not converted, only checked. */
export function isCondition(expr: Expr): boolean {
  const { kind } = strip(expr.type);
  return kind === 'int' || kind === 'enum' || kind === 'pointer';
}
