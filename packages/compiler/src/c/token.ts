import type { Span } from '@skep/base';

/**
 * What a token is, as a small number, so that the parser switches on it without touching a string. Every punctuator and
 * every keyword has its own number; digraphs and alternative spellings of keywords (`__const__`, `__inline`) share the
 * number of the main one.
 */
export const T = {
  Eof: 0,
  Identifier: 1,
  /** A preprocessing number; `parseNumber` of `literal.ts` gives value and type. */
  Number: 2,
  /** With its prefix and quotes; `charValue` of `literal.ts` decodes. */
  Char: 3,
  /** With its prefix and quotes; `stringBytes` of `literal.ts` decodes and joins adjacent ones. */
  String: 4,
  /** A `#pragma` or `_Pragma` that means something to the parser: {@link TokenList.pragma}. */
  Pragma: 5,
  /** A character that begins no token (already reported). The preprocessor never hands it on. */
  Stray: 6,

  LBrace: 8,
  RBrace: 9,
  LParen: 10,
  RParen: 11,
  LBracket: 12,
  RBracket: 13,
  Semicolon: 14,
  Comma: 15,
  Dot: 16,
  Arrow: 17,
  Ellipsis: 18,
  Question: 19,
  /** `::` is two of these, as `asm("" ::: "memory")` wants. */
  Colon: 20,
  Tilde: 21,
  Not: 22,
  PlusPlus: 23,
  MinusMinus: 24,
  Plus: 25,
  Minus: 26,
  Star: 27,
  Slash: 28,
  Percent: 29,
  Shl: 30,
  Shr: 31,
  Lt: 32,
  Gt: 33,
  Le: 34,
  Ge: 35,
  EqEq: 36,
  NotEq: 37,
  And: 38,
  Xor: 39,
  Or: 40,
  AndAnd: 41,
  OrOr: 42,
  Assign: 43,
  PlusAssign: 44,
  MinusAssign: 45,
  StarAssign: 46,
  SlashAssign: 47,
  PercentAssign: 48,
  ShlAssign: 49,
  ShrAssign: 50,
  AndAssign: 51,
  XorAssign: 52,
  OrAssign: 53,
  Hash: 54,
  HashHash: 55,

  /** Keywords from here on. */
  Auto: 64,
  Break: 65,
  Case: 66,
  Char_: 67,
  Const: 68,
  Continue: 69,
  Default: 70,
  Do: 71,
  Double: 72,
  Else: 73,
  Enum: 74,
  Extern: 75,
  Float: 76,
  For: 77,
  Goto: 78,
  If: 79,
  Inline: 80,
  Int: 81,
  Long: 82,
  Register: 83,
  Restrict: 84,
  Return: 85,
  Short: 86,
  Signed: 87,
  Sizeof: 88,
  Static: 89,
  Struct: 90,
  Switch: 91,
  Typedef: 92,
  Union: 93,
  Unsigned: 94,
  Void: 95,
  Volatile: 96,
  While: 97,
  Alignas: 98,
  Alignof: 99,
  Atomic: 100,
  Bool: 101,
  Complex: 102,
  Generic: 103,
  Noreturn: 104,
  StaticAssert: 105,
  ThreadLocal: 106,
  Int128: 107,
  Asm: 108,
  Attribute: 109,
  AutoType: 110,
  Typeof: 111,
  TypeofUnqual: 112,
  Extension: 113,
  Label: 114,
  Float16: 115,
  /** `__func__`, `__FUNCTION__`, `__PRETTY_FUNCTION__` */
  Func: 116,
} as const;

/** One of {@link T}. */
export type TokenKind = number;

const FIRST_PUNCTUATOR: TokenKind = T.LBrace;
export const FIRST_KEYWORD: TokenKind = T.Auto;

/** `#pragma`s that the parser acts on. */
export type Pragma =
  /** `#pragma unroll`, `unroll(4)`, `nounroll`, `GCC unroll 4`, `clang loop unroll(…)`, `unroll_count(4)`: for the next loop. */
  | { readonly kind: 'unroll'; readonly unroll: 'full' | 'disable' | 'default' | number }
  /** `pack(1)`, `pack()`, `pack(push, 1)`, `pack(push)`, `pack(pop)`; `align` in bytes, undefined: none given. */
  | { readonly kind: 'pack'; readonly action: 'set' | 'push' | 'pop'; readonly align: number | undefined }
  /** `#pragma clang attribute push (__attribute__((preserve_access_index)), apply_to = record)` */
  | {
      readonly kind: 'attribute-push';
      /** Names without underscores, arguments as written: `preserve_access_index`, `section("x")`. */
      readonly attributes: readonly string[];
      /** `record`, `function`, `enum`, `variable(is_global)` … */
      readonly applyTo: readonly string[];
    }
  | { readonly kind: 'attribute-pop' }
  /** `#pragma GCC visibility push(hidden)` */
  | { readonly kind: 'visibility-push'; readonly visibility: string }
  | { readonly kind: 'visibility-pop' };

/** One use of a macro; a token that came out of it points here. */
export interface Expansion {
  readonly macro: string;
  /** Where the name was written: in the file, or in the body of the macro that `parent` expands. */
  readonly site: Span;
  /** Where the macro was defined; undefined for predefined ones. */
  readonly definition: Span | undefined;
  /** The use of the macro in whose body this use stands. */
  readonly parent: Expansion | undefined;
  /** Where the use ends in the file, with its arguments; -1 where it ends in the body of another macro. */
  readonly end: number;
}

/** The token is the first of its line. */
export const LINE_START = 1;
/** White space or a comment stands before the token. */
export const SPACE_BEFORE = 2;

/** The spelling of each punctuator, by kind. */
export const PUNCTUATORS: readonly (string | undefined)[] = /* @__PURE__ */ (() => {
  const list: (string | undefined)[] = new Array(FIRST_KEYWORD).fill(undefined);
  const spellings =
    '{ } ( ) [ ] ; , . -> ... ? : ~ ! ++ -- + - * / % << >> < > <= >= == != & ^ | && || = += -= *= /= %= <<= >>= &= ^= |= # ##';
  let kind: TokenKind = FIRST_PUNCTUATOR;
  for (const spelling of spellings.split(' ')) list[kind++] = spelling;
  return list;
})();
