/**
 * What literals mean. Nothing here knows types: the parser picks the type of an integer by C11 6.4.4.1 from its value,
 * suffix and base.
 */
export type NumberLiteral = IntegerLiteral | FloatLiteral | LiteralError;

export interface IntegerLiteral {
  readonly kind: 'integer';
  /** Below 2^128; not yet fitted to a type. */
  readonly value: bigint;
  /** `u` was written. */
  readonly unsigned: boolean;
  /** How many `l` were written. */
  readonly long: 0 | 1 | 2;
  /** Not hexadecimal, octal or binary: such a literal never becomes unsigned by itself. */
  readonly decimal: boolean;
}
export interface FloatLiteral {
  readonly kind: 'float';
  readonly value: number;
  readonly suffix: '' | 'f' | 'l';
}
export interface LiteralError {
  readonly kind: 'error';
  readonly message: string;
  /** UTF-16 offset in the literal's text, of the first thing that is wrong. */
  readonly at: number;
}

/** The value of a preprocessing number: `42`, `0x1fUL`, `0b101`, `0777`, `1'000'000`, `1.5e3f`. */
export function parseNumber(text: string): NumberLiteral {
  const known = knownNumbers.get(text);
  if (known !== undefined) return known;
  const parsed = readNumber(text);
  if (knownNumbers.size > 4096) knownNumbers.clear();
  knownNumbers.set(text, parsed);
  return parsed;
}

/** Programs write the same few numbers over and over. */
const knownNumbers = new Map<string, NumberLiteral>();

function readNumber(text: string): NumberLiteral {
  let base = 10;
  let at = 0;
  const second = text.charCodeAt(1) | 0x20;
  if (text.charCodeAt(0) === ZERO && text.length > 1) {
    if (second === 0x78) base = 16;
    else if (second === 0x62) base = 2;
    else base = 8;
    at = base === 8 ? 1 : 2;
  }
  const first = at;
  let end = at;
  let value = 0n;
  let small = 0;
  let scale = 1;
  let bad = -1;
  for (; end < text.length; end++) {
    const unit = text.charCodeAt(end);
    if (unit === QUOTE && end > first) continue;
    const digit = digitOf(unit);
    if (digit < 0 || (base === 16 ? digit >= 16 : digit >= 10)) break;
    if (digit >= base && bad < 0) bad = end;
    small = small * base + digit;
    scale *= base;
    if (scale > 0x1_0000_0000) {
      value = value * BigInt(scale) + BigInt(small);
      if (value >> 256n !== 0n) return { kind: 'error', message: 'integer literal is too large for any type', at: 0 };
      small = 0;
      scale = 1;
    }
  }
  const next = text.charCodeAt(end) | 0x20;
  if (next === 0x2e || text.charCodeAt(end) === 0x2e || (base !== 16 ? next === 0x65 && base !== 2 : next === 0x70))
    return readFloat(text, base);
  if (base !== 8 && end === first) return { kind: 'error', message: `no digits after '${text.slice(0, 2)}'`, at: 0 };
  if (bad >= 0)
    return {
      kind: 'error',
      message: `digit '${text[bad]}' in ${base === 8 ? 'an octal' : 'a binary'} literal`,
      at: bad,
    };
  if (scale > 1) value = value * BigInt(scale) + BigInt(small);
  if (value >> 128n !== 0n) return { kind: 'error', message: 'integer literal is too large for any type', at: 0 };
  const suffix = SUFFIXES[text.slice(end)];
  if (suffix === undefined)
    return { kind: 'error', message: `invalid suffix '${text.slice(end)}' on an integer literal`, at: end };
  return { kind: 'integer', value, unsigned: suffix.unsigned, long: suffix.long, decimal: base === 10 };
}

interface Suffix {
  readonly unsigned: boolean;
  readonly long: 0 | 1 | 2;
}
const SUFFIXES: Record<string, Suffix | undefined> = /* @__PURE__ */ (() => {
  const table = Object.create(null) as Record<string, Suffix>;
  for (const u of ['', 'u', 'U'])
    for (const l of ['', 'l', 'L', 'll', 'LL']) {
      const suffix: Suffix = { unsigned: u !== '', long: l.length as 0 | 1 | 2 };
      table[u + l] = suffix;
      table[l + u] = suffix;
    }
  return table;
})();

