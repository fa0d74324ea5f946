import type { Diagnostic, Span } from '@skep/base';
import type { LexedFile } from '../lexer.ts';
import { nameId, nameText } from '../names.ts';
import { FIRST_KEYWORD, LINE_START, PUNCTUATORS, SPACE_BEFORE, T, type TokenKind } from '../token.ts';
import { macroMalformed } from './diagnostics.ts';

/** A macro as its `#define` says; made once a definition, shared between compiles, never changed. */
export interface Macro {
  readonly name: number;
  /** Undefined for object-like macros. The last is `__VA_ARGS__` or the GNU name when variadic. */
  readonly params: readonly number[] | undefined;
  readonly variadic: boolean;
  readonly body: readonly BodyItem[];
  /** The file of the definition. */
  readonly lexed: LexedFile;
  /** Token index of the name. */
  readonly at: number;
  /** Token indexes of the body, to compare definitions. */
  readonly bodyStart: number;
  readonly bodyEnd: number;
  /** Answered by the preprocessor itself: `__LINE__`, `__has_builtin` … */
  readonly special: string | undefined;
}

/** `paste`: joined by `##` with the item before. `pasted`: joined with the item after. */
export type BodyItem = { readonly paste: boolean; readonly pasted: boolean } & (
  | { readonly kind: 'token'; readonly index: number }
  | { readonly kind: 'param'; readonly index: number; readonly param: number; readonly stringify: boolean }
  /** `__VA_OPT__(…)`: there when the variable arguments are not empty. */
  | {
      readonly kind: 'optional';
      readonly index: number;
      readonly body: readonly BodyItem[];
      readonly stringify: boolean;
    }
);

const VA_ARGS = nameId('__VA_ARGS__');
const VA_OPT = nameId('__VA_OPT__');
const DEFINED = nameId('defined');

/**
 * The macro that the tokens from `at` (the one after `define`) to `end` define, or what is wrong with it. Remembered for
 * the file and place.
 */
export function parseDefinition(lexed: LexedFile, at: number, end: number): Macro | Diagnostic {
  let macros = known.get(lexed);
  if (macros === undefined) {
    macros = new Map();
    known.set(lexed, macros);
  }
  let macro = macros.get(at);
  if (macro === undefined) {
    macro = read(lexed, at, end);
    macros.set(at, macro);
  }
  return macro;
}
const known = new WeakMap<LexedFile, Map<number, Macro | Diagnostic>>();

/** The macro that the preprocessor answers itself. */
export function specialMacro(name: string, functionLike: boolean, lexed: LexedFile): Macro {
  return {
    name: nameId(name),
    params: functionLike ? [nameId('x')] : undefined,
    variadic: false,
    body: [],
    lexed,
    at: -1,
    bodyStart: 0,
    bodyEnd: 0,
    special: name,
  };
}

/** Where the body names arguments that the macro does not have, which is a name like any other then. */
export function strayArguments({ params, lexed, bodyStart, bodyEnd }: Macro): Span | undefined {
  if (params?.includes(VA_ARGS)) return undefined;
  for (let i = bodyStart; i < bodyEnd; i++) {
    if (lexed.values[i] === VA_ARGS && isName(lexed.kinds[i]!)) return spanAt(lexed, i);
  }
  return undefined;
}

/** Same parameters, same tokens, white space in the same places (C11 6.10.3p2). */
export function sameDefinition(a: Macro, b: Macro): boolean {
  if (a === b) return true;
  if (a.special !== undefined || b.special !== undefined) return false;
  if ((a.params === undefined) !== (b.params === undefined) || a.variadic !== b.variadic) return false;
  if (a.params !== undefined && (a.params.length !== b.params!.length || a.params.some((p, i) => p !== b.params![i])))
    return false;
  const length = a.bodyEnd - a.bodyStart;
  if (length !== b.bodyEnd - b.bodyStart) return false;
  for (let i = 0; i < length; i++) {
    const x = a.bodyStart + i;
    const y = b.bodyStart + i;
    if (a.lexed.kinds[x] !== b.lexed.kinds[y]) return false;
    if (i > 0 && (a.lexed.flags[x]! & SPACE_BEFORE) !== (b.lexed.flags[y]! & SPACE_BEFORE)) return false;
    if (textAt(a.lexed, x) !== textAt(b.lexed, y)) return false;
  }
  return true;
}

