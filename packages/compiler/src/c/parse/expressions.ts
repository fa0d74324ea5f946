import type { Span } from '@skep/base';
import { utf8Bytes } from '@skep/base';
import type { Expr, Stmt, VariableDecl } from '../ast.ts';
import { truthOf } from '../constant.ts';
import type { CType } from '../ctype.ts';
import { charValue, parseNumber } from '../literal.ts';
import { T, type TokenKind } from '../token.ts';
import {
  alignOf,
  arrayOf,
  CHAR,
  compatible,
  constOf,
  DOUBLE,
  FLOAT,
  fits,
  INT,
  INT128,
  isVoid,
  LLONG,
  LONG,
  SIZE,
  sizeOf,
  strip,
  UCHAR,
  UINT,
  UINT128,
  ULLONG,
  ULONG,
  USHORT,
  unqualified,
} from '../types.ts';
import { stringLiteral } from './attributes.ts';
import { builtin, isBuiltin } from './builtins.ts';
import { call, callMemoryFunction } from './calls.ts';
import { cast, convert, errorExpr, intExpr, isError, isPlace, rvalue } from './conversions.ts';
import { typeName } from './declarators.ts';
import {
  badLiteral,
  badOperand,
  badPlace,
  floatArithmetic,
  incompatible,
  incompleteType,
  int128Arithmetic,
  literalTooLarge,
  mixedBits,
  mixedLogic,
  noGenericMatch,
  outsideOf,
  tooDeep,
} from './diagnostics.ts';
import { floatExpr, floatToInteger, knownFloat } from './floats.ts';
import { castToUnion, compoundLiteral } from './initializers.ts';
import {
  addressOf,
  assign,
  type BinaryOp,
  binary,
  conditional,
  deref,
  elvis,
  index,
  logical,
  member,
  step,
  unary,
} from './operators.ts';
import { type Parser, TooDeep } from './parser.ts';
import { reportUndeclared, startsType } from './specifiers.ts';
import { blockItems, labelAddress } from './statements.ts';

/** `a, b`. A place or a value; the caller takes the value with `rvalue`. */
export function expression(p: Parser): Expr {
  const start = p.at;
  let left = assignment(p);
  for (let count = 0; p.kind === T.Comma; count++) {
    checkChain(p, count);
    p.next();
    const right = rvalue(p, assignment(p));
    left = { kind: 'comma', left: discard(p, left), right, type: right.type, span: p.from(start) };
  }
  return left;
}

/** An expression whose value nobody wants. */
export function discard(p: Parser, expr: Expr): Expr {
  if (isPlace(expr) && strip(expr.type).kind === 'record') return expr;
  return rvalue(p, expr);
}

/** A conditional expression of which the caller asks `constantOf`. */
export function constantExpression(p: Parser): Expr {
  return rvalue(p, conditionalExpression(p));
}

const ASSIGN_OPS: Record<TokenKind, BinaryOp | undefined> = {
  [T.PlusAssign]: '+',
  [T.MinusAssign]: '-',
  [T.StarAssign]: '*',
  [T.SlashAssign]: '/',
  [T.PercentAssign]: '%',
  [T.ShlAssign]: '<<',
  [T.ShrAssign]: '>>',
  [T.AndAssign]: '&',
  [T.XorAssign]: '^',
  [T.OrAssign]: '|',
};

export function assignment(p: Parser): Expr {
  const start = p.at;
  const left = conditionalExpression(p);
  const { kind } = p;
  if (kind < T.Assign || kind > T.OrAssign) return left;
  p.next();
  p.enter();
  const right = assignment(p);
  p.leave();
  return assign(p, kind === T.Assign ? undefined : ASSIGN_OPS[kind], left, right, p.from(start));
}

function conditionalExpression(p: Parser): Expr {
  const start = p.at;
  const test = binaryExpression(p, 1);
  if (p.kind !== T.Question) return test;
  p.next();
  p.enter();
  try {
    if (p.accept(T.Colon)) return elvis(p, test, conditionalExpression(p), p.from(start));
    const then = expression(p);
    p.expect(T.Colon, "':'");
    const other = conditionalExpression(p);
    return conditional(p, test, then, other, p.from(start));
  } finally {
    p.leave();
  }
}

