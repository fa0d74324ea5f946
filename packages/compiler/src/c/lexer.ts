import type { SourceFile } from '@skep/base';
import { nameId, nameIdAt, nameKind, step } from './names.ts';
import { LINE_START, SPACE_BEFORE, T, type TokenKind } from './token.ts';

/**
 * The tokens of one file as they were written, before preprocessing, in columns; the last is `T.Eof`. Shared between
 * compiles and never changed. What is wrong in it is reported only when the preprocessor reaches it, since skipped groups
 * may hold any text: such tokens have the kind `T.Stray`.
 */
export interface LexedFile {
  readonly file: SourceFile;
  /** With the `T.Eof`. */
  readonly count: number;
  readonly kinds: Uint8Array;
  /** Names: their number. Other tokens: 0, or 1 + index in {@link texts} where the text is not what stands in the file. */
  readonly values: Int32Array;
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  readonly flags: Uint8Array;
  readonly texts: readonly string[];
  /** Token indexes of each `#` that begins a directive, in order. */
  readonly directives: Int32Array;
  /** The name that guards the whole file (`#ifndef NAME … #endif` around everything), or -1. */
  readonly guard: number;
  /** Where a comment begins that does not end, or -1. */
  readonly openComment: number;
  /** Offsets of escapes in strings and characters that C does not know. */
  readonly unknownEscapes: readonly number[];
  /** Offsets of characters beyond ASCII that are read as spaces, as clang reads them. */
  readonly wideSpaces: readonly number[];
}

/** Lexes a file; remembered for as long as the file itself is. */
export function lex(file: SourceFile): LexedFile {
  let lexed = known.get(file);
  if (lexed === undefined) {
    lexed = new Lexer(file).run();
    known.set(file, lexed);
  }
  return lexed;
}
const known = new WeakMap<SourceFile, LexedFile>();

/** Lexes text that is no file, such as what `##` made. */
export function lexText(text: string): LexedFile {
  return new Lexer({ name: '<scratch>', text }).run();
}

function isWideSpace(unit: number): boolean {
  return WIDE_SPACES.includes(String.fromCharCode(unit));
}
const WIDE_SPACES =
  '\u0085\u00a0\u1680\u180e\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000';

// Classes of the first character of a token.
const OTHER = 0;
const SPACE = 1;
const NEWLINE = 2;
const NAME = 3;
const DIGIT = 4;
const PUNCTUATOR = 5;
const QUOTES = 6;

