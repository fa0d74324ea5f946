import { Diagnostics, SkepError, type SourceFile, type Span } from '@skep/base';
import { badCharacter, badNumber, characterLiteral, fraction, singleQuote, unterminated } from './diagnostics.ts';

export interface Token {
  readonly kind: 'name' | 'int' | 'string' | 'variable' | 'map' | 'positional' | 'count' | 'mark' | 'end';
  /** Names with their sign (`$x`, `@y`), marks as written, strings without escapes. */
  readonly text: string;
  readonly value: bigint;
  readonly start: number;
  readonly end: number;
}

/**
 * Tokens of a script, on demand: what an attach point is, or a C definition, the parser reads as plain text in between
 * ({@link Lexer.position}).
 */
export class Lexer {
  readonly file: SourceFile;
  readonly diagnostics = new Diagnostics();
  position = 0;

  constructor(file: SourceFile) {
    this.file = file;
    // A line that tells the shell what runs the file.
    if (file.text.startsWith('#!')) this.position = endOfLine(file.text, 0);
  }

  span(start: number, end: number): Span {
    return { file: this.file, start, end };
  }

  /** Past blanks and comments. */
  skip(): void {
    const { text } = this.file;
    for (;;) {
      const c = text[this.position];
      if (c === ' ' || c === '\t' || c === '\n' || c === '\r' || c === '\f' || c === '\v') this.position++;
      else if (text.startsWith('//', this.position)) this.position = endOfLine(text, this.position);
      else if (text.startsWith('/*', this.position)) {
        const end = text.indexOf('*/', this.position + 2);
        if (end < 0) throw new SkepError(unterminated('the comment', this.span(this.position, this.position + 2)));
        this.position = end + 2;
      } else return;
    }
  }

  next(): Token {
    this.skip();
    const { text } = this.file;
    const start = this.position;
    if (start >= text.length) return this.token('end', '', start, start);
    const c = text[start]!;
    if (c === '"') return this.string(start);
    if (isDigit(c)) return this.number(start);
    if (isNameStart(c)) {
      const end = nameEnd(text, start);
      return this.token('name', text.slice(start, end), start, end);
    }
    if (c === '$') {
      if (text[start + 1] === '#') return this.token('count', '$#', start, start + 2);
      if (isDigit(text[start + 1] ?? '')) {
        let end = start + 1;
        while (isDigit(text[end] ?? '')) end++;
        return this.token('positional', text.slice(start, end), start, end);
      }
      if (isNameStart(text[start + 1] ?? '')) {
        const end = nameEnd(text, start + 1);
        return this.token('variable', text.slice(start, end), start, end);
      }
    }
    if (c === '@') {
      const end = isNameStart(text[start + 1] ?? '') ? nameEnd(text, start + 1) : start + 1;
      return this.token('map', text.slice(start, end), start, end);
    }
    for (const length of [3, 2, 1]) {
      const mark = text.slice(start, start + length);
      if (mark.length === length && MARKS.has(mark)) return this.token('mark', mark, start, start + length);
    }
    const quoted = /^'(\\?[^'])'/.exec(text.slice(start, start + 4));
    if (quoted) throw new SkepError(characterLiteral(quoted[1]!, this.span(start, start + quoted[0].length)));
    if (c === "'") throw new SkepError(singleQuote(this.span(start, start + 1)));
    throw new SkepError(badCharacter(String.fromCodePoint(text.codePointAt(start)!), this.span(start, start + 1)));
  }

  private token(kind: Token['kind'], text: string, start: number, end: number, value = 0n): Token {
    this.position = end;
    return { kind, text, value, start, end };
  }

  private string(start: number): Token {
    const { text } = this.file;
    let value = '';
    let at = start + 1;
    for (;;) {
      const c = text[at];
      if (c === undefined) throw new SkepError(unterminated('the string', this.span(start, start + 1)));
      if (c === '"') break;
      if (c !== '\\') {
        const point = text.codePointAt(at)!;
        const character = String.fromCodePoint(point);
        // A string is bytes, one in each character: those of UTF-8 here, any by escapes.
        value += point < 0x80 ? character : String.fromCharCode(...new TextEncoder().encode(character));
        at += character.length;
        continue;
      }
      const letter = text[at + 1];
      at += 2;
      if (letter === 'x') {
        const digits = /^[0-9a-fA-F]{1,2}/.exec(text.slice(at, at + 2))?.[0] ?? '';
        value += String.fromCharCode(Number.parseInt(digits || '0', 16));
        at += digits.length;
      } else if (letter !== undefined && letter >= '0' && letter <= '7') {
        const digits = /^[0-7]{1,3}/.exec(text.slice(at - 1, at + 2))![0];
        value += String.fromCharCode(Number.parseInt(digits, 8) & 0xff);
        at += digits.length - 1;
      } else if (letter === '\n') {
        // A string that goes on in the next line.
      } else value += SIMPLE_ESCAPES[letter ?? ''] ?? letter ?? '';
    }
    return this.token('string', value, start, at + 1);
  }

  private number(start: number): Token {
    const { text } = this.file;
    let end = start;
    while (/[0-9a-zA-Z_]/.test(text[end] ?? '')) end++;
    const written = text.slice(start, end);
    const bad = (why: string): never => {
      throw new SkepError(badNumber(written, why, this.span(start, end)));
    };
    // Behind a point stands the place of a tuple.
    if (text[end] === '.' && isDigit(text[end + 1] ?? '') && text[start - 1] !== '.') {
      while (/[0-9a-zA-Z_.]/.test(text[end] ?? '')) end++;
      throw new SkepError(fraction(text.slice(start, end), this.span(start, end)));
    }
    const value = numberOf(written, bad);
    if (value >= 1n << 64n) bad('it has more than 64 bits');
    return this.token('int', written, start, end, value);
  }
}

