import { SkepError, type Span } from '@skep/base';
import type { MacroNode, MapDeclaration } from '../ast.ts';
import { unterminated } from '../diagnostics.ts';
import { endOfLine } from '../lexer.ts';
import { parseExpression } from './expressions.ts';
import { parseBlock } from './statements.ts';
import type { TokenReader } from './token-reader.ts';

/** A preprocessor line, or a C type up to its end. */
export function parseDefinition(p: TokenReader): { text: string; span: Span } {
  const { text } = p.file;
  const start = p.lexer.position;
  if (text[start] === '#') {
    let end = endOfLine(text, start);
    while (text[end - 1] === '\\') end = endOfLine(text, end + 1);
    p.lexer.position = end;
    return { text: text.slice(start, end), span: p.span(start, end) };
  }
  let depth = 0;
  let at = start;
  for (; ; at++) {
    if (at >= text.length) throw new SkepError(unterminated('the definition', p.span(start, start + 6)));
    if (text[at] === '{') depth++;
    else if (text[at] === '}') {
      depth--;
      if (depth === 0) {
        at++;
        break;
      }
    } else if (text[at] === ';' && depth === 0) break;
  }
  // Behind it: attributes, the name of a typedef, a semicolon that may be missing.
  p.lexer.position = at;
  const behind = () => {
    p.lexer.skip();
    return text.slice(p.lexer.position);
  };
  let end = at;
  for (;;) {
    const rest = behind();
    if (rest.startsWith(';')) {
      end = ++p.lexer.position;
      break;
    }
    const attribute = /^__attribute__(\s|\/\*.*?\*\/)*\(\((?:[^()]|\([^()]*\))*\)\)/s.exec(rest);
    const name = /^typedef\b/.test(text.slice(start)) ? /^\w+(?=\s*;)/.exec(rest) : null;
    const skipped = attribute ?? name;
    if (!skipped) break;
    p.lexer.position += skipped[0].length;
    end = p.lexer.position;
  }
  p.lexer.position = end;
  return { text: text.slice(start, end), span: p.span(start, end) };
}

export function parseConfig(p: TokenReader): { name: string; value: string; span: Span }[] {
  p.advance();
  p.mark('=');
  p.mark('{');
  const found: { name: string; value: string; span: Span }[] = [];
  while (!p.at('}')) {
    const name = p.expect('name', 'the name of an option');
    p.mark('=');
    const { token } = p;
    if (token.kind !== 'int' && token.kind !== 'name' && token.kind !== 'string') p.fail('a value');
    p.advance();
    found.push({ name: name.text, value: token.text, span: p.span(name.start, token.end) });
    if (!p.take(';') && !p.take(',')) break;
  }
  if (!p.at('}')) p.fail('}');
  // What follows is read as text again.
  p.lexer.position = p.token.end;
  return found;
}

export function parseMacro(p: TokenReader): MacroNode {
  const start = p.token.start;
  p.advance();
  const name = p.expect('name', 'the name of the macro').text;
  const params: { kind: 'variable' | 'map' | 'expression'; name: string }[] = [];
  if (p.take('(')) {
    while (!p.at(')')) {
      const { token } = p;
      if (token.kind === 'variable' || token.kind === 'map') params.push({ kind: token.kind, name: token.text });
      else if (token.kind === 'name') params.push({ kind: 'expression', name: token.text });
      else p.fail('a parameter');
      p.advance();
      if (!p.take(',')) break;
    }
    p.mark(')');
  }
  const body = parseBlock(p, true);
  return { name, params, body, span: p.span(start, body.span.end) };
}

export function parseMapDeclaration(p: TokenReader): MapDeclaration {
  const start = p.token.start;
  p.advance();
  const name = p.expect('map', 'the name of a map').text;
  p.mark('=');
  const mapType = p.expect('name', 'a kind of map').text;
  p.mark('(');
  const entries = parseExpression(p);
  if (!p.at(')')) p.fail(')');
  const end = p.token.end;
  p.semicolon(end);
  return { name, mapType, entries, span: p.span(start, end) };
}
