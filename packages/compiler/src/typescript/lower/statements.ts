import * as say from '../diagnostics.ts';
import { bare, type Expression, type Statement } from '../syntax.ts';
import { describe, I64, type Type, UNDEFINED } from '../types.ts';
import { condition } from './conditions.ts';
import { expression } from './expressions.ts';
import { forOf } from './lists.ts';
import { forStatement } from './loops.ts';
import type { Lowering } from './lowering.ts';
import { whichText } from './texts.ts';
import { declareVariables, effectOf } from './variables.ts';

export function block(l: Lowering, statements: readonly Statement[]): boolean {
  l.scopes.push(new Map());
  const known = new Set(l.known);
  let ends = false;
  for (const one of statements) {
    const result = l.attempt(() => statement(l, one));
    ends ||= result === true;
  }
  l.scopes.pop();
  l.known = known;
  return ends;
}

/** True when control does not come out at its end. */
export function statement(l: Lowering, node: Statement): boolean {
  l.at(node);
  switch (node.type) {
    case 'EmptyStatement':
      return false;
    case 'BlockStatement': {
      l.emit('{');
      const ends = block(l, node.body);
      l.emit('}');
      return ends;
    }
    case 'VariableDeclaration':
      declareVariables(l, node);
      return false;
    case 'ExpressionStatement':
      effectOf(l, bare(node.expression));
      return false;
    case 'IfStatement':
      return ifStatement(l, node);
    case 'ForStatement':
      forStatement(l, node);
      return false;
    case 'BreakStatement':
    case 'ContinueStatement':
      if (node.label) l.fail(say.unsupported('statement', l.span(node), 'a label'));
      l.emit(node.type === 'BreakStatement' ? 'break;' : 'continue;');
      return true;
    case 'ReturnStatement':
      if (node.argument) return giveBack(l, node.argument);
      if (l.context !== undefined && l.context.result !== 'nothing')
        l.fail(say.noReturn(l.context.object?.what ?? 'this probe', l.context.resultText, l.span(node)));
      l.emit(l.isHelper ? 'return;' : 'return 0;');
      if (l.isHelper) l.result ??= UNDEFINED;
      return true;
    case 'SwitchStatement':
      return switchStatement(l, node);
    case 'ForOfStatement':
      forOf(l, node);
      return false;
    case 'WhileStatement':
    case 'DoWhileStatement':
    case 'ForInStatement':
      return l.fail(say.unsupported('loop', l.span({ ...node, end: node.body.start ?? node.end ?? null })));
    case 'ThrowStatement':
    case 'TryStatement':
      return l.fail(say.unsupported('exception', l.span(node)));
    case 'FunctionDeclaration':
      return l.fail(say.unsupported('nested', l.span(node)));
    case 'ClassDeclaration':
      return l.fail(say.unsupported('allocation', l.span(node), 'a class'));
    case 'TSTypeAliasDeclaration':
    case 'TSInterfaceDeclaration':
      return false;
    default:
      return l.fail(say.unsupported('statement', l.span(node), STATEMENTS[node.type] ?? l.text(node)));
  }
}

const STATEMENTS: { readonly [type: string]: string } = {
  LabeledStatement: 'a label',
  DebuggerStatement: '`debugger`',
  TSEnumDeclaration: 'an `enum`',
  TSModuleDeclaration: 'a namespace',
};

/** `return` with a value: of the program, or of a static function. */
export function giveBack(l: Lowering, node: Expression): boolean {
  const value = expression(l, node, l.context?.result === 'nothing');
  if (l.isHelper) {
    if (value.ok !== undefined) l.fail(say.maybeUndefined('what the function returns', l.span(node)));
    const { kind } = value.type;
    if (kind === 'undefined') {
      l.emit('return;');
      l.result ??= UNDEFINED;
      return true;
    }
    if (kind !== 'number' && kind !== 'bigint' && kind !== 'boolean' && kind !== 'pointer')
      l.fail(say.wrongType(describe(value.type), 'a number, bigint or boolean', l.span(node)));
    if (l.result && l.result.kind !== kind)
      l.fail(say.wrongType(describe(value.type), describe(l.result), l.span(node)));
    if (value.type.kind === 'bigint' && l.result?.kind === 'bigint' && l.result.signed !== value.type.signed) {
      // Constants are what the others are, but no u64 when they are negative.
      const [fixed, before] = [value.constant !== undefined, l.given?.constant !== undefined];
      if (fixed && before) l.result = I64;
      else if (fixed === before || value.type.signed === fixed) l.fail(say.mixedSigns(l.span(node)));
      else if (!fixed) l.result = value.type;
    }
    if (value.constant === undefined || l.given === undefined) l.given = value;
    l.result = joined(l.result, value.type);
    l.emit(`return ${value.c};`);
    return true;
  }
  const { result } = l.context!;
  if (result === 'nothing') {
    // As in JavaScript: what an arrow function without braces gives is not looked at.
    if (value.type.kind !== 'undefined' && !/^(@|\(void\))/.test(value.c)) l.emit(`(void)(${value.c || '0'});`);
    l.emit('return 0;');
    return true;
  }
  const whole = l.defined(value, 'what the probe returns', node);
  if (result === 'verdict') {
    if (whole.type.kind !== 'boolean') l.fail(say.wrongType(describe(whole.type), 'boolean', l.span(node)));
    l.emit(`return ${whole.c} ? 1 : 0;`);
  } else l.emit(`return (int)(${l.number(whole, node).c});`);
  return true;
}