/** `10`, `0x1f`, `017`, `1_000`, `1e6`, `10ms`, `5UL`. `bad` throws. */
export function numberOf(written: string, bad: (why: string) => never): bigint {
  const plain = written.replaceAll('_', '');
  const match = /^(0[xX][0-9a-fA-F]+|\d+)(?:[eE](\d+))?([a-zA-Z]*)$/.exec(plain);
  if (!match) return bad('it has letters in it');
  const [, digits, exponent, suffix] = match as unknown as [string, string, string | undefined, string];
  if (/^0[xX]/.test(digits)) {
    const [, hex, rest] = /^(0[xX][0-9a-fA-F]+)(.*)$/.exec(plain)!;
    if (!/^[uU]?[lL]{0,2}[uU]?$/.test(rest!)) return bad('it has letters in it');
    return BigInt(hex!);
  }
  if (/^0\d/.test(digits) && exponent === undefined) {
    if (!/^[0-7]+$/.test(digits)) return bad('an octal number has no digits above 7');
    return BigInt(`0o${digits}`);
  }
  let value = BigInt(digits);
  if (exponent !== undefined) {
    if (Number(exponent) > 19) return bad('the exponent is too large');
    value *= 10n ** BigInt(exponent);
  }
  if (suffix === '' || /^([uU][lL]{0,2}|[lL]{1,2}[uU]?)$/.test(suffix)) return value;
  const unit = DURATIONS[suffix];
  return unit === undefined ? bad(`\`${suffix}\` is no unit`) : value * unit;
}

/** Nanoseconds. */
export const DURATIONS: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
  d: 86_400_000_000_000n,
};

const SIMPLE_ESCAPES: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  '\\': '\\',
  '"': '"',
  a: '\x07',
  b: '\b',
  f: '\f',
  v: '\v',
};

const MARKS: ReadonlySet<string> = new Set(
  '<<= >>= && || == != <= >= << >> ++ -- += -= *= /= %= &= |= ^= -> .. ?: { } ( ) [ ] ; , : ? = + - * / % & | ^ ! ~ < > . #'.split(
    ' ',
  ),
);

export function endOfLine(text: string, from: number): number {
  const at = text.indexOf('\n', from);
  return at < 0 ? text.length : at;
}

function isNameStart(c: string): boolean {
  return /^[A-Za-z_]/.test(c);
}

export function nameEnd(text: string, start: number): number {
  let end = start;
  while (end < text.length && /[A-Za-z0-9_]/.test(text[end]!)) end++;
  return end;
}

function isDigit(c: string): boolean {
  return c >= '0' && c <= '9' && c.length === 1;
}
