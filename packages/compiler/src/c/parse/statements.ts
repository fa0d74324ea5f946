import type { Span } from '@skep/base';
import type { AsmArgument, CompoundStmt, Expr, FunctionDecl, Stmt, VariableDecl } from '../ast.ts';
import { integerConstant } from '../constant.ts';
import type { IntType } from '../ctype.ts';
import { T } from '../token.ts';
import {
  fits,
  INT,
  integerOf,
  isConst,
  isInteger,
  isScalar,
  isVoid,
  pointerTo,
  strip,
  ULONG,
  unqualified,
  VOID,
  wrap,
} from '../types.ts';
import { atStandardAttribute, attributes, newAttributes, plainString } from './attributes.ts';
import { assignTo, convert, errorExpr, intExpr, isError, isPlace, promote, rvalue } from './conversions.ts';
import { declaration } from './declarations.ts';
import {
  assignedCondition,
  badOperand,
  duplicateCase,
  emptyBody,
  labelProblem,
  notConstant,
  outsideOf,
  returnMismatch,
  strayElse,
  tooDeep,
} from './diagnostics.ts';
import { constantExpression, discard, expression } from './expressions.ts';
import { condition } from './operators.ts';
import { type FunctionState, type Parser, Recover, type SwitchState, TooDeep } from './parser.ts';
import { staticAssert } from './records.ts';
import { startsType } from './specifiers.ts';

/** `{ … }`, with a scope of its own. */
export function compound(p: Parser): CompoundStmt {
  const start = p.at;
  p.push();
  try {
    return block(p, start);
  } finally {
    p.pop();
  }
}

/** `{ … }` in the scope that is open. */
export function block(p: Parser, start = p.at): CompoundStmt {
  p.expect(T.LBrace, "'{'");
  const body: Stmt[] = [];
  blockItems(p, body);
  p.expect(T.RBrace, "'}'", start);
  return { kind: 'compound-stmt', body, span: p.from(start) };
}

/** Declarations and statements up to the `}` of the block. Goes on after errors. */
export function blockItems(p: Parser, into: Stmt[]): void {
  while (p.kind !== T.RBrace && p.kind !== T.Eof) {
    const { level, at, scope, unevaluated } = p;
    try {
      blockItem(p, into);
    } catch (error) {
      if (!(error instanceof Recover)) throw error;
      p.restore(level);
      p.scope = scope;
      p.unevaluated = unevaluated;
      p.syncStatement();
      if (p.at === at) p.next();
    }
  }
}

function blockItem(p: Parser, into: Stmt[]): void {
  if (p.kind === T.Label) {
    localLabels(p);
    return;
  }
  if (p.kind === T.StaticAssert) {
    staticAssert(p);
    return;
  }
  if (atDeclaration(p)) {
    const start = p.at;
    const variables: VariableDecl[] = [];
    declaration(p, variables);
    if (variables.length > 0) into.push({ kind: 'declare', variables, span: p.from(start) });
    return;
  }
  into.push(statement(p));
}

function atDeclaration(p: Parser): boolean {
  // `name:` is a label even when the name is a type; `__attribute__((fallthrough));` is a statement.
  if (p.kind === T.Identifier && p.peek() === T.Colon) return false;
  if (p.kind === T.Attribute) return !isOfStatement(p);
  if (p.kind === T.Extension) return startsType(p, p.peekAt());
  return startsType(p);
}

/** `fallthrough` and its like, and what stands before a statement: `musttail` before `return`. */
function isOfStatement(p: Parser): boolean {
  const at = p.at;
  p.next();
  if (p.kind === T.LParen) p.skipBalanced();
  const found = p.kind === T.Semicolon || p.kind === T.Case || p.kind === T.Default || p.kind === T.Return;
  p.reset(at);
  return found;
}

export function statement(p: Parser): Stmt {
  p.enter();
  const made = parse(p);
  p.leave();
  return made;
}

