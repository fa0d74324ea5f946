/** Words, names, numbers and marks of the text form. */
import { SkepError, type SourceFile } from '@skep/base';
import { irSyntax } from './diagnostics.ts';
import type { ScalarType } from './ir.ts';

export interface Token {
  readonly kind: TokenKind;
  /** Without sigils and quotes. */
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** Types that registers hold. */
export const SCALARS: readonly ScalarType[] = ['i1', 'i8', 'i16', 'i32', 'i64', 'ptr'];

export type TokenKind = 'word' | 'local' | 'symbol' | 'number' | 'string' | 'mark' | 'end';

export function tokenise(file: SourceFile): Token[] {
  const tokens: Token[] = [];
  const { text } = file;
  TOKEN.lastIndex = 0;
  for (let start = 0; start < text.length; ) {
    const match = TOKEN.exec(text);
    if (match === null) {
      const span = { file, start, end: start + 1 };
      throw new SkepError(irSyntax(span, `a character that means nothing here: ${JSON.stringify(text[start])}`));
    }
    const end = TOKEN.lastIndex;
    for (const [i, kind] of KINDS.entries()) {
      const found = match[i + 1];
      if (found !== undefined) tokens.push({ kind, text: kind === 'string' ? unquote(found) : found, start, end });
    }
    start = end;
  }
  tokens.push({ kind: 'end', text: '', start: text.length, end: text.length });
  return tokens;
}

const TOKEN =
  /([A-Za-z_][\w.$]*)|%([\w.$]+)|@([^\s(),:=[\]{}]+)|(-?\d+)|("(?:[^"\\\n]|\\.)*")|([(){}[\],:=+-])|(?:\s+|#[^\n]*)/y;

const KINDS: readonly TokenKind[] = ['word', 'local', 'symbol', 'number', 'string', 'mark'];

function unquote(text: string): string {
  try {
    return JSON.parse(text) as string;
  } catch {
    return text.slice(1, -1);
  }
}
