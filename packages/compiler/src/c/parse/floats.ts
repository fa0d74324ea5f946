import type { Span } from '@skep/base';
import type { BinaryExpr, Expr, FloatExpr } from '../ast.ts';
import { integerConstant } from '../constant.ts';
import type { CType } from '../ctype.ts';
import { DOUBLE, FLOAT, INT, integerOf, isInteger, sizeOf, strip, unqualified, wrap } from '../types.ts';
import { intExpr } from './conversions.ts';
import { truncatedConstant } from './diagnostics.ts';
import type { Parser } from './parser.ts';

// Floating-point numbers exist while the program is compiled, and nowhere else: `(u64)10E9`, `1.5 * SECOND`.

/** Rounded to the precision of the type. */
export function floatExpr(value: number, type: CType, span: Span): FloatExpr {
  return { kind: 'float', value: sizeOf(type) === 4 ? Math.fround(value) : value, type: unqualified(type), span };
}

/** `a op b` of which one is a float; undefined when not both are known. */
export function foldFloats(op: BinaryExpr['op'], left: Expr, right: Expr, span: Span): Expr | undefined {
  const a = knownFloat(left);
  const b = knownFloat(right);
  if (a === undefined || b === undefined) return undefined;
  const type = [left, right].some((one) => one.kind === 'float' && sizeOf(one.type) === 8) ? DOUBLE : FLOAT;
  const arithmetic = ARITHMETIC[op];
  if (arithmetic !== undefined) return floatExpr(arithmetic(a, b), type, span);
  const holds = COMPARISONS[op];
  return holds && intExpr(holds(a, b) ? 1n : 0n, INT, span);
}

/** A float, or an integer on its way to be one. */
export function knownFloat(expr: Expr): number | undefined {
  if (expr.kind === 'float') return expr.value;
  const value = isInteger(expr.type) ? integerConstant(expr) : undefined;
  return value === undefined ? undefined : Number(value);
}

/** A known float as an integer (C11 6.3.1.4), also behind `?:`; undefined when it is not known or no integer holds it. */
export function floatToInteger(p: Parser, expr: Expr, type: CType, implicit: boolean): Expr | undefined {
  if (expr.kind === 'conditional') {
    if (!chosenFloat(expr)) return undefined;
    const left = floatToInteger(p, expr.then, type, implicit);
    const right = floatToInteger(p, expr.else, type, implicit);
    // biome-ignore lint/suspicious/noThenProperty: what C calls it
    return left && right && { ...expr, then: left, else: right, type };
  }
  const to = integerOf(type);
  if (expr.kind !== 'float' || to === undefined || !Number.isFinite(expr.value)) return undefined;
  const bare = strip(type);
  const whole = BigInt(Math.trunc(expr.value));
  const truth = bare.kind === 'int' && bare.bool;
  const value = truth ? BigInt(expr.value !== 0) : wrap(whole, to);
  if (implicit && !truth && Number(value) !== expr.value)
    p.report(truncatedConstant(expr.span, expr.value, type, value));
  return intExpr(value, type, expr.span);
}

/** A known float whichever way `?:` goes. */
function chosenFloat(expr: Expr): boolean {
  return expr.kind === 'float' || (expr.kind === 'conditional' && chosenFloat(expr.then) && chosenFloat(expr.else));
}

const ARITHMETIC: Partial<Record<BinaryExpr['op'], (a: number, b: number) => number>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => a / b,
};
const COMPARISONS: Partial<Record<BinaryExpr['op'], (a: number, b: number) => boolean>> = {
  '==': (a, b) => a === b,
  '!=': (a, b) => a !== b,
  '<': (a, b) => a < b,
  '>': (a, b) => a > b,
  '<=': (a, b) => a <= b,
  '>=': (a, b) => a >= b,
};