const PRECEDENCE = /* @__PURE__ */ (() => {
  const table = new Uint8Array(256);
  const levels: TokenKind[][] = [
    [T.OrOr],
    [T.AndAnd],
    [T.Or],
    [T.Xor],
    [T.And],
    [T.EqEq, T.NotEq],
    [T.Lt, T.Gt, T.Le, T.Ge],
    [T.Shl, T.Shr],
    [T.Plus, T.Minus],
    [T.Star, T.Slash, T.Percent],
  ];
  levels.forEach((kinds, i) => {
    for (const kind of kinds) table[kind] = i + 1;
  });
  return table;
})();
const BINARY_OPS: Record<TokenKind, BinaryOp> = {
  [T.Or]: '|',
  [T.Xor]: '^',
  [T.And]: '&',
  [T.EqEq]: '==',
  [T.NotEq]: '!=',
  [T.Lt]: '<',
  [T.Gt]: '>',
  [T.Le]: '<=',
  [T.Ge]: '>=',
  [T.Shl]: '<<',
  [T.Shr]: '>>',
  [T.Plus]: '+',
  [T.Minus]: '-',
  [T.Star]: '*',
  [T.Slash]: '/',
  [T.Percent]: '%',
};

/** Precedence climbing: operators that bind at least as tightly as `least`. */
function binaryExpression(p: Parser, least: number): Expr {
  const start = p.at;
  let left = castExpression(p);
  for (let count = 0; ; count++) {
    const { kind } = p;
    const precedence = PRECEDENCE[kind]!;
    if (precedence === 0 || precedence < least) return left;
    checkChain(p, count);
    p.next();
    const second = p.at;
    if (kind === T.AndAnd || kind === T.OrOr) {
      // What a constant on the left cuts off is not evaluated: no warnings, and what it names is not used.
      const truth = truthOf(isPlace(left) ? intExpr(0n, INT, left.span) : left);
      const dead = !isPlace(left) && truth !== undefined && truth !== (kind === T.AndAnd);
      if (dead) p.unevaluated += 1;
      const right = binaryExpression(p, precedence + 1);
      if (dead) p.unevaluated -= 1;
      const bare = (e: Expr, at: number) => e.kind === 'logical' && e.op === '&&' && p.tokens.kind(at) !== T.LParen;
      if (kind === T.OrOr && (bare(left, start) || bare(right, second))) p.report(mixedLogic(p.from(start)));
      left = logical(p, kind === T.AndAnd ? '&&' : '||', left, right, p.from(start));
    } else {
      const right = binaryExpression(p, precedence + 1);
      if (kind === T.And || kind === T.Or || kind === T.Xor) {
        const compare = comparisonIn(p, left, start) ?? comparisonIn(p, right, second);
        if (compare !== undefined) p.report(mixedBits(p.from(start), BINARY_OPS[kind]!, compare));
      }
      left = binary(p, BINARY_OPS[kind]!, left, right, p.from(start));
    }
  }
}

/** The operator of a comparison that stands without parentheses. */
function comparisonIn(p: Parser, e: Expr, at: number): string | undefined {
  if (e.kind !== 'binary' || p.tokens.kind(at) === T.LParen) return undefined;
  return /^([<>]=?|[!=]=)$/.test(e.op) ? e.op : undefined;
}

/** Long chains do not nest the parser, but they nest the tree, which others walk recursively. */
const MAX_CHAIN = 1000;
function checkChain(p: Parser, count: number): void {
  if (count < MAX_CHAIN) return;
  p.report(tooDeep(p.span()));
  throw new TooDeep();
}

function castExpression(p: Parser): Expr {
  if (p.kind !== T.LParen || !startsType(p, p.peekAt())) return unaryExpression(p);
  const start = p.at;
  p.next();
  const named = typeName(p);
  p.expect(T.RParen, "')'", start);
  if (p.is(T.LBrace)) return postfix(p, compoundLiteral(p, named.type, start), start);
  p.enter();
  const operand = castExpression(p);
  p.leave();
  return castTo(p, operand, named.type, p.from(start));
}

