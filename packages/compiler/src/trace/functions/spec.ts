import type { Expression } from '../ast.ts';
import type { Checker } from '../check.ts';
import type { Emitter } from '../emit.ts';
import type { TraceType } from '../type.ts';

export type Call = Expression & { readonly kind: 'call' };

/** A function or builtin of the language: how it is called, what it gives, how it is written in C. */
export interface FunctionSpec {
  /** The first is the usual one. */
  readonly names: readonly string[];
  readonly arity: readonly [least: number, most: number];
  readonly signature: string;
  readonly summary: string;
  /** Without parentheses it means something else, or nothing. */
  readonly onlyCalled?: boolean;
  /** What it gives can only be assigned to a map. */
  readonly aggregate?: boolean;
  /** Nobody minds when the result is not used. */
  readonly discardable?: boolean;
  check(checker: Checker, call: Call): TraceType | undefined;
  /** Its value, when that is known before the program runs. */
  constant?(checker: Checker, call: Call): bigint | undefined;
  text?(checker: Checker, call: Call): string | undefined;
  /** A C expression for what fits a register; else the bytes go to `dest`. */
  emit(emitter: Emitter, call: Call, dest: string | undefined, discarded: boolean): string | undefined;
}