/** What a function gives by all of its `return` statements: of numbers the bounds. */
function joined(a: Type | undefined, b: Type): Type {
  if (a === undefined) return b;
  if (a.kind !== 'number' || b.kind !== 'number') return a;
  return { kind: 'number', min: Math.min(a.min, b.min), max: Math.max(a.max, b.max) };
}

export function ifStatement(l: Lowering, node: Statement & { type: 'IfStatement' }): boolean {
  const test = condition(l, node.test);
  const before = new Set(l.known);
  l.emit(`if (${test.c}) {`);
  for (const one of test.whenTrue) l.known.add(one);
  const thenEnds = block(l, [node.consequent]);
  l.known = new Set(before);
  let elseEnds = false;
  if (node.alternate) {
    l.emit('} else {');
    for (const one of test.whenFalse) l.known.add(one);
    elseEnds = block(l, [node.alternate]);
    l.known = new Set(before);
  }
  l.emit('}');
  if (thenEnds && !elseEnds) for (const one of test.whenFalse) l.known.add(one);
  if (elseEnds && !thenEnds) for (const one of test.whenTrue) l.known.add(one);
  return thenEnds && elseEnds;
}

export function switchStatement(l: Lowering, node: Statement & { type: 'SwitchStatement' }): boolean {
  const subject = l.defined(expression(l, node.discriminant), 'this', node.discriminant);
  const { kind } = subject.type;
  if (kind !== 'number' && kind !== 'bigint' && kind !== 'string')
    l.fail(say.wrongType(describe(subject.type), 'a number, bigint or text', l.span(node.discriminant)));
  const tests = node.cases.map((one) => one.test && expression(l, one.test).constant);
  const texts = tests.filter((one) => typeof one === 'string');
  const c = kind === 'string' ? whichText(l, subject, texts, node.discriminant) : subject.c;
  l.emit(`switch ((s64)(${c})) {`);
  let every = node.cases.some((one) => !one.test);
  const seen = new Set<unknown>();
  for (const [i, one] of node.cases.entries()) {
    if (one.test) {
      const value = tests[i];
      if (typeof value !== kind)
        l.fail(say.wrongType(describe(expression(l, one.test).type), `a constant ${kind}`, l.span(one.test)));
      // Of two of one value the first is meant; the other is only fallen into.
      const which = typeof value === 'string' ? texts.indexOf(value) : (value as number | bigint);
      l.emit(seen.has(which) ? '{' : `case ${caseOf(which)}: {`);
      seen.add(which);
    } else l.emit('default: {');
    const ends = block(l, one.consequent);
    if (one.consequent.length > 0 && (!ends || breaks(one.consequent))) every = false;
    if (i === node.cases.length - 1 && !ends) every = false;
    l.emit(one.consequent.length === 0 || ends ? '}' : '} /* falls through */');
  }
  l.emit('}');
  return every;
}

/** As the `s64` that is switched on. */
function caseOf(value: number | bigint): string {
  const whole = BigInt.asIntN(64, BigInt(value));
  return whole === -(1n << 63n) ? '(-0x7fffffffffffffffLL - 1)' : `${whole}LL`;
}

/** Whether statements of a `switch` leave it by `break`. */
function breaks(statements: readonly Statement[]): boolean {
  return statements.some(
    (one) =>
      one.type === 'BreakStatement' ||
      (one.type === 'BlockStatement' && breaks(one.body)) ||
      (one.type === 'IfStatement' && breaks([one.consequent, ...(one.alternate ? [one.alternate] : [])])),
  );
}
