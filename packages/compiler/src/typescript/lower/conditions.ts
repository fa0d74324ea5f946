import * as say from '../diagnostics.ts';
import { bare, type Expression, type Node } from '../syntax.ts';
import { describe, type Type } from '../types.ts';
import { expression } from './expressions.ts';
import type { Local, Lowering } from './lowering.ts';
import { eitherText, sameText } from './texts.ts';
import { castC, cTypeOf, type Value } from './value.ts';

export interface Condition {
  readonly c: string;
  /** What is not undefined then. */
  readonly whenTrue: Set<Local>;
  readonly whenFalse: Set<Local>;
  /** What is asked whether it is true, where that is no condition by itself. */
  readonly value?: Value;
}

export function condition(l: Lowering, given: Expression): Condition {
  const node = bare(given);
  if (node.type === 'UnaryExpression' && node.operator === '!') {
    const { c, whenTrue, whenFalse } = condition(l, node.argument);
    return { c: `!(${c})`, whenTrue: whenFalse, whenFalse: whenTrue };
  }
  if (node.type === 'LogicalExpression' && node.operator !== '??') return logicalCondition(l, node);
  const none = new Set<Local>();
  if (node.type === 'BinaryExpression' && /^[=!]==?$/.test(node.operator) && node.left.type !== 'PrivateName') {
    const [a, b] = [bare(node.left), bare(node.right)];
    const subject = isUndefined(b) ? a : isUndefined(a) ? b : undefined;
    if (subject) {
      const value = expression(l, subject);
      const local = l.localOf(subject);
      const is = value.ok === undefined ? '1' : value.ok;
      const facts = local ? new Set([local]) : none;
      return node.operator.startsWith('!')
        ? { c: `(${is})`, whenTrue: facts, whenFalse: none }
        : { c: `!(${is})`, whenTrue: none, whenFalse: facts };
    }
  }
  const value = expression(l, node);
  const local = l.localOf(node) ?? rootOf(l, node);
  const truth = truthOf(l, value, node);
  // A constant that is 0 is as false as one that is undefined.
  return { c: truth, whenTrue: local ? new Set([local]) : none, whenFalse: none, value };
}

function logicalCondition(l: Lowering, node: Expression & { type: 'LogicalExpression' }): Condition {
  const and = node.operator === '&&';
  const left = condition(l, node.left);
  const before = new Set(l.known);
  for (const one of and ? left.whenTrue : left.whenFalse) l.known.add(one);
  const { value: right, lines } = l.aside(() => condition(l, node.right));
  l.known = before;
  const value = and ? undefined : other(l, left.value, right.value, lines);
  if (value) return { c: `(${value.c} != 0)`, whenTrue: new Set(), whenFalse: new Set(), value };
  const texts = !and && lines.length === 0 ? otherText(l, left, right) : undefined;
  if (texts) return texts;
  const both = (a: Set<Local>, b: Set<Local>) => new Set([...a, ...b]);
  let c = `(${left.c} ${node.operator} ${right.c})`;
  if (lines.length > 0) {
    c = l.name('both');
    l.emit(`bool ${c} = ${left.c};`);
    l.emit(`if (${and ? '' : '!'}${c}) {`);
    l.lines.push(...lines);
    l.emit(`${c} = ${right.c};`);
    l.emit('}');
  }
  return and
    ? { c, whenTrue: both(left.whenTrue, right.whenTrue), whenFalse: new Set() }
    : { c, whenTrue: new Set(), whenFalse: both(left.whenFalse, right.whenFalse) };
}

/** `a || b` of numbers or bigints: b where a is 0 or undefined. Nothing of others, whose truth is all that is asked for. */
function other(l: Lowering, a: Value | undefined, b: Value | undefined, lines: readonly string[]): Value | undefined {
  if (a === undefined || b === undefined || b.ok !== undefined) return undefined;
  const type = sameNumbers(a.type, b.type);
  if (type === undefined) return undefined;
  const c = l.name('or');
  l.emit(`${cTypeOf(type)} ${c} = ${a.ok === undefined ? a.c : `${a.ok} ? ${castC(type, a.c)} : 0`};`);
  l.emit(`if (!${c}) {`);
  l.lines.push(...lines);
  l.emit(`${c} = ${b.c};`);
  l.emit('}');
  return { type, c };
}

/** `a || b` of texts: b where a is empty or undefined. */
function otherText(l: Lowering, left: Condition, right: Condition): Condition | undefined {
  const { value: a } = left;
  const { value: b } = right;
  if (a?.type.kind !== 'string' || b?.type.kind !== 'string' || b.ok !== undefined) return undefined;
  const either = l.declare('bool', 'either', left.c);
  const none = new Set<Local>();
  return { c: `(${either} || ${right.c})`, whenTrue: none, whenFalse: none, value: eitherText(either, a, b) };
}

function sameNumbers(a: Type, b: Type): Type | undefined {
  if (a.kind === 'number' && b.kind === 'number')
    return { kind: 'number', min: Math.min(0, a.min, b.min), max: Math.max(0, a.max, b.max) };
  return a.kind === 'bigint' && b.kind === 'bigint' && a.signed === b.signed ? a : undefined;
}

export function truthOf(l: Lowering, value: Value, node: Node): string {
  const { type, ok, c } = value;
  const own = ((): string => {
    switch (type.kind) {
      case 'boolean':
        return c;
      case 'number':
      case 'bigint':
      case 'pointer':
      case 'kernel':
        return `(${c.startsWith('@') ? '1' : c} != 0)`;
      case 'record':
      case 'packet':
        return '1';
      case 'undefined':
        return '0';
      case 'string':
        return typeof value.constant === 'string'
          ? String(Number(value.constant !== ''))
          : `!${sameText(l, value, '', node)}`;
      default:
        return l.fail(say.wrongType(describe(type), 'boolean', l.span(node)));
    }
  })();
  if (ok === undefined) return own;
  return own === '1' ? ok : `(${ok} && ${own})`;
}

/** Of `x?.y`, and of `x?.y === 1`: what is there when that holds. */
export function rootOf(l: Lowering, given: Expression): Local | undefined {
  const node = bare(given);
  if (node.type === 'OptionalMemberExpression' || node.type === 'OptionalCallExpression') {
    const inner = (node.type === 'OptionalMemberExpression' ? node.object : node.callee) as Expression;
    return rootOf(l, inner) ?? l.localOf(inner);
  }
  if (node.type !== 'BinaryExpression' || node.operator !== '===' || node.left.type === 'PrivateName') return undefined;
  const [left, right] = [rootOf(l, node.left), rootOf(l, node.right)];
  // Two that are both undefined are the same, too.
  return left && right ? undefined : (left ?? right);
}

export function isUndefined(node: Expression): boolean {
  return (node.type === 'Identifier' && node.name === 'undefined') || node.type === 'NullLiteral';
}
