import type { Span } from '@skep/base';
import type { BuiltinName, Expr } from '../ast.ts';
import type { CType } from '../ctype.ts';
import { callArguments } from './calls.ts';
import { isError, rvalue } from './conversions.ts';
import { tooFewArguments, tooManyArguments } from './diagnostics.ts';
import type { Parser } from './parser.ts';

/** A name that the compiler answers itself: parses from the `(` on. */
export type Handler = (p: Parser, name: string, span: Span) => Expr;

/** Exactly `count` arguments as written, or undefined after a report. */
export function places(p: Parser, name: string, span: Span, count: number, most = count): Expr[] | undefined {
  const given = callArguments(p);
  if (given.length >= count && given.length <= most) return given.some(isError) ? undefined : given;
  const report = given.length < count ? tooFewArguments : tooManyArguments;
  p.report(report(span, `'${name}'`, given.length < count ? count : most, given.length, undefined));
  return undefined;
}

export function args(p: Parser, name: string, span: Span, count: number, most = count): Expr[] | undefined {
  const given = places(p, name, span, count, most)?.map((one) => rvalue(p, one));
  return given?.some(isError) ? undefined : given;
}

export function make(name: BuiltinName, list: readonly Expr[], type: CType, span: Span, ofType?: CType): Expr {
  return { kind: 'builtin', name, args: list, ofType, type, span };
}