function parse(p: Parser): Stmt {
  const start = p.at;
  const unroll = p.takeUnroll();
  // `[[clang::noinline]] x = f();`
  switch (atStandardAttribute(p) ? T.Attribute : p.kind) {
    case T.LBrace:
      return compound(p);
    case T.Semicolon: {
      const span = p.span();
      p.next();
      return { kind: 'empty', span };
    }
    case T.If:
      return ifStatement(p);
    case T.While: {
      p.next();
      const test = inParentheses(p, (q) => tested(q, 'while'));
      const body = loopBody(p);
      return { kind: 'while', condition: test, body, unroll, span: p.from(start) };
    }
    case T.Do: {
      p.next();
      const body = loopBody(p);
      p.expect(T.While, "'while'");
      const test = inParentheses(p, (q) => tested(q, 'while'));
      p.expect(T.Semicolon, "';'");
      return { kind: 'do', body, condition: test, unroll, span: p.from(start) };
    }
    case T.For:
      return forStatement(p, unroll);
    case T.Switch:
      return switchStatement(p);
    case T.Case:
      return caseStatement(p);
    case T.Default: {
      const span = p.span();
      p.next();
      p.expect(T.Colon, "':'");
      const within = p.fn!.switches.at(-1);
      if (within === undefined) p.report(outsideOf(span, 'default', "a 'switch'"));
      else if (within.default !== undefined) p.report(duplicateCase(span, "'default'", within.default));
      else within.default = span;
      return { kind: 'default', body: labelled(p), span };
    }
    case T.Break:
    case T.Continue: {
      const span = p.span();
      const kind = p.kind === T.Break ? 'break' : 'continue';
      const { loops, switches } = p.fn!;
      if (kind === 'break' ? loops === 0 && switches.length === 0 : loops === 0)
        p.report(outsideOf(span, kind, kind === 'break' ? 'a loop or switch' : 'a loop'));
      p.next();
      p.expect(T.Semicolon, "';'");
      return { kind, span };
    }
    case T.Return:
      return returnStatement(p);
    case T.Goto:
      return gotoStatement(p);
    case T.Asm:
      return asmStatement(p);
    case T.Attribute:
      attributes(p, newAttributes());
      if (p.is(T.Semicolon) || p.is(T.RBrace)) {
        p.accept(T.Semicolon);
        return { kind: 'empty', span: p.from(start) };
      }
      return statement(p);
    case T.Identifier:
      if (p.peek() === T.Colon) return labelStatement(p);
      break;
    case T.Else:
      p.report(strayElse(p.span()));
      p.next();
      return statement(p);
    default:
      if (startsType(p) && p.kind !== T.Extension) p.fail('a statement: a declaration needs a block { … } around it');
  }
  const expr = discard(p, expression(p));
  p.expect(T.Semicolon, "';'");
  return { kind: 'expression', expr, span: p.from(start) };
}

/** `( … )`; an error inside costs only the condition, so that the body is still looked at. */
function inParentheses(p: Parser, read: (p: Parser) => Expr): Expr {
  const opened = p.at;
  p.expect(T.LParen, "'('");
  const { level, scope, unevaluated } = p;
  let value: Expr;
  try {
    value = read(p);
    if (p.kind !== T.RParen) p.fail("')'", opened);
  } catch (error) {
    if (!(error instanceof Recover)) throw error;
    p.restore(level);
    p.scope = scope;
    p.unevaluated = unevaluated;
    if (!p.syncParen()) throw error;
    value = errorExpr(p.span());
  }
  p.expect(T.RParen, "')'", opened);
  return value;
}

/** What stands between the parentheses of `if` and `while`. */
function tested(p: Parser, what: string): Expr {
  const start = p.at;
  const expr = expression(p);
  if (expr.kind === 'assign' && expr.op === undefined && p.tokens.kind(start) !== T.LParen)
    p.report(assignedCondition(expr.span));
  return condition(p, expr, what);
}

function loopBody(p: Parser): Stmt {
  const fn = p.fn!;
  // `break` inside belongs to the loop, not to a switch around it.
  fn.loops += 1;
  const body = statement(p);
  fn.loops -= 1;
  return body;
}

/** `else if` chains are read in a loop, since programs have long ones. */
function ifStatement(p: Parser): Stmt {
  const arms: { start: number; test: Expr; then: Stmt }[] = [];
  let last: Stmt | undefined;
  for (;;) {
    if (arms.length > 500) {
      p.report(tooDeep(p.span()));
      throw new TooDeep();
    }
    const start = p.at;
    p.next();
    const test = inParentheses(p, (q) => tested(q, 'if'));
    const empty = p.is(T.Semicolon) && p.onSameLine() ? p.span() : undefined;
    const then = statement(p);
    if (empty !== undefined && !p.is(T.Else)) p.report(emptyBody(empty, 'if'));
    arms.push({ start, test, then });
    if (!p.accept(T.Else)) break;
    if (p.kind !== T.If) {
      last = statement(p);
      break;
    }
  }
  let made = last;
  for (let i = arms.length - 1; i >= 0; i--) {
    const { start, test, then } = arms[i]!;
    made = { kind: 'if', condition: test, then, else: made, span: p.from(start) };
  }
  return made!;
}

