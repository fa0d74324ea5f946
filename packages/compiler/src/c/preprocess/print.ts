import { LINE_START, type Pragma, SPACE_BEFORE, T } from '../token.ts';
import type { TokenList } from '../token-list.ts';

/** The tokens as C text (`-E`), line for line where that is possible, without line markers. */
export function printTokens(tokens: TokenList): string {
  let out = '';
  let before = '';
  for (let i = 0; i < tokens.length; i++) {
    const kind = tokens.kind(i);
    if (kind === T.Eof) break;
    const flags = tokens.flags[i]!;
    const pragma = kind === T.Pragma;
    if (before !== '' && (pragma || (flags & LINE_START) !== 0)) {
      out += '\n';
      before = '';
    }
    const text = pragma ? `#pragma ${pragmaText(tokens.pragma(i))}` : tokens.text(i);
    if (before !== '' && ((flags & SPACE_BEFORE) !== 0 || wouldJoin(before, text))) out += ' ';
    out += text;
    before = text;
    if (pragma) {
      out += '\n';
      before = '';
    }
  }
  return before === '' ? out : `${out}\n`;
}

/** Without a space, would the two be read as other tokens? */
function wouldJoin(left: string, right: string): boolean {
  const a = left.charCodeAt(left.length - 1);
  const b = right.charCodeAt(0);
  if (isWord(a) && (isWord(b) || b === 0x22 || b === 0x27)) return true;
  if (isWord(a)) return b === 0x2e || b === 0x2b || b === 0x2d;
  if (a === 0x2e) return isWord(b) || b === 0x2e;
  return JOINERS.includes(String.fromCharCode(a)) && JOINERS.includes(String.fromCharCode(b));
}
const JOINERS = '+-*/%<>=&|^!#:';

function isWord(unit: number): boolean {
  return (
    (unit >= 0x30 && unit <= 0x39) ||
    (unit >= 0x41 && unit <= 0x5a) ||
    (unit >= 0x61 && unit <= 0x7a) ||
    unit === 0x5f ||
    unit === 0x24 ||
    unit >= 0x80
  );
}

function pragmaText(pragma: Pragma): string {
  switch (pragma.kind) {
    case 'unroll':
      return typeof pragma.unroll === 'number' ? `unroll ${pragma.unroll}` : `clang loop unroll(${pragma.unroll})`;
    case 'pack': {
      const parts = pragma.action === 'set' ? [] : [pragma.action];
      return `pack(${[...parts, ...(pragma.align === undefined ? [] : [pragma.align])].join(', ')})`;
    }
    case 'attribute-push':
      return `clang attribute push (__attribute__((${pragma.attributes.join(', ')})), apply_to = any(${pragma.applyTo.join(', ')}))`;
    case 'attribute-pop':
      return 'clang attribute pop';
    case 'visibility-push':
      return `GCC visibility push(${pragma.visibility})`;
    case 'visibility-pop':
      return 'GCC visibility pop';
  }
}