/** A cast that was written. */
export function castTo(p: Parser, operand: Expr, type: CType, span: Span): Expr {
  const to = strip(type);
  if (to.kind === 'void') return cast('void', discard(p, operand), unqualified(type), false, span);
  const value = rvalue(p, operand);
  if (isError(value)) return value;
  const from = strip(value.type);
  if (to.kind === 'array' || to.kind === 'function') {
    p.report(badOperand(span, 'cast', type));
    return errorExpr(span);
  }
  if (to.kind === 'record' || from.kind === 'record' || from.kind === 'void') {
    if (from === to) return value;
    const literal = to.kind === 'record' && to.union ? castToUnion(p, to, value, type, span) : undefined;
    if (literal !== undefined) return literal;
    p.report(incompatible(span, value.type, type, 'casting'));
    return errorExpr(span);
  }
  if (to.kind === 'enum' && to.underlying === undefined) {
    p.report(incompleteType(span, type, 'the cast', to.span));
    return errorExpr(span);
  }
  if (to.kind === 'float' || from.kind === 'float') {
    const known = to.kind === 'float' ? knownFloat(value) : undefined;
    if (known !== undefined) return floatExpr(known, type, span);
    if (to.kind === from.kind && sizeOf(to) === sizeOf(from)) return value;
    const whole = floatToInteger(p, value, unqualified(type), false);
    if (whole !== undefined) return { ...whole, span } as Expr;
    p.report(floatArithmetic(span, 'conversion of floating-point numbers'));
    return errorExpr(span);
  }
  if ((to.kind === 'int' && to.size === 16) !== (from.kind === 'int' && from.size === 16) && value.kind !== 'int') {
    p.report(int128Arithmetic(span, 'cast'));
    return errorExpr(span);
  }
  return convert(value, unqualified(type), false, span);
}

function unaryExpression(p: Parser): Expr {
  const start = p.at;
  switch (p.kind) {
    case T.PlusPlus:
    case T.MinusMinus: {
      const op = p.kind === T.PlusPlus ? '++' : '--';
      p.next();
      const operand = deeper(p, unaryExpression);
      return step(p, op, true, operand, p.from(start));
    }
    case T.Plus:
    case T.Minus:
    case T.Tilde:
    case T.Not: {
      const op = p.text() as '+' | '-' | '~' | '!';
      p.next();
      const operand = deeper(p, castExpression);
      return unary(p, op, operand, p.from(start));
    }
    case T.Star: {
      p.next();
      const operand = deeper(p, castExpression);
      return deref(p, operand, p.from(start));
    }
    case T.And: {
      p.next();
      const operand = deeper(p, castExpression);
      return addressOf(p, operand, p.from(start));
    }
    case T.AndAnd:
      p.next();
      return labelAddress(p, start);
    case T.Sizeof:
    case T.Alignof:
      return sizeofExpression(p);
    case T.Extension:
      p.next();
      return deeper(p, castExpression);
    default:
      return postfix(p, primary(p), start);
  }
}

function deeper(p: Parser, parse: (p: Parser) => Expr): Expr {
  p.enter();
  const made = parse(p);
  p.leave();
  return made;
}

function sizeofExpression(p: Parser): Expr {
  const start = p.at;
  const align = p.kind === T.Alignof;
  p.next();
  let type: CType;
  let sizeOfPointer: VariableDecl | undefined;
  const variable: Expr[] = [];
  p.unevaluated += 1;
  if (p.kind === T.LParen && startsType(p, p.peekAt())) {
    const opened = p.at;
    p.next();
    const around = p.variableSizes;
    p.variableSizes = p.fn === undefined || align ? undefined : variable;
    const named = typeName(p);
    p.variableSizes = around;
    p.expect(T.RParen, "')'", opened);
    // `sizeof (struct s){…}` measures the literal.
    type = p.is(T.LBrace) ? postfix(p, compoundLiteral(p, named.type, opened), opened).type : named.type;
  } else {
    const operand = deeper(p, unaryExpression);
    if (isError(operand)) {
      p.unevaluated -= 1;
      return errorExpr(p.from(start));
    }
    if (operand.kind === 'member' && operand.field.bitWidth !== undefined)
      p.report(badPlace(p.from(start), `the bit-field '${operand.field.name}' has no size in bytes`));
    type = operand.type;
    if (operand.kind === 'var' && strip(type).kind === 'pointer') sizeOfPointer = operand.variable;
  }
  p.unevaluated -= 1;
  const span = p.from(start);
  if (align) return intExpr(BigInt(alignOf(type)), SIZE, span);
  const bare = strip(type);
  const size = bare.kind === 'void' || bare.kind === 'function' ? 1 : sizeOf(type);
  if (size === undefined) {
    p.report(incompleteType(span, type, "the operand of 'sizeof'", bare.kind === 'record' ? bare.span : undefined));
    return errorExpr(span);
  }
  const made = intExpr(BigInt(size), SIZE, span);
  // `sizeof(char[1 - 2 * !!(x)])`, a question to the compiler that may be answered only when the program runs.
  if (bare.kind === 'array' && variable.length > 0)
    return variable.reduce<Expr>((product, count) => binary(p, '*', product, convert(count, SIZE), span), made);
  return sizeOfPointer === undefined ? made : { ...made, sizeOfPointer };
}