function forStatement(p: Parser, unroll: 'default' | 'full' | 'disable' | number): Stmt {
  const start = p.at;
  p.next();
  const opened = p.at;
  p.push();
  try {
    p.expect(T.LParen, "'('");
    let init: Stmt | undefined;
    if (p.kind === T.Semicolon) p.next();
    else if (startsType(p)) {
      const first = p.at;
      const variables: VariableDecl[] = [];
      declaration(p, variables);
      init = { kind: 'declare', variables, span: p.from(first) };
    } else {
      const expr = discard(p, expression(p));
      init = { kind: 'expression', expr, span: expr.span };
      p.expect(T.Semicolon, "';'");
    }
    const test = p.kind === T.Semicolon ? undefined : condition(p, expression(p), 'for');
    p.expect(T.Semicolon, "';'");
    const step = p.kind === T.RParen ? undefined : discard(p, expression(p));
    p.expect(T.RParen, "')'", opened);
    const body = loopBody(p);
    return { kind: 'for', init, condition: test, step, body, unroll, span: p.from(start) };
  } finally {
    p.pop();
  }
}

function switchStatement(p: Parser): Stmt {
  const start = p.at;
  p.next();
  const value = inParentheses(p, (q) => {
    const made = rvalue(q, expression(q));
    if (isError(made)) return made;
    if (isInteger(made.type)) return promote(made);
    q.report(badOperand(made.span, 'switch', made.type, 'only integers can be switched on'));
    return errorExpr(made.span);
  });
  const state: SwitchState = { type: integerOf(value.type) ?? INT, cases: [], default: undefined };
  const fn = p.fn!;
  fn.switches.push(state);
  const body = statement(p);
  fn.switches.pop();
  checkDuplicates(p, state);
  return { kind: 'switch', value, body, span: p.from(start) };
}

function checkDuplicates(p: Parser, state: SwitchState): void {
  const sorted = [...state.cases].sort((a, b) =>
    a.value < b.value ? -1 : a.value > b.value ? 1 : a.span.start - b.span.start,
  );
  let before = sorted[0];
  for (let i = 1; i < sorted.length; i++) {
    const one = sorted[i]!;
    if (one.value <= before!.last) {
      const [first, second] = before!.span.start <= one.span.start ? [before!, one] : [one, before!];
      p.report(duplicateCase(second.span, `case ${one.value}`, first.span));
    }
    if (one.last > before!.last) before = one;
  }
}

function caseStatement(p: Parser): Stmt {
  const start = p.at;
  const within = p.fn!.switches.at(-1);
  if (within === undefined) p.report(outsideOf(p.span(), 'case', "a 'switch'"));
  p.next();
  const type = within?.type ?? INT;
  const value = caseValue(p, type);
  let last = value;
  if (p.accept(T.Ellipsis)) last = caseValue(p, type);
  const span = p.from(start);
  p.expect(T.Colon, "':'");
  if (value !== undefined && last !== undefined && last >= value) within?.cases.push({ value, last, span });
  return { kind: 'case', value: value ?? 0n, last: last ?? 0n, body: labelled(p), span };
}

function caseValue(p: Parser, type: IntType): bigint | undefined {
  const expr = constantExpression(p);
  if (isError(expr)) return undefined;
  const value = isInteger(expr.type) ? integerConstant(expr) : undefined;
  if (value === undefined) {
    p.report(notConstant(expr.span, "the value of a 'case'"));
    return undefined;
  }
  return fits(value, type) ? value : wrap(value, type);
}

/** What a label stands before: also nothing or a declaration, as C23 allows. */
function labelled(p: Parser): Stmt {
  attributes(p, newAttributes());
  if (p.kind === T.RBrace) return { kind: 'empty', span: p.span() };
  if (!atDeclaration(p)) return statement(p);
  const start = p.at;
  const variables: VariableDecl[] = [];
  declaration(p, variables);
  return { kind: 'declare', variables, span: p.from(start) };
}