const CLASSES = /* @__PURE__ */ (() => {
  const classes = new Uint8Array(128);
  for (const c of ' \t\v\f\r') classes[c.charCodeAt(0)] = SPACE;
  classes[10] = NEWLINE;
  for (const c of 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_$') classes[c.charCodeAt(0)] = NAME;
  for (const c of '0123456789') classes[c.charCodeAt(0)] = DIGIT;
  for (const c of '{}()[];,.-?:~!+*/%<>=&^|#') classes[c.charCodeAt(0)] = PUNCTUATOR;
  classes[0x22] = QUOTES;
  classes[0x27] = QUOTES;
  return classes;
})();

const SLASH = 0x2f;
const STAR = 0x2a;
const BACKSLASH = 0x5c;
const LF = 10;
const CR = 13;

class Lexer {
  private readonly file: SourceFile;
  private readonly text: string;
  private readonly end: number;
  private kinds: Uint8Array<ArrayBuffer>;
  private values: Int32Array<ArrayBuffer>;
  private starts: Int32Array<ArrayBuffer>;
  private ends: Int32Array<ArrayBuffer>;
  private flags: Uint8Array<ArrayBuffer>;
  private readonly texts: string[] = [];
  private readonly directives: number[] = [];
  private readonly unknownEscapes: number[] = [];
  private readonly wideSpaces: number[] = [];
  private count = 0;
  private openComment = -1;
  /** Where the next token ends; set by the scanning methods. */
  private at = 0;
  /** Name number, or 1 + index in `texts`, of the token being scanned. */
  private value = 0;

  constructor(file: SourceFile) {
    this.file = file;
    this.text = file.text;
    this.end = file.text.length;
    const capacity = 16 + (this.end >> 2);
    this.kinds = new Uint8Array(capacity);
    this.values = new Int32Array(capacity);
    this.starts = new Int32Array(capacity);
    this.ends = new Int32Array(capacity);
    this.flags = new Uint8Array(capacity);
  }

  run(): LexedFile {
    const { text, end } = this;
    let at = text.charCodeAt(0) === 0xfeff ? 1 : 0;
    let flags = LINE_START;
    while (at < end) {
      const unit = text.charCodeAt(at);
      const kindOfUnit = unit < 128 ? CLASSES[unit]! : OTHER;
      if (kindOfUnit === SPACE) {
        flags |= SPACE_BEFORE;
        at++;
        continue;
      }
      if (kindOfUnit === NEWLINE) {
        flags = LINE_START;
        at++;
        continue;
      }
      if (unit === BACKSLASH) {
        const after = this.afterSplice(at);
        if (after !== at) {
          at = after;
          continue;
        }
      }
      if (unit === SLASH) {
        const second = this.skipSplices(at + 1);
        const next = text.charCodeAt(second);
        if (next === SLASH) {
          at = this.endOfLineComment(second + 1);
          flags |= SPACE_BEFORE;
          continue;
        }
        if (next === STAR) {
          at = this.endOfBlockComment(at, second + 1);
          flags |= SPACE_BEFORE;
          continue;
        }
      }
      this.value = 0;
      let kind: TokenKind;
      if (kindOfUnit === NAME) kind = this.name(at);
      else if (kindOfUnit === DIGIT) kind = this.number(at);
      else if (kindOfUnit === QUOTES) kind = this.quoted(at, at);
      else if (kindOfUnit === PUNCTUATOR) kind = this.punctuator(at, unit);
      else if (isNameUnit(text, at)) kind = this.name(at);
      else if (isWideSpace(unit)) {
        this.wideSpaces.push(at++);
        flags |= SPACE_BEFORE;
        continue;
      } else {
        const point = text.codePointAt(at)!;
        this.at = at + (point > 0xffff ? 2 : 1);
        kind = T.Stray;
      }
      if (text.charCodeAt(this.at) === BACKSLASH && kind !== T.String && kind !== T.Char) kind = this.spliced(at, kind);
      if (kind === T.Hash && (flags & LINE_START) !== 0) this.directives.push(this.count);
      this.add(kind, at, this.at, flags);
      flags = 0;
      at = this.at;
    }
    this.add(T.Eof, end, end, LINE_START);
    return {
      file: this.file,
      count: this.count,
      kinds: this.kinds.slice(0, this.count),
      values: this.values.slice(0, this.count),
      starts: this.starts.slice(0, this.count),
      ends: this.ends.slice(0, this.count),
      flags: this.flags.slice(0, this.count),
      texts: this.texts,
      directives: Int32Array.from(this.directives),
      guard: this.guard(),
      openComment: this.openComment,
      unknownEscapes: this.unknownEscapes,
      wideSpaces: this.wideSpaces,
    };
  }

  private add(kind: TokenKind, start: number, end: number, flags: number): void {
    const i = this.count++;
    if (i === this.kinds.length) this.grow();
    this.kinds[i] = kind;
    this.values[i] = kind === T.Eof ? 0 : this.value;
    this.starts[i] = start;
    this.ends[i] = end;
    this.flags[i] = flags;
  }

  private grow(): void {
    const capacity = this.kinds.length * 2;
    this.kinds = copyTo(new Uint8Array(capacity), this.kinds);
    this.flags = copyTo(new Uint8Array(capacity), this.flags);
    this.values = copyTo(new Int32Array(capacity), this.values);
    this.starts = copyTo(new Int32Array(capacity), this.starts);
    this.ends = copyTo(new Int32Array(capacity), this.ends);
  }

  // ── line splices ──────────────────────────────────────────────────────────────────────────────────────────────────

  /** Past a backslash and the line break after it (white space between is tolerated, as by clang); `at` if it is none. */
  private afterSplice(at: number): number {
    const { text } = this;
    let i = at + 1;
    let unit = text.charCodeAt(i);
    while (unit === 0x20 || unit === 0x09 || unit === CR) unit = text.charCodeAt(++i);
    return unit === LF ? i + 1 : at;
  }

  private skipSplices(at: number): number {
    let i = at;
    while (this.text.charCodeAt(i) === BACKSLASH) {
      const after = this.afterSplice(i);
      if (after === i) break;
      i = after;
    }
    return i;
  }

  /**
   * The token at `start` was cut by a backslash. If it goes on in the next line, it is scanned again from a text without
   * the splices.
   */
  private spliced(start: number, kind: TokenKind): TokenKind {
    const { text } = this;
    const next = this.skipSplices(this.at);
    const follow = text.charCodeAt(next);
    if (
      next === this.at ||
      Number.isNaN(follow) ||
      (follow < 128 && CLASSES[follow]! <= NEWLINE && follow !== BACKSLASH)
    )
      return kind;
    let clean = text.slice(start, this.at);
    const ends: number[] = [];
    for (let i = 1; i <= clean.length; i++) ends.push(start + i);
    let i = next;
    while (i < this.end && clean.length < MAX_SPLICED) {
      const unit = text.charCodeAt(i);
      if (unit < 128 && (CLASSES[unit]! === SPACE || CLASSES[unit]! === NEWLINE)) break;
      clean += text[i];
      i++;
      ends.push(i);
      i = this.skipSplices(i);
    }
    const lexed = lexText(clean);
    const length = lexed.ends[0]!;
    if (lexed.count < 2 || lexed.kinds[0] === T.Stray || length <= this.at - start) return kind;
    this.at = ends[length - 1]!;
    const again = lexed.kinds[0]!;
    if (again === T.Identifier || again >= T.Auto) this.value = lexed.values[0]!;
    else this.value = again >= T.LBrace && again < T.Auto ? 0 : this.made(clean.slice(lexed.starts[0]!, length));
    return again;
  }

  private made(text: string): number {
    this.texts.push(text);
    return this.texts.length;
  }

  // ── comments ──────────────────────────────────────────────────────────────────────────────────────────────────────

  /** The line break that ends a `//` comment. */
  private endOfLineComment(from: number): number {
    const { text } = this;
    let at = from;
    for (;;) {
      const lf = text.indexOf('\n', at);
      if (lf < 0) return this.end;
      let before = lf - 1;
      while (before >= from && isBlank(text.charCodeAt(before))) before--;
      if (before < from || text.charCodeAt(before) !== BACKSLASH) return lf;
      at = lf + 1;
    }
  }

  private endOfBlockComment(start: number, from: number): number {
    const { text } = this;
    for (let star = text.indexOf('*', from); star >= 0; star = text.indexOf('*', star + 1)) {
      const next = text.charCodeAt(star + 1);
      if (next === SLASH) return star + 2;
      if (next === BACKSLASH) {
        const slash = this.skipSplices(star + 1);
        if (text.charCodeAt(slash) === SLASH) return slash + 1;
      }
    }
    if (this.openComment < 0) this.openComment = start;
    return this.end;
  }

  // ── tokens ────────────────────────────────────────────────────────────────────────────────────────────────────────

  private name(start: number): TokenKind {
    const { text, end } = this;
    let at = start;
    let hash = 0;
    while (at < end) {
      const unit = text.charCodeAt(at);
      if (unit < 128) {
        const kind = CLASSES[unit]!;
        if (kind !== NAME && kind !== DIGIT) {
          if (kind === QUOTES && isPrefix(text, start, at, unit)) return this.quoted(start, at);
          break;
        }
        hash = step(hash, unit);
        at++;
      } else {
        if (!isNameUnit(text, at)) break;
        hash = step(hash, unit);
        at++;
        const low = text.charCodeAt(at);
        if (unit >= 0xd800 && unit < 0xdc00 && low >= 0xdc00 && low < 0xe000) {
          hash = step(hash, low);
          at++;
        }
      }
    }
    this.at = at;
    const id = nameIdAt(text, start, at, hash);
    this.value = id;
    return nameKind(id);
  }

  private number(start: number): TokenKind {
    const { text } = this;
    let at = start + 1;
    for (;;) {
      const unit = text.charCodeAt(at);
      if (unit === 0x2b || unit === 0x2d) {
        const before = text.charCodeAt(at - 1) | 0x20;
        if (before !== 0x65 && before !== 0x70) break;
      } else if (unit !== 0x2e && !(unit < 128 && (CLASSES[unit] === NAME || CLASSES[unit] === DIGIT))) break;
      at++;
    }
    this.at = at;
    return T.Number;
  }

  /** A string or character constant whose quote stands at `open`, after a prefix from `start`. */
  private quoted(start: number, open: number): TokenKind {
    const { text, end } = this;
    const quote = text.charCodeAt(open);
    let at = open + 1;
    let spliced = false;
    while (at < end) {
      const unit = text.charCodeAt(at);
      if (unit === quote) {
        this.at = at + 1;
        this.value = spliced ? this.made(this.withoutSplices(start, at + 1)) : 0;
        return quote === 0x22 ? T.String : T.Char;
      }
      if (unit === LF) break;
      if (unit === BACKSLASH) {
        const after = this.afterSplice(at);
        if (after !== at) {
          spliced = true;
          at = after;
          continue;
        }
        const letterAt = this.skipSplices(at + 1);
        const letter = text.charCodeAt(letterAt);
        if (letter === LF || letterAt >= end) break;
        if (!isKnownEscape(letter)) this.unknownEscapes.push(at);
        at = letterAt + 1;
        continue;
      }
      at++;
    }
    while (at > open + 1 && text.charCodeAt(at - 1) === CR) at--;
    this.at = at;
    return T.Stray;
  }

  private withoutSplices(start: number, end: number): string {
    let clean = '';
    let at = start;
    while (at < end) {
      const next = backslashIn(this.text, at, end);
      clean += this.text.slice(at, next);
      if (next === end) break;
      const after = this.afterSplice(next);
      if (after === next) clean += '\\';
      at = after === next ? next + 1 : after;
    }
    return clean;
  }

  private punctuator(start: number, unit: number): TokenKind {
    const { text } = this;
    const next = text.charCodeAt(start + 1);
    let length = 1;
    let kind: TokenKind = T.Stray;
    switch (unit) {
      case 0x7b: // {
        kind = T.LBrace;
        break;
      case 0x7d: // }
        kind = T.RBrace;
        break;
      case 0x28: // (
        kind = T.LParen;
        break;
      case 0x29: // )
        kind = T.RParen;
        break;
      case 0x5b: // [
        kind = T.LBracket;
        break;
      case 0x5d: // ]
        kind = T.RBracket;
        break;
      case 0x3b: // ;
        kind = T.Semicolon;
        break;
      case 0x2c: // ,
        kind = T.Comma;
        break;
      case 0x7e: // ~
        kind = T.Tilde;
        break;
      case 0x3f: // ?
        kind = T.Question;
        break;
      case 0x2e: // .
        if (next >= 0x30 && next <= 0x39) return this.number(start);
        kind = T.Dot;
        if (next === 0x2e && text.charCodeAt(start + 2) === 0x2e) {
          kind = T.Ellipsis;
          length = 3;
        }
        break;
      case 0x2d: // -
        kind = T.Minus;
        if (next === 0x3e) kind = T.Arrow;
        else if (next === 0x2d) kind = T.MinusMinus;
        else if (next === 0x3d) kind = T.MinusAssign;
        if (kind !== T.Minus) length = 2;
        break;
      case 0x2b: // +
        kind = T.Plus;
        if (next === 0x2b) kind = T.PlusPlus;
        else if (next === 0x3d) kind = T.PlusAssign;
        if (kind !== T.Plus) length = 2;
        break;
      case 0x26: // &
        kind = T.And;
        if (next === 0x26) kind = T.AndAnd;
        else if (next === 0x3d) kind = T.AndAssign;
        if (kind !== T.And) length = 2;
        break;
      case 0x7c: // |
        kind = T.Or;
        if (next === 0x7c) kind = T.OrOr;
        else if (next === 0x3d) kind = T.OrAssign;
        if (kind !== T.Or) length = 2;
        break;
      case 0x2a: // *
        kind = next === 0x3d ? T.StarAssign : T.Star;
        if (kind !== T.Star) length = 2;
        break;
      case 0x2f: // /
        kind = next === 0x3d ? T.SlashAssign : T.Slash;
        if (kind !== T.Slash) length = 2;
        break;
      case 0x21: // !
        kind = next === 0x3d ? T.NotEq : T.Not;
        if (kind !== T.Not) length = 2;
        break;
      case 0x3d: // =
        kind = next === 0x3d ? T.EqEq : T.Assign;
        if (kind !== T.Assign) length = 2;
        break;
      case 0x5e: // ^
        kind = next === 0x3d ? T.XorAssign : T.Xor;
        if (kind !== T.Xor) length = 2;
        break;
      case 0x23: // #
        kind = next === 0x23 ? T.HashHash : T.Hash;
        if (kind !== T.Hash) length = 2;
        break;
      case 0x3a: // :
        kind = T.Colon;
        if (next === 0x3e) return this.digraph(start, 2, T.RBracket);
        break;
      case 0x25: // %
        kind = T.Percent;
        if (next === 0x3d) {
          kind = T.PercentAssign;
          length = 2;
        } else if (next === 0x3e) return this.digraph(start, 2, T.RBrace);
        else if (next === 0x3a) {
          if (text.charCodeAt(start + 2) === 0x25 && text.charCodeAt(start + 3) === 0x3a)
            return this.digraph(start, 4, T.HashHash);
          return this.digraph(start, 2, T.Hash);
        }
        break;
      case 0x3c: // <
        kind = T.Lt;
        if (next === 0x3c) {
          kind = text.charCodeAt(start + 2) === 0x3d ? T.ShlAssign : T.Shl;
          length = kind === T.Shl ? 2 : 3;
        } else if (next === 0x3d) {
          kind = T.Le;
          length = 2;
        } else if (next === 0x3a) return this.digraph(start, 2, T.LBracket);
        else if (next === 0x25) return this.digraph(start, 2, T.LBrace);
        break;
      case 0x3e: // >
        kind = T.Gt;
        if (next === 0x3e) {
          kind = text.charCodeAt(start + 2) === 0x3d ? T.ShrAssign : T.Shr;
          length = kind === T.Shr ? 2 : 3;
        } else if (next === 0x3d) {
          kind = T.Ge;
          length = 2;
        }
        break;
    }
    this.at = start + length;
    return kind;
  }

  /** Keeps its own spelling, which `#` shows. */
  private digraph(start: number, length: number, kind: TokenKind): TokenKind {
    this.at = start + length;
    this.value = this.made(this.text.slice(start, start + length));
    return kind;
  }

  // ── include guard ─────────────────────────────────────────────────────────────────────────────────────────────────

  private guard(): number {
    const { kinds, values, flags, directives, count } = this;
    if (count < 6 || directives[0] !== 0 || values[1] !== IFNDEF || kinds[3] !== T.Hash) return -1;
    if ((flags[1]! & LINE_START) !== 0 || (flags[2]! & LINE_START) !== 0 || (flags[3]! & LINE_START) === 0) return -1;
    if (kinds[2] !== T.Identifier) return -1;
    let depth = 0;
    for (let d = 0; d < directives.length; d++) {
      const hash = directives[d]!;
      if ((flags[hash + 1]! & LINE_START) !== 0) continue;
      const word = kinds[hash + 1]! === T.Identifier || kinds[hash + 1]! >= T.Auto ? values[hash + 1]! : -1;
      if (word === IF || word === IFDEF || word === IFNDEF) depth++;
      else if (word === ENDIF) {
        depth--;
        if (depth === 0) return d === directives.length - 1 && hash + 2 === count - 1 ? values[2]! : -1;
      } else if (depth === 1 && (word === ELSE || word === ELIF || word === ELIFDEF || word === ELIFNDEF)) return -1;
    }
    return -1;
  }
}

const IF = nameId('if');
const IFDEF = nameId('ifdef');
const IFNDEF = nameId('ifndef');
const ELSE = nameId('else');
const ELIF = nameId('elif');
const ELIFDEF = nameId('elifdef');
const ELIFNDEF = nameId('elifndef');
const ENDIF = nameId('endif');

/** Longest token (strings aside) that may go over line splices. */
const MAX_SPLICED = 4096;

function copyTo<A extends Uint8Array | Int32Array>(to: A, from: A): A {
  to.set(from);
  return to;
}

function backslashIn(text: string, from: number, end: number): number {
  const found = text.indexOf('\\', from);
  return found < 0 || found > end ? end : found;
}

function isBlank(unit: number): boolean {
  return unit === 0x20 || unit === 0x09 || unit === CR;
}

/** `L`, `u`, `U`, `u8` directly before a quote. */
function isPrefix(text: string, start: number, end: number, quote: number): boolean {
  const first = text.charCodeAt(start);
  if (end - start === 1) return first === 0x4c || first === 0x75 || first === 0x55;
  return end - start === 2 && first === 0x75 && text.charCodeAt(start + 1) === 0x38 && quote === 0x22;
}

/** `\n \t \r \\ \' \" \? \a \b \f \v \e \E \0…\7 \x \u \U` */
function isKnownEscape(unit: number): boolean {
  return (unit >= 0x30 && unit <= 0x37) || KNOWN_ESCAPES.includes(String.fromCharCode(unit));
}
const KNOWN_ESCAPES = 'ntr\\\'"?abfveExuU';

/** C11 annex D: characters beyond ASCII that names may have. */
function isNameUnit(text: string, at: number): boolean {
  const point = text.codePointAt(at)!;
  if (point < 0xa8) return false;
  let low = 0;
  let high = NAME_RANGES.length >> 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (NAME_RANGES[middle * 2 + 1]! < point) low = middle + 1;
    else high = middle;
  }
  return low * 2 < NAME_RANGES.length && point >= NAME_RANGES[low * 2]!;
}
const NAME_RANGES = [
  0xa8, 0xa8, 0xaa, 0xaa, 0xad, 0xad, 0xaf, 0xaf, 0xb2, 0xb5, 0xb7, 0xba, 0xbc, 0xbe, 0xc0, 0xd6, 0xd8, 0xf6, 0xf8,
  0x167f, 0x1681, 0x180d, 0x180f, 0x1fff, 0x200b, 0x200d, 0x202a, 0x202e, 0x203f, 0x2040, 0x2054, 0x2054, 0x2060,
  0x218f, 0x2460, 0x24ff, 0x2776, 0x2793, 0x2c00, 0x2dff, 0x2e80, 0x2fff, 0x3004, 0x3007, 0x3021, 0x302f, 0x3031,
  0xd7ff, 0xf900, 0xfd3d, 0xfd40, 0xfdcf, 0xfdf0, 0xfe44, 0xfe47, 0xfffd, 0x10000, 0x1fffd, 0x20000, 0x2fffd, 0x30000,
  0x3fffd, 0x40000, 0x4fffd, 0x50000, 0x5fffd, 0x60000, 0x6fffd, 0x70000, 0x7fffd, 0x80000, 0x8fffd, 0x90000, 0x9fffd,
  0xa0000, 0xafffd, 0xb0000, 0xbfffd, 0xc0000, 0xcfffd, 0xd0000, 0xdfffd, 0xe0000, 0xefffd,
];