function postfix(p: Parser, first: Expr, start: number): Expr {
  let left = first;
  for (let count = 0; ; count++) {
    switch (p.kind) {
      case T.LBracket: {
        checkChain(p, count);
        const opened = p.at;
        p.next();
        const subscript = deeper(p, expression);
        p.expect(T.RBracket, "']'", opened);
        left = index(p, left, subscript, p.from(start));
        continue;
      }
      case T.LParen:
        checkChain(p, count);
        left = call(p, left, start);
        continue;
      case T.Dot:
      case T.Arrow: {
        checkChain(p, count);
        const arrow = p.kind === T.Arrow;
        p.next();
        // A member may be called like a type, or (in macros of some programs) like a keyword of ours: never like one of C's.
        if (!p.is(T.Identifier)) p.fail('the name of a member');
        const name = p.text();
        const span = p.span();
        p.next();
        left = member(p, left, name, arrow, p.from(start), span);
        continue;
      }
      case T.PlusPlus:
      case T.MinusMinus: {
        checkChain(p, count);
        const op = p.kind === T.PlusPlus ? '++' : '--';
        p.next();
        left = step(p, op, false, left, p.from(start));
        continue;
      }
      default:
        return left;
    }
  }
}

function primary(p: Parser): Expr {
  const start = p.at;
  switch (p.kind) {
    case T.Identifier:
      return identifier(p);
    case T.Number: {
      const span = p.span();
      const made = number(p, p.text(), span);
      p.next();
      return made;
    }
    case T.Char: {
      const span = p.span();
      const value = charValue(p.text());
      p.next();
      if (value.kind === 'error') {
        p.report(badLiteral(span, value.message));
        return errorExpr(span);
      }
      const type = { char: INT, utf8: UCHAR, wchar: INT, char16: USHORT, char32: UINT }[value.encoding];
      return intExpr(value.value, type, span);
    }
    case T.String: {
      const { bytes, unitSize } = stringLiteral(p);
      const unit = unitSize === 1 ? CHAR : unitSize === 2 ? USHORT : INT;
      return { kind: 'string', bytes, type: arrayOf(unit, bytes.length / unitSize), span: p.from(start) };
    }
    case T.Func: {
      const span = p.span();
      if (p.fn === undefined) p.report(outsideOf(span, p.text(), 'functions'));
      p.next();
      const bytes = utf8Bytes(`${p.fn?.decl.name ?? ''}\0`);
      return { kind: 'string', bytes, type: arrayOf(constOf(CHAR), bytes.length), span };
    }
    case T.LParen: {
      p.enter();
      p.next();
      let made: Expr;
      if (p.is(T.LBrace)) made = statementExpression(p, start);
      else made = expression(p);
      p.expect(T.RParen, "')'", start);
      p.leave();
      return made;
    }
    case T.Generic:
      return generic(p);
    default:
      return p.fail('an expression');
  }
}

function identifier(p: Parser): Expr {
  const id = p.nameId();
  const span = p.span();
  const entity = p.lookup(id);
  if (entity === undefined) {
    const name = p.text();
    if (isBuiltin(name)) {
      p.next();
      return builtin(p, name, span);
    }
    reportUndeclared(p, id, span, p.peek() === T.LParen);
    p.next();
    // The arguments may have mistakes of their own.
    if (p.kind === T.LParen) call(p, errorExpr(span), p.at - 1);
    return errorExpr(span);
  }
  p.next();
  switch (entity.kind) {
    case 'variable':
      if (p.unevaluated === 0) entity.used = true;
      else entity.mentioned = true;
      return { kind: 'var', variable: entity, type: entity.type, span };
    case 'function': {
      if (p.kind === T.LParen) {
        const made = callMemoryFunction(p, entity, span);
        if (made !== undefined) return made;
      }
      if (p.unevaluated === 0) p.useFunction(entity);
      return { kind: 'func', function: entity, type: entity.type, span };
    }
    case 'enumerator':
      return {
        kind: 'int',
        value: entity.value,
        type: entity.type,
        span,
        enumerator: { name: entity.name, type: entity.of },
      };
    default:
      p.report(badPlace(span, `'${entity.name}' is a type: a value is needed here`));
      return errorExpr(span);
  }
}

