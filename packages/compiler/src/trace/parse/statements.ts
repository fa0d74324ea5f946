import type { Span } from '@skep/base';
import type { BinaryOperator, BlockNode, Expression, Statement } from '../ast.ts';
import { parseExpression, parseUnary } from './expressions.ts';
import type { TokenReader } from './token-reader.ts';
import { parseTypeName } from './types.ts';

type Block = BlockNode & { readonly span: Span };
type Variable = Extract<Expression, { kind: 'variable' }>;

/** `outermost`: what follows is text again, so the next token is not to be read. */
export function parseBlock(p: TokenReader, outermost = false): Block {
  const start = p.token.start;
  p.enter();
  if (!p.at('{')) p.fail("'{'");
  p.advance();
  const statements: Statement[] = [];
  let value: Expression | undefined;
  while (!p.at('}')) {
    if (p.token.kind === 'end') p.fail("'}'");
    if (p.take(';')) continue;
    const statement = parseStatement(p);
    if (p.at('}') && statement.kind === 'expression') value = statement.value;
    else {
      statements.push(statement);
      if (!ENDS_ITSELF(statement) && !p.at('}') && !p.take(';')) p.fail("';'");
    }
  }
  const end = p.token.end;
  if (outermost) p.lexer.position = end;
  else p.advance();
  p.leave();
  return { kind: 'block', statements, value, span: p.span(start, end) };
}

function parseStatement(p: TokenReader): Statement {
  const start = p.token.start;
  const name = p.token.kind === 'name' ? p.token.text : '';
  switch (name) {
    case 'let':
      return parseLet(p);
    case 'unroll': {
      p.advance();
      const parenthesis = p.take('(');
      const count = parseExpression(p);
      if (parenthesis) p.mark(')');
      const body = parseBlock(p);
      return { kind: 'unroll', count, body, span: p.from(start) };
    }
    case 'while': {
      p.advance();
      p.mark('(');
      const condition = parseExpression(p);
      p.mark(')');
      const body = parseBlock(p);
      return { kind: 'while', condition, body, span: p.from(start) };
    }
    case 'for':
      return parseFor(p);
    case 'break':
    case 'continue':
      p.advance();
      return { kind: name, span: p.from(start) };
    case 'return': {
      p.advance();
      const value = p.at(';') || p.at('}') ? undefined : parseExpression(p);
      return { kind: 'return', value, span: p.from(start) };
    }
    case 'import': {
      p.advance();
      const path = p.expect('string', 'a path in quotes').text;
      return { kind: 'import', path, span: p.from(start) };
    }
    case '_':
      if (p.peek('=')) {
        p.advance();
        p.advance();
        const value = parseExpression(p);
        return {
          kind: 'assign',
          target: { kind: 'name', name: '_', span: p.span(start, start + 1) },
          op: undefined,
          value,
          span: p.from(start),
        };
      }
  }
  const target = parseExpression(p);
  const assignment = p.token.kind === 'mark' ? ASSIGNMENTS.get(p.token.text) : undefined;
  if (assignment === undefined) return { kind: 'expression', value: target, span: target.span };
  p.advance();
  const value = parseExpression(p);
  return { kind: 'assign', target, op: assignment || undefined, value, span: p.from(start) };
}

function parseLet(p: TokenReader): Statement {
  const start = p.token.start;
  p.advance();
  const token = p.expect('variable', 'a variable');
  const variable: Variable = { kind: 'variable', name: token.text, span: p.span(token.start, token.end) };
  const declared = p.take(':') ? parseTypeName(p) : undefined;
  const value = p.take('=') ? parseExpression(p) : undefined;
  return { kind: 'let', variable, declared, value, span: p.from(start) };
}

function parseFor(p: TokenReader): Statement {
  const start = p.token.start;
  p.advance();
  const parenthesis = p.take('(');
  const token = p.expect('variable', 'a variable');
  const variable: Variable = { kind: 'variable', name: token.text, span: p.span(token.start, token.end) };
  p.mark(':');
  const first = parseUnary(p);
  const over: Extract<Statement, { kind: 'for' }>['over'] = p.take('..')
    ? { kind: 'range', from: first, to: parseUnary(p) }
    : { kind: 'map', map: first };
  if (parenthesis) p.mark(')');
  const body = parseBlock(p);
  return { kind: 'for', variable, over, body, span: p.from(start) };
}

function ENDS_ITSELF(statement: Statement): boolean {
  if (statement.kind === 'expression') return statement.value.kind === 'ifElse' || statement.value.kind === 'block';
  return statement.kind === 'unroll' || statement.kind === 'while' || statement.kind === 'for';
}

const ASSIGNMENTS: ReadonlyMap<string, BinaryOperator | ''> = new Map(
  (['=', '+=', '-=', '*=', '/=', '%=', '&=', '|=', '^=', '<<=', '>>='] as const).map((one) => [
    one,
    one.slice(0, -1) as BinaryOperator | '',
  ]),
);
