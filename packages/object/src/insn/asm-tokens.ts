import type { SourceFile, Span } from '@skep/base';

/** A word of assembly text. */
export interface Token {
  readonly kind: 'name' | 'number' | 'operand' | 'sign' | 'bad';
  /** Of an operand of an inline assembly: its name without `%` and brackets. */
  readonly text: string;
  /** Of an operand: the letter between `%` and the name, as in `%w[value]`. */
  readonly modifier: string;
  readonly start: number;
  readonly end: number;
}

/** Longest first: `s>>=` before `s>`. The letter s starts an operator only right before its sign. */
const SIGNS = /s(?:>>=|\/=|%=|>=|<=|>|<)|<<=|>>=|[-+*/%&|^=!<>]=|&|[-+*()[\]=<>:,#@|^~!]/y;
const NAME = /[A-Za-z_.$][\w.$]*/y;
const NUMBER = /0[xX][0-9a-fA-F]+|0[bB][01]+(?![\w])|\d+[bf](?!\w)|\d+/y;
const OPERAND = /%([a-zA-Z]?)(?:\[([A-Za-z_]\w*)\]|(\d+))/y;
const PATTERNS = [
  ['operand', OPERAND],
  ['sign', SIGNS],
  ['name', NAME],
  ['number', NUMBER],
] as const;

/** The words of `text` from `start` to `end`; a character that starts none becomes a token of kind `bad`. */
export function tokenize(text: string, start: number, end: number): Token[] {
  const tokens: Token[] = [];
  let at = start;
  while (at < end) {
    if (/\s/.test(text[at]!)) {
      at++;
      continue;
    }
    const token = tokenAt(text, at, end);
    tokens.push(token);
    at = token.end;
  }
  return tokens;
}

function tokenAt(text: string, at: number, end: number): Token {
  for (const [kind, pattern] of PATTERNS) {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (found === null || at + found[0].length > end) continue;
    const isOperand = kind === 'operand';
    return {
      kind,
      text: isOperand ? (found[2] ?? found[3]!) : found[0],
      modifier: isOperand ? found[1]! : '',
      start: at,
      end: at + found[0].length,
    };
  }
  return { kind: 'bad', text: text[at]!, modifier: '', start: at, end: at + 1 };
}

/**
 * The ranges of the statements of a text, between line breaks and `;`, and the text with its comments blanked out. A
 * line that begins with `;` is a remark: the disassembler puts source lines there.
 */
export function statementsOf(source: string): { readonly text: string; readonly ranges: readonly Range[] } {
  const text = source.replace(COMMENTS, (comment) => comment.replace(/[^\n]/g, ' '));
  const ranges: Range[] = [];
  for (const found of text.matchAll(/[^;\n]+/g)) {
    if (found[0].trim() !== '') ranges.push({ start: found.index, end: found.index + found[0].length });
  }
  return { text, ranges };
}

export interface Range {
  readonly start: number;
  readonly end: number;
}

const COMMENTS = /\/\*[\s\S]*?(?:\*\/|$(?![\s\S]))|\/\/[^\n]*|(?<![^\s])#[^\n]*|(?<=^[ \t]*);[^\n]*/gm;

export const spanOf = (file: SourceFile, token: { start: number; end: number }): Span => ({
  file,
  start: token.start,
  end: token.end,
});