/** Where the macro's name stands in its definition; undefined for those that are built in. */
export function definitionSpan(macro: Macro): Span | undefined {
  return macro.at < 0 ? undefined : spanAt(macro.lexed, macro.at);
}

export function spanAt(lexed: LexedFile, i: number): Span {
  return { file: lexed.file, start: lexed.starts[i]!, end: lexed.ends[i]! };
}

/** The spelling of a token, with line splices removed. */
export function textAt(lexed: LexedFile, i: number): string {
  const kind = lexed.kinds[i]!;
  if (isName(kind)) return nameText(lexed.values[i]!);
  const made = lexed.values[i]!;
  if (made > 0) return lexed.texts[made - 1]!;
  return PUNCTUATORS[kind] ?? lexed.file.text.slice(lexed.starts[i]!, lexed.ends[i]!);
}

export function isName(kind: TokenKind): boolean {
  return kind === T.Identifier || kind >= FIRST_KEYWORD;
}

function read(lexed: LexedFile, start: number, end: number): Macro | Diagnostic {
  const { kinds, values, flags } = lexed;
  if (start >= end || !isName(kinds[start]!))
    return macroMalformed('#define needs the name of a macro', spanAt(lexed, start < end ? start : start - 1));
  const name = values[start]!;
  if (name === DEFINED || name === VA_ARGS || name === VA_OPT)
    return macroMalformed(`'${nameText(name)}' cannot be a macro`, spanAt(lexed, start), 'choose another name');
  let at = start + 1;
  let params: number[] | undefined;
  let variadic = false;
  if (at < end && kinds[at] === T.LParen && (flags[at]! & (SPACE_BEFORE | LINE_START)) === 0) {
    params = [];
    at++;
    for (;;) {
      const kind = at < end ? kinds[at]! : T.Eof;
      if (kind === T.RParen && params.length === 0) break;
      if (kind === T.Ellipsis) {
        variadic = true;
        params.push(VA_ARGS);
        at++;
      } else if (isName(kind)) {
        const param = values[at]!;
        if (param === VA_ARGS || param === VA_OPT)
          return macroMalformed(`'${nameText(param)}' cannot be a parameter`, spanAt(lexed, at), "write '...'");
        if (params.includes(param))
          return macroMalformed(`parameter '${nameText(param)}' appears twice`, spanAt(lexed, at), 'rename one');
        params.push(param);
        at++;
        if (at < end && kinds[at] === T.Ellipsis) {
          variadic = true;
          at++;
        }
      } else {
        return macroMalformed(
          `the parameters of macro '${nameText(name)}' are not a list of names`,
          spanAt(lexed, Math.min(at, end - 1)),
          'write them as (a, b, ...)',
        );
      }
      const after = at < end ? kinds[at]! : T.Eof;
      if (after === T.RParen) break;
      if (after !== T.Comma || variadic)
        return macroMalformed(
          `the parameters of macro '${nameText(name)}' do not end with ')'`,
          spanAt(lexed, Math.min(at, end - 1)),
          'write them as (a, b, ...)',
        );
      at++;
    }
    at++;
  }
  if (lexed.file.name.startsWith('<built-in>')) return new BuiltinMacro(lexed, name, params, variadic, start, at, end);
  const body = new BodyReader(lexed, params, variadic).read(at, end);
  if (!Array.isArray(body)) return body as Diagnostic;
  return { name, params, variadic, body, lexed, at: start, bodyStart: at, bodyEnd: end, special: undefined };
}

/** A macro of our own headers: well formed, and one of hundreds of which a program uses a few, so its body is read late. */
class BuiltinMacro implements Macro {
  readonly special = undefined;
  readonly name: number;
  readonly params: readonly number[] | undefined;
  readonly variadic: boolean;
  readonly lexed: LexedFile;
  readonly at: number;
  readonly bodyStart: number;
  readonly bodyEnd: number;
  private items: BodyItem[] | undefined;