/** The first type of C11 6.4.4.1p5 that the value fits into. */
function number(p: Parser, text: string, span: Span): Expr {
  const literal = parseNumber(text);
  if (literal.kind === 'error') {
    p.report(badLiteral(span, literal.message));
    return errorExpr(span);
  }
  if (literal.kind === 'float') return floatExpr(literal.value, literal.suffix === 'f' ? FLOAT : DOUBLE, span);
  const { value, unsigned, long, decimal } = literal;
  if (long === 0) {
    if (!unsigned && fits(value, INT)) return intExpr(value, INT, span);
    if ((unsigned || !decimal) && fits(value, UINT)) return intExpr(value, UINT, span);
  }
  if (long < 2) {
    if (!unsigned && fits(value, LONG)) return intExpr(value, LONG, span);
    if ((unsigned || !decimal) && fits(value, ULONG)) return intExpr(value, ULONG, span);
  }
  if (!unsigned && fits(value, LLONG)) return intExpr(value, LLONG, span);
  if (fits(value, ULLONG)) {
    if (decimal && !unsigned) p.report(literalTooLarge(span));
    return intExpr(value, long < 2 ? ULONG : ULLONG, span);
  }
  if (fits(value, INT128) || fits(value, UINT128))
    p.report(badLiteral(span, 'integer literal does not fit into 64 bits'));
  return errorExpr(span);
}

/** `({ …; value; })` */
function statementExpression(p: Parser, start: number): Expr {
  if (p.fn === undefined) {
    p.report(outsideOf(p.span(), '({ … })', 'functions'));
    p.skipBalanced();
    return errorExpr(p.from(start));
  }
  const opened = p.at;
  p.push();
  const body: Stmt[] = [];
  try {
    p.next();
    blockItems(p, body);
    p.expect(T.RBrace, "'}'", opened);
  } finally {
    p.pop();
  }
  let last = body.at(-1);
  // A label before the value belongs to the end of the body.
  while (last?.kind === 'label') {
    body[body.length - 1] = { ...last, body: { kind: 'empty', span: last.span } };
    body.push(last.body);
    last = last.body;
  }
  const span = p.from(start);
  if (last?.kind === 'expression' && !isVoid(last.expr.type)) {
    body.pop();
    const value = rvalue(p, last.expr);
    return { kind: 'statement', body, value, type: value.type, span };
  }
  return { kind: 'statement', body, value: undefined, type: { kind: 'void' }, span };
}

function generic(p: Parser): Expr {
  const start = p.at;
  p.next();
  const opened = p.at;
  p.expect(T.LParen, "'('");
  p.unevaluated += 1;
  const control = rvalue(p, assignment(p));
  p.unevaluated -= 1;
  // The controlling value loses its qualifiers and is no bit-field, but is not promoted.
  const type = unqualified(control.type);
  let chosen: Expr | undefined;
  let fallback: Expr | undefined;
  while (p.accept(T.Comma)) {
    let candidate: CType | undefined;
    if (!p.accept(T.Default)) candidate = typeName(p).type;
    p.expect(T.Colon, "':'");
    const matches = candidate !== undefined && chosen === undefined && compatible(candidate, type);
    // Which branch is taken may not be known yet, so uses are counted in all but the surely dead ones.
    const dead = candidate !== undefined && !matches;
    if (dead) p.unevaluated += 1;
    const value = assignment(p);
    if (dead) p.unevaluated -= 1;
    if (matches) chosen = value;
    else if (candidate === undefined) fallback = value;
  }
  p.expect(T.RParen, "')'", opened);
  const made = chosen ?? fallback;
  if (made !== undefined) return made;
  if (!isError(control)) p.report(noGenericMatch(p.from(start), control.type));
  return errorExpr(p.from(start));
}
