import { SkepError, type Span } from '@skep/base';
import type { Expression, ProbeNode } from '../ast.ts';
import { unexpected } from '../diagnostics.ts';
import { parsePredicate } from './expressions.ts';
import { parseBlock } from './statements.ts';
import type { TokenReader } from './token-reader.ts';

export function parseProbe(p: TokenReader): ProbeNode {
  const start = p.lexer.position;
  const attachPoints = parseAttachPoints(p);
  let predicate: Expression | undefined;
  p.advance();
  if (p.at('/')) {
    p.advance();
    predicate = parsePredicate(p);
    p.mark('/');
  }
  const body = parseBlock(p, true);
  return { attachPoints, predicate, body, span: p.span(start, body.span.end) };
}

/** Up to `{`, or `/` of a predicate. A slash inside belongs to a path, where the kind of probe has one. */
function parseAttachPoints(p: TokenReader): { text: string; span: Span }[] {
  const { text } = p.file;
  const found: { text: string; span: Span }[] = [];
  for (;;) {
    p.lexer.skip();
    const start = p.lexer.position;
    let at = start;
    let quoted = false;
    for (; at < text.length; at++) {
      const c = text[at]!;
      if (c === '\\' && quoted) at++;
      else if (c === '"') quoted = !quoted;
      else if (quoted) continue;
      else if (/[\s,{]/.test(c)) break;
      else if (c === '/' && (text[at + 1] === '*' || text[at + 1] === '/') && !/[:/]\S*$/.test(text.slice(start, at)))
        break;
      else if (
        c === '/' &&
        !/^([\w$]*=)?(u|ur|U|uprobe|uretprobe|usdt|w|watchpoint|asyncwatchpoint|it|iter|\$\d+)\b/.test(
          text.slice(start, at),
        )
      )
        break;
    }
    if (at === start)
      throw new SkepError(unexpected(text[at] ? `'${text[at]}'` : 'end of file', 'a probe', p.span(start, start + 1)));
    const written = text.slice(start, at);
    const filled = written.replace(/\$(\d+)/g, (_, n: string) => p.positional[Number(n) - 1] ?? '');
    found.push({ text: withoutQuotes(filled.replace(/^\w+=(?=\w)/, '')), span: p.span(start, at) });
    p.lexer.position = at;
    p.lexer.skip();
    if (text[p.lexer.position] !== ',') return found;
    p.lexer.position++;
  }
}

/** Quotes stand around parts with unusual characters; a backslash keeps one. */
function withoutQuotes(text: string): string {
  return text.replace(/\\(.)|"/g, (_, kept: string | undefined) => kept ?? '');
}