function returnStatement(p: Parser): Stmt {
  const start = p.at;
  p.next();
  const { decl, type } = p.fn!;
  const isVoidResult = isVoid(type.result);
  if (p.kind === T.Semicolon) {
    p.next();
    if (!isVoidResult) p.report(returnMismatch(p.from(start), `'${decl.name}' must return a value`));
    return { kind: 'return', value: undefined, span: p.from(start) };
  }
  const expr = expression(p);
  let value: Expr | undefined;
  if (!isVoidResult) value = assignTo(p, expr, unqualified(type.result), `returning from '${decl.name}'`);
  else {
    const made = discard(p, expr);
    if (!isError(made) && strip(made.type).kind !== 'void')
      p.report(returnMismatch(made.span, `'${decl.name}' returns nothing, but a value stands here`));
    p.expect(T.Semicolon, "';'");
    const span = p.from(start);
    const body: Stmt[] = [
      { kind: 'expression', expr: made, span: made.span },
      { kind: 'return', value: undefined, span },
    ];
    return { kind: 'compound-stmt', body, span };
  }
  p.expect(T.Semicolon, "';'");
  return { kind: 'return', value, span: p.from(start) };
}

// ── labels ──────────────────────────────────────────────────────────────────────────────────────────────────────────

function labelStatement(p: Parser): Stmt {
  const span = p.span();
  const label = labelName(p, p.text());
  p.next();
  p.next();
  const before = p.fn!.labels.get(label);
  if (before !== undefined) p.report(duplicateLabel(span, label, before));
  else p.fn!.labels.set(label, span);
  return { kind: 'label', label, body: labelled(p), span };
}

function duplicateLabel(span: Span, label: string, before: Span) {
  return {
    ...labelProblem(span, `label '${label}' is defined twice`),
    notes: [{ message: 'first here', span: before }],
  };
}

function gotoStatement(p: Parser): Stmt {
  const start = p.at;
  p.next();
  if (p.kind === T.Star) return computedGoto(p, start);
  if (p.kind !== T.Identifier) p.fail('a label');
  const label = labelName(p, p.text());
  p.fn!.gotos.push({ label, span: p.span() });
  p.next();
  p.expect(T.Semicolon, "';'");
  return { kind: 'goto', label, span: p.from(start) };
}

/** There are no addresses of code in eBPF: the address of a label is a number, and a jump to it a switch over all. */
function computedGoto(p: Parser, start: number): Stmt {
  p.next();
  const address = assignTo(p, expression(p), pointerTo(VOID), "the address behind 'goto *'");
  p.expect(T.Semicolon, "';'");
  const span = p.from(start);
  const body: Stmt[] = [];
  p.fn!.computedGotos.push(body);
  return {
    kind: 'switch',
    value: convert(address, ULONG),
    body: { kind: 'compound-stmt', body, span },
    span,
  };
}

/** `&&label`, at the label. */
export function labelAddress(p: Parser, start: number): Expr {
  if (p.kind !== T.Identifier) p.fail('a label');
  const span = p.span();
  const { fn } = p;
  if (fn === undefined) {
    p.report(outsideOf(span, '&&', 'functions'));
    p.next();
    return errorExpr(span);
  }
  const label = labelName(p, p.text());
  p.next();
  fn.gotos.push({ label, span });
  const number = fn.labelNumbers.get(label) ?? fn.labelNumbers.size + 1;
  fn.labelNumbers.set(label, number);
  return convert(intExpr(BigInt(number), ULONG, span), pointerTo(VOID), false, p.from(start));
}

/** When the function has ended and every `&&label` is known. */
export function fillComputedGotos({ computedGotos, labelNumbers, decl }: FunctionState): void {
  const { span } = decl;
  for (const body of computedGotos) {
    for (const [label, number] of labelNumbers) {
      const value = BigInt(number);
      body.push({ kind: 'case', value, last: value, body: { kind: 'goto', label, span }, span });
    }
    const call: Expr = { kind: 'builtin', name: 'unreachable', args: [], ofType: undefined, type: VOID, span };
    body.push({ kind: 'default', body: { kind: 'expression', expr: call, span }, span });
  }
}

/** `__label__ a, b;` makes names that are new in this block. */
function localLabels(p: Parser): void {
  p.next();
  p.scope.labels ??= new Map();
  do {
    if (p.kind !== T.Identifier) p.fail('a label');
    p.scope.labels.set(p.text(), `${p.text()}.${++p.counter}`);
    p.next();
  } while (p.accept(T.Comma));
  p.expect(T.Semicolon, "';'");
}

