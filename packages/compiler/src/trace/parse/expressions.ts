import type { BinaryOperator, Expression, TypeName, UnaryOperator } from '../ast.ts';
import { parseBlock } from './statements.ts';
import type { TokenReader } from './token-reader.ts';
import { parseTypeArgument, parseTypeName, parseTypeOrExpression, startsCast } from './types.ts';

export function parseExpression(p: TokenReader): Expression {
  p.enter();
  const { start } = p.token;
  const condition = parseBinary(p, 0);
  let result = condition;
  if (p.take('?:'))
    result = {
      kind: 'conditional',
      condition,
      consequent: undefined,
      otherwise: parseExpression(p),
      span: p.from(start),
    };
  else if (p.take('?')) {
    if (p.take(':'))
      result = {
        kind: 'conditional',
        condition,
        consequent: undefined,
        otherwise: parseExpression(p),
        span: p.from(start),
      };
    else {
      const consequent = parseExpression(p);
      p.mark(':');
      result = { kind: 'conditional', condition, consequent, otherwise: parseExpression(p), span: p.from(start) };
    }
  }
  p.leave();
  return result;
}

/** Inside a predicate, `/` ends it at the outermost level: division wants parentheses there. */
export function parsePredicate(p: TokenReader): Expression {
  p.inPredicate = true;
  const value = parseExpression(p);
  p.inPredicate = false;
  return value;
}

function parseBinary(p: TokenReader, level: number): Expression {
  const operators = LEVELS[level];
  if (operators === undefined) return parseUnary(p);
  const { start } = p.token;
  let left = parseBinary(p, level + 1);
  while (p.token.kind === 'mark' && operators.includes(p.token.text as BinaryOperator)) {
    if (p.token.text === '/' && p.inPredicate && endsPredicate(p)) break;
    const op = p.token.text as BinaryOperator;
    p.advance();
    const right = parseBinary(p, level + 1);
    left = { kind: 'binary', op, left, right, span: p.from(start) };
  }
  return left;
}

/** The `/` in front of `{`. */
function endsPredicate(p: TokenReader): boolean {
  const { position } = p.lexer;
  p.lexer.skip();
  const brace = p.file.text[p.lexer.position] === '{';
  p.lexer.position = position;
  return brace;
}

export function parseUnary(p: TokenReader): Expression {
  p.enter();
  const result = parseUnaryInside(p);
  p.leave();
  return result;
}

function parseUnaryInside(p: TokenReader): Expression {
  const { start, text, kind } = p.token;
  if (kind === 'mark') {
    if (text === '++' || text === '--') {
      p.advance();
      const operand = parseUnary(p);
      return { kind: 'step', op: text, prefix: true, operand, span: p.from(start) };
    }
    if (UNARY.has(text)) {
      p.advance();
      const operand = parseUnary(p);
      if (text === '-' && operand.kind === 'int')
        return { ...operand, value: -operand.value, text: `-${operand.text}`, span: p.from(start) };
      return { kind: 'unary', op: text as UnaryOperator, operand, span: p.from(start) };
    }
    if (text === '&&') {
      p.advance();
      const inner: Expression = { kind: 'unary', op: '&', operand: parseUnary(p), span: p.from(start + 1) };
      return { kind: 'unary', op: '&', operand: inner, span: p.from(start) };
    }
    if (text === '(' && startsCast(p)) {
      p.advance();
      const to = parseTypeName(p);
      p.mark(')');
      const operand = parseUnary(p);
      return { kind: 'cast', to, operand, span: p.from(start) };
    }
  }
  if (kind === 'name' && text === 'comptime') {
    p.advance();
    const operand = parseUnary(p);
    return { kind: 'comptime', operand, span: p.from(start) };
  }
  return parsePostfix(p);
}

function parsePostfix(p: TokenReader): Expression {
  let value = parsePrimary(p);
  for (;;) {
    const { token } = p;
    if (token.kind !== 'mark') return value;
    if (token.text === '.' || token.text === '->') {
      p.advance();
      const name = p.token;
      if (name.kind !== 'name' && name.kind !== 'int') p.fail('the name of a field');
      p.advance();
      value = {
        kind: 'member',
        base: value,
        name: name.text,
        nameSpan: p.span(name.start, name.end),
        span: p.from(value.span.start),
      };
    } else if (token.text === '[') {
      p.advance();
      const items = parseList(p, ']');
      p.mark(']');
      const span = p.from(value.span.start);
      const key: Expression = items.length === 1 ? items[0]! : { kind: 'tuple', items, span };
      if (value.kind === 'map') value = { kind: 'element', map: value, key, span };
      else value = { kind: 'index', base: value, index: key, span };
    } else if (token.text === '++' || token.text === '--') {
      p.advance();
      value = { kind: 'step', op: token.text, prefix: false, operand: value, span: p.from(value.span.start) };
    } else return value;
  }
}

function parseList(p: TokenReader, close: string): Expression[] {
  const items: Expression[] = [];
  while (!p.at(close)) {
    items.push(parseArgument(p));
    if (!p.take(',')) break;
  }
  return items;
}