function readFloat(text: string, base: number): NumberLiteral {
  let end = base === 16 ? 2 : 0;
  let exponent = false;
  for (; end < text.length; end++) {
    const unit = text.charCodeAt(end);
    const lower = unit | 0x20;
    if (!exponent && lower === (base === 16 ? 0x70 : 0x65)) {
      exponent = true;
      const sign = text.charCodeAt(end + 1);
      if (sign === 0x2b || sign === 0x2d) end++;
      if (!isDigit(text.charCodeAt(end + 1))) return { kind: 'error', message: 'exponent has no digits', at: end };
    } else if (unit !== 0x2e && unit !== QUOTE && !(base === 16 && !exponent ? digitOf(unit) >= 0 : isDigit(unit)))
      break;
  }
  const suffix = text.slice(end).toLowerCase();
  if (suffix !== '' && suffix !== 'f' && suffix !== 'l')
    return { kind: 'error', message: `invalid suffix '${text.slice(end)}' on a floating literal`, at: end };
  const digits = text.slice(0, end).replaceAll("'", '');
  const value = base === 16 ? hexFloat(digits) : Number(digits);
  if (Number.isNaN(value)) return { kind: 'error', message: `'${text}' is not a number`, at: 0 };
  return { kind: 'float', value, suffix };
}

/** `0x1.8p3`; NaN when the exponent, which C demands, is missing. */
function hexFloat(text: string): number {
  const split = text.toLowerCase().indexOf('p');
  if (split < 0) return Number.NaN;
  let value = 0;
  let shift = 0;
  let point = false;
  for (let i = 2; i < split; i++) {
    const unit = text.charCodeAt(i);
    if (unit === 0x2e) {
      if (point) return Number.NaN;
      point = true;
      continue;
    }
    value = value * 16 + digitOf(unit);
    if (point) shift -= 4;
  }
  return value * 2 ** (shift + Number(text.slice(split + 1)));
}

/** What a character or string is made of: plain bytes, or 16- or 32-bit units. */
export type Encoding = 'char' | 'utf8' | 'wchar' | 'char16' | 'char32';

export interface CharLiteral {
  readonly kind: 'char';
  /** Sign-extended for a plain character above 127 (`char` is signed); `'ab'` packs its bytes as clang does. */
  readonly value: bigint;
  readonly encoding: Encoding;
}

/** The value of a character constant with its quotes and prefix. */
export function charValue(text: string): CharLiteral | LiteralError {
  const open = text.indexOf("'");
  const encoding = encodingOf(text.slice(0, open));
  const units: number[] = [];
  const error = decode(text, open + 1, text.length - 1, encoding, units);
  if (error !== undefined) return error;
  if (units.length === 0) return { kind: 'error', message: 'empty character constant', at: open };
  if (encoding !== 'char') {
    if (units.length > 1)
      return { kind: 'error', message: 'more than one character in a character constant', at: open };
    return { kind: 'char', value: BigInt(encoding === 'wchar' ? units[0]! | 0 : units[0]! >>> 0), encoding };
  }
  if (units.length > 4) return { kind: 'error', message: 'character constant is longer than an int', at: open };
  if (units.length === 1) return { kind: 'char', value: BigInt((units[0]! << 24) >> 24), encoding };
  let value = 0;
  for (const unit of units) value = (value << 8) | (unit & 0xff);
  return { kind: 'char', value: BigInt(value), encoding };
}

export interface StringLiteral {
  readonly kind: 'string';
  readonly encoding: Encoding;
  /** Bytes of one unit: 1, 2 or 4. */
  readonly unitSize: 1 | 2 | 4;
  /** Little endian, with the terminating NUL unit. */
  readonly bytes: Uint8Array;
}
export interface StringError extends LiteralError {
  /** Which of the literals is wrong. */
  readonly index: number;
}

/** Adjacent string literals, each with its quotes and prefix, as one (C11 6.4.5p5). */
export function stringBytes(texts: readonly string[]): StringLiteral | StringError {
  let encoding: Encoding = 'char';
  for (let i = 0; i < texts.length; i++) {
    const own = encodingOf(texts[i]!.slice(0, texts[i]!.indexOf('"')));
    if (own === 'char' || own === encoding) continue;
    if (encoding !== 'char')
      return { kind: 'error', message: 'adjacent strings have different prefixes', at: 0, index: i };
    encoding = own;
  }
  const units: number[] = [];
  for (let i = 0; i < texts.length; i++) {
    const text = texts[i]!;
    const error = decode(text, text.indexOf('"') + 1, text.length - 1, encoding, units);
    if (error !== undefined) return { ...error, index: i };
  }
  units.push(0);
  const unitSize = UNIT_SIZES[encoding];
  const bytes = new Uint8Array(units.length * unitSize);
  for (let i = 0; i < units.length; i++)
    for (let b = 0; b < unitSize; b++) bytes[i * unitSize + b] = units[i]! >>> (8 * b);
  return { kind: 'string', encoding, unitSize, bytes };
}