function labelName(p: Parser, name: string): string {
  for (let scope: typeof p.scope | undefined = p.scope; scope !== undefined; scope = scope.parent) {
    const local = scope.labels?.get(name);
    if (local !== undefined) return local;
  }
  return name;
}

// ── asm ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

function asmStatement(p: Parser): Stmt {
  const start = p.at;
  p.next();
  let isGoto = false;
  while (p.kind === T.Volatile || p.kind === T.Inline || p.kind === T.Goto) {
    isGoto ||= p.kind === T.Goto;
    p.next();
  }
  const opened = p.at;
  p.expect(T.LParen, "'('");
  if (p.kind !== T.String) p.fail('a string');
  const template = plainString(p);
  const outputs: AsmArgument[] = [];
  const inputs: AsmArgument[] = [];
  const clobbers: string[] = [];
  const labels: { name: string; label: string }[] = [];
  // Only `asm goto` has a list of labels.
  const sections = isGoto ? 4 : 3;
  for (let section = 0; section < sections && p.accept(T.Colon); section++) {
    if (p.is(T.Colon) || p.is(T.RParen)) continue;
    do {
      if (section === 0) asmArgument(p, outputs, true);
      else if (section === 1) asmArgument(p, inputs, false);
      else if (section === 2) {
        if (!p.is(T.String)) p.fail('a string');
        clobbers.push(plainString(p));
      } else {
        if (!p.is(T.Identifier)) p.fail('a label');
        const label = labelName(p, p.text());
        p.fn?.gotos.push({ label, span: p.span() });
        labels.push({ name: p.text(), label });
        p.next();
      }
    } while (p.accept(T.Comma));
  }
  p.expect(T.RParen, "')'", opened);
  p.expect(T.Semicolon, "';'");
  const span = p.from(start);
  if (template.trim() === '' && !isGoto) return barrier(outputs, inputs, span);
  const symbols: { name: string; entity: FunctionDecl | VariableDecl }[] = [];
  for (const name of namesIn(template)) p.asmNames.push({ name, symbols });
  return { kind: 'asm', template, outputs, inputs, clobbers, labels, symbols, isGoto, span };
}

function asmArgument(p: Parser, list: AsmArgument[], output: boolean): void {
  let name: string | undefined;
  if (p.accept(T.LBracket)) {
    if (p.kind !== T.Identifier) p.fail('a name');
    name = p.text();
    p.next();
    p.expect(T.RBracket, "']'");
  }
  if (p.kind !== T.String) p.fail('a constraint');
  const constraint = plainString(p);
  const opened = p.at;
  p.expect(T.LParen, "'('");
  const expr = expression(p);
  p.expect(T.RParen, "')'", opened);
  if (isError(expr)) return;
  // What may be changed in place ("+r" even among the inputs) and what is a place in memory stays one.
  const stays = output || /[+m]/.test(constraint);
  if (stays && isPlace(expr)) list.push({ name, constraint, expr });
  else list.push({ name, constraint, expr: rvalue(p, expr) });
}

/** A template without instructions keeps the compiler from moving or knowing values. */
function barrier(outputs: readonly AsmArgument[], inputs: readonly AsmArgument[], span: Span): Stmt {
  const places: Expr[] = [];
  const values: Stmt[] = [];
  for (const [i, { expr: given }] of [...outputs, ...inputs].entries()) {
    const output = i < outputs.length;
    // An input that is a variable may be changed in place; anything else is only evaluated.
    const expr = given.kind === 'cast' && given.op === 'load' && given.operand.kind === 'var' ? given.operand : given;
    if (isPlace(expr) && isScalar(expr.type) && (output || (expr.kind === 'var' && !isConst(expr.type)))) {
      const same = places.some((one) => one.kind === 'var' && expr.kind === 'var' && one.variable === expr.variable);
      if (!same) places.push(expr);
    } else values.push({ kind: 'expression', expr, span: expr.span });
  }
  const made: Stmt = { kind: 'barrier', places, span };
  return values.length === 0 ? made : { kind: 'compound-stmt', body: [...values, made], span };
}

/** Functions that are called and variables whose address is loaded by name. They may be declared further down. */
function namesIn(template: string): string[] {
  const found = new Set<string>();
  for (const match of template.matchAll(/\bcall\s+([A-Za-z_]\w*)|=\s*([A-Za-z_]\w*)\s+ll\b/g))
    found.add(match[1] ?? match[2]!);
  return [...found];
}