/** An argument may also be a type, `struct foo`, in calls that take types. */
function parseArgument(p: TokenReader): Expression {
  const { start } = p.token;
  if (p.token.kind === 'name' && /^(struct|union|enum)$/.test(p.token.text)) {
    const of = parseTypeName(p);
    return { kind: 'typeof', of, span: p.from(start) };
  }
  return parseExpression(p);
}

function parsePrimary(p: TokenReader): Expression {
  const { token } = p;
  const { start, text, kind } = token;
  switch (kind) {
    case 'int':
      p.advance();
      return { kind: 'int', value: token.value, text, span: p.from(start) };
    case 'string':
      p.advance();
      return { kind: 'string', value: moreText(p, text), span: p.from(start) };
    case 'variable':
      p.advance();
      return { kind: 'variable', name: text, span: p.from(start) };
    case 'map':
      p.advance();
      return { kind: 'map', name: text, span: p.from(start) };
    case 'positional':
      p.advance();
      return { kind: 'positional', index: Number(text.slice(1)), span: p.from(start) };
    case 'count':
      p.advance();
      return { kind: 'positionalCount', span: p.from(start) };
    case 'name':
      return parseNamed(p);
    case 'mark':
      if (text === '(') return parseParenthesis(p);
      if (text === '{') return parseBlock(p);
  }
  return p.fail('an expression');
}

/** `"a" "b"` is one string. */
function moreText(p: TokenReader, first: string): string {
  let value = first;
  while (p.token.kind === 'string') {
    value += p.token.text;
    p.advance();
  }
  return value;
}

function parseNamed(p: TokenReader): Expression {
  const { start, text } = p.token;
  p.advance();
  switch (text) {
    case 'true':
    case 'false':
      return { kind: 'bool', value: text === 'true', span: p.from(start) };
    case 'if':
      return parseIf(p, start);
    case 'sizeof':
    case 'typeinfo': {
      const of = parseTypeArgument(p);
      return { kind: text, of, span: p.from(start) };
    }
    case 'typeof': {
      const of = parseTypeArgument(p);
      const type: TypeName =
        of.kind === 'type' ? of : { kind: 'type', base: undefined, typeofExpression: of, modifiers: [], span: of.span };
      return { kind: 'typeof', of: type, span: p.from(start) };
    }
    case 'offsetof': {
      p.mark('(');
      const of = parseTypeOrExpression(p);
      p.mark(',');
      const path = [p.expect('name', 'the name of a field').text];
      while (p.take('.')) path.push(p.expect('name', 'the name of a field').text);
      p.mark(')');
      return { kind: 'offsetof', of, path, span: p.from(start) };
    }
  }
  // `name!(…)` is the older way to call a macro.
  if (p.at('!') && p.peek('(')) p.advance();
  if (!p.take('(')) return { kind: 'name', name: text, span: p.from(start) };
  const args = parseList(p, ')');
  p.mark(')');
  return { kind: 'call', name: text, args, span: p.from(start) };
}

function parseIf(p: TokenReader, start: number): Expression {
  const condition = parseExpression(p);
  const consequent = parseBlock(p);
  let otherwise: Expression | undefined;
  if (p.token.kind === 'name' && p.token.text === 'else') {
    p.advance();
    otherwise = parseOtherwise(p);
  }
  return { kind: 'ifElse', condition, consequent, otherwise, span: p.from(start) };
}

function parseOtherwise(p: TokenReader): Expression {
  const { start, kind, text } = p.token;
  if (kind !== 'name' || text !== 'if') return parseBlock(p);
  p.advance();
  return parseIf(p, start);
}

/** `(a)`, `(a,)`, `(a, b)`, `()`, `(a=1, b=2)`. */
function parseParenthesis(p: TokenReader): Expression {
  const { start } = p.token;
  const predicate = p.inPredicate;
  p.inPredicate = false;
  p.advance();
  let result: Expression;
  if (p.token.kind === 'name' && p.peek('=') && !p.peek('==')) {
    const fields: { name: string; value: Expression }[] = [];
    while (!p.at(')')) {
      const name = p.expect('name', 'the name of a field').text;
      p.mark('=');
      fields.push({ name, value: parseExpression(p) });
      if (!p.take(',')) break;
    }
    p.mark(')');
    result = { kind: 'record', fields, span: p.from(start) };
  } else {
    const items: Expression[] = [];
    let comma = false;
    while (!p.at(')')) {
      items.push(parseExpression(p));
      comma = p.take(',');
      if (!comma) break;
    }
    p.mark(')');
    if (items.length === 1 && !comma) result = items[0]!;
    else result = { kind: 'tuple', items, span: p.from(start) };
  }
  p.inPredicate = predicate;
  return result;
}

/** Loosest first. */
const LEVELS: readonly (readonly BinaryOperator[])[] = [
  ['||'],
  ['&&'],
  ['|'],
  ['^'],
  ['&'],
  ['==', '!='],
  ['<', '>', '<=', '>='],
  ['<<', '>>'],
  ['+', '-'],
  ['*', '/', '%'],
];

const UNARY: ReadonlySet<string> = new Set(['-', '+', '!', '~', '*', '&']);