  constructor(
    lexed: LexedFile,
    name: number,
    params: readonly number[] | undefined,
    variadic: boolean,
    at: number,
    bodyStart: number,
    bodyEnd: number,
  ) {
    this.lexed = lexed;
    this.name = name;
    this.params = params;
    this.variadic = variadic;
    this.at = at;
    this.bodyStart = bodyStart;
    this.bodyEnd = bodyEnd;
  }

  get body(): readonly BodyItem[] {
    if (this.items === undefined) {
      const read = new BodyReader(this.lexed, this.params, this.variadic).read(this.bodyStart, this.bodyEnd);
      if (!Array.isArray(read)) throw new Error(`${this.lexed.file.name}: ${nameText(this.name)} is malformed`);
      this.items = read;
    }
    return this.items;
  }
}

class BodyReader {
  private readonly lexed: LexedFile;
  private readonly params: readonly number[] | undefined;
  private readonly variadic: boolean;

  constructor(lexed: LexedFile, params: readonly number[] | undefined, variadic: boolean) {
    this.lexed = lexed;
    this.params = params;
    this.variadic = variadic;
  }

  read(start: number, end: number, inOptional = false): BodyItem[] | Diagnostic {
    const { lexed, params } = this;
    const { kinds, values } = lexed;
    const items: BodyItem[] = [];
    let paste = false;
    for (let i = start; i < end; i++) {
      const kind = kinds[i]!;
      if (kind === T.HashHash) {
        if (i === start || i === end - 1)
          return macroMalformed(
            `'##' at the ${i === start ? 'start' : 'end'} of ${inOptional ? '__VA_OPT__' : 'a macro'}`,
            spanAt(lexed, i),
            "'##' joins the tokens on both of its sides",
          );
        // `a ## ## b` is `a ## b`: a second operator pastes with what is not there.
        if (!paste) {
          paste = true;
          const last = items[items.length - 1]!;
          items[items.length - 1] = { ...last, pasted: true };
        }
        continue;
      }
      let stringify = false;
      let operand = i;
      if (kind === T.Hash && params !== undefined) {
        stringify = true;
        operand = i + 1;
      }
      const operandKind = operand < end ? kinds[operand]! : T.Eof;
      const word = isName(operandKind) ? values[operand]! : -1;
      const param = params !== undefined && word >= 0 ? params.indexOf(word) : -1;
      if (param >= 0) {
        items.push({ kind: 'param', index: i, param, stringify, paste, pasted: false });
        i = operand;
      } else if (word === VA_OPT && this.variadic) {
        const close = this.closing(operand + 1, end);
        if (close < 0) return macroMalformed("'__VA_OPT__' needs its tokens in parentheses", spanAt(lexed, operand));
        if (inOptional) return macroMalformed("'__VA_OPT__' inside '__VA_OPT__'", spanAt(lexed, operand));
        const body = this.read(operand + 2, close, true);
        if (!Array.isArray(body)) return body;
        items.push({ kind: 'optional', index: i, body, stringify, paste, pasted: false });
        i = close;
      } else if (stringify) {
        return macroMalformed(
          "'#' is not followed by a parameter",
          spanAt(lexed, i),
          'name a parameter of the macro after it',
        );
      } else {
        items.push({ kind: 'token', index: i, paste, pasted: false });
      }
      paste = false;
    }
    return items;
  }

  /** Index of the `)` that closes the `(` at `open`, or -1. */
  private closing(open: number, end: number): number {
    const { kinds } = this.lexed;
    if (open >= end || kinds[open] !== T.LParen) return -1;
    let depth = 0;
    for (let i = open; i < end; i++) {
      if (kinds[i] === T.LParen) depth++;
      else if (kinds[i] === T.RParen && --depth === 0) return i;
    }
    return -1;
  }
}

/** From a token of a line to the one before `end`. */
export function spanOfLine(lexed: LexedFile, from: number, end: number): Span {
  return { file: lexed.file, start: lexed.starts[from]!, end: lexed.ends[Math.max(from, end - 1)]! };
}