const UNIT_SIZES = { char: 1, utf8: 1, wchar: 4, char16: 2, char32: 4 } as const;

function encodingOf(prefix: string): Encoding {
  if (prefix === '') return 'char';
  if (prefix === 'L') return 'wchar';
  if (prefix === 'u') return 'char16';
  return prefix === 'U' ? 'char32' : 'utf8';
}

const ZERO = 0x30;
const QUOTE = 0x27;
const BACKSLASH = 0x5c;

function isDigit(unit: number): boolean {
  return unit >= 0x30 && unit <= 0x39;
}

function digitOf(unit: number): number {
  if (isDigit(unit)) return unit - 0x30;
  const lower = unit | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

/** Appends the units of `text[at, end)` to `units`. */
function decode(text: string, at: number, end: number, encoding: Encoding, units: number[]): LiteralError | undefined {
  const limit = UNIT_SIZES[encoding] === 1 ? 0xff : UNIT_SIZES[encoding] === 2 ? 0xffff : 0xffff_ffff;
  while (at < end) {
    const unit = text.charCodeAt(at);
    if (unit !== BACKSLASH) {
      const point = text.codePointAt(at)!;
      encode(point, encoding, units);
      at += point > 0xffff ? 2 : 1;
      continue;
    }
    const start = at;
    const letter = text[at + 1] ?? '';
    at += 2;
    const simple = SIMPLE_ESCAPES[letter];
    if (simple !== undefined) {
      units.push(simple);
    } else if (letter >= '0' && letter <= '7') {
      let value = letter.charCodeAt(0) - ZERO;
      for (let n = 1; n < 3 && at < end; n++, at++) {
        const digit = text.charCodeAt(at) - ZERO;
        if (digit < 0 || digit > 7) break;
        value = value * 8 + digit;
      }
      if (value > limit) return { kind: 'error', message: 'octal escape is out of range', at: start };
      units.push(value);
    } else if (letter === 'x') {
      let value = 0;
      const first = at;
      for (; at < end; at++) {
        const digit = digitOf(text.charCodeAt(at));
        if (digit < 0) break;
        value = value * 16 + digit;
        if (value > limit) return { kind: 'error', message: 'hexadecimal escape is out of range', at: start };
      }
      if (at === first) return { kind: 'error', message: "'\\x' without hexadecimal digits", at: start };
      units.push(value);
    } else if (letter === 'u' || letter === 'U') {
      const digits = letter === 'u' ? 4 : 8;
      let value = 0;
      for (let n = 0; n < digits; n++, at++) {
        const digit = at < end ? digitOf(text.charCodeAt(at)) : -1;
        if (digit < 0) return { kind: 'error', message: `'\\${letter}' needs ${digits} hexadecimal digits`, at: start };
        value = value * 16 + digit;
      }
      if (value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
        return { kind: 'error', message: 'not a Unicode character', at: start };
      encode(value, encoding, units);
    } else {
      // The preprocessor has warned: as with other compilers, the character stands for itself.
      const point = text.codePointAt(at - 1) ?? 0;
      encode(point, encoding, units);
      if (point > 0xffff) at += 1;
    }
  }
  return undefined;
}

const SIMPLE_ESCAPES: Record<string, number | undefined> = {
  n: 10,
  t: 9,
  r: 13,
  '\\': 92,
  "'": 39,
  '"': 34,
  '?': 63,
  a: 7,
  b: 8,
  f: 12,
  v: 11,
  e: 27,
  E: 27,
};

function encode(point: number, encoding: Encoding, units: number[]): void {
  if (encoding === 'wchar' || encoding === 'char32') {
    units.push(point);
  } else if (encoding === 'char16') {
    if (point > 0xffff) units.push(0xd800 + ((point - 0x10000) >> 10), 0xdc00 + ((point - 0x10000) & 0x3ff));
    else units.push(point);
  } else if (point < 0x80) {
    units.push(point);
  } else if (point < 0x800) {
    units.push(0xc0 | (point >> 6), 0x80 | (point & 0x3f));
  } else if (point < 0x10000) {
    units.push(0xe0 | (point >> 12), 0x80 | ((point >> 6) & 0x3f), 0x80 | (point & 0x3f));
  } else {
    units.push(
      0xf0 | (point >> 18),
      0x80 | ((point >> 12) & 0x3f),
      0x80 | ((point >> 6) & 0x3f),
      0x80 | (point & 0x3f),
    );
  }
}
