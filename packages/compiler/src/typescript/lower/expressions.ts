import { SkepError } from '@skep/base';
import type { Constant } from '../declarations.ts';
import * as say from '../diagnostics.ts';
import { bare, type Expression, type Node } from '../syntax.ts';
import { BOOLEAN, describe, numberOf, type Type, UNDEFINED } from '../types.ts';
import { binaryOperation, sameSign } from './arithmetic.ts';
import { callExpression } from './calls.ts';
import { condition, isUndefined } from './conditions.ts';
import type { Lowering } from './lowering.ts';
import { memberExpression } from './members.ts';
import { eitherText, KEPT_TEXT, textAt, writeText } from './texts.ts';
import { castC, constantValue, cTypeOf, guarded, type Value, wide } from './value.ts';
import { effectOf } from './variables.ts';

export function expression(l: Lowering, given: Expression, isStatement = false): Value {
  const node = bare(given);
  switch (node.type) {
    case 'NumericLiteral':
      return constantOf(l, node.value, node);
    case 'BigIntLiteral':
      return constantOf(l, BigInt(node.value), node);
    case 'BooleanLiteral':
    case 'StringLiteral':
      return constantValue(node.value);
    case 'NullLiteral':
      return { type: UNDEFINED, c: '' };
    case 'Identifier':
      return identifier(l, node);
    case 'UnaryExpression':
      return unaryExpression(l, node);
    case 'BinaryExpression': {
      if (node.left.type === 'PrivateName') l.fail(say.unsupported('operator', l.span(node)));
      if (/^[=!]==?$/.test(node.operator)) {
        const [a, b] = [bare(node.left as Expression), bare(node.right)];
        if (isUndefined(a) || isUndefined(b)) return { type: BOOLEAN, c: condition(l, node).c };
      }
      if (node.operator === '==' || node.operator === '!=') l.fail(say.unsupported('loose', l.span(node)));
      const left = expression(l, node.left as Expression);
      const right = expression(l, node.right);
      return binaryOperation(l, node.operator, left, right, node, node.left as Expression, node.right);
    }
    case 'LogicalExpression':
      if (node.operator === '??') return orElse(l, node);
      return logicalExpression(l, node);
    case 'ConditionalExpression':
      return conditionalExpression(l, node);
    case 'MemberExpression':
    case 'OptionalMemberExpression':
      return memberExpression(l, node);
    case 'CallExpression':
    case 'OptionalCallExpression':
      return l.within(node, () => callExpression(l, node, isStatement));
    case 'AssignmentExpression':
    case 'UpdateExpression':
      if (!isStatement) l.fail(say.unsupported('assignment', l.span(node)));
      effectOf(l, node);
      return { type: UNDEFINED, c: '' };
    case 'TemplateLiteral':
      if (node.expressions.length === 0) return constantValue(node.quasis[0]!.value.cooked ?? '');
      return l.fail(say.unsupported('text', l.span(node)));
    case 'RegExpLiteral':
      return l.fail(say.unsupported('text', l.span(node), 'a regular expression'));
    case 'TaggedTemplateExpression':
      return l.fail(say.unsupported('text', l.span(node)));
    case 'ArrowFunctionExpression':
    case 'FunctionExpression':
      return l.fail(say.unsupported('nested', l.span(node)));
    case 'ArrayExpression':
    case 'ObjectExpression':
    case 'ClassExpression':
      return l.fail(say.unsupported('allocation', l.span(node)));
    case 'NewExpression': {
      const name = node.callee.type === 'Identifier' ? node.callee.name : '';
      return l.fail(say.unsupported('this', l.span(node), `\`new ${name}\``, say.insteadOf(name)));
    }
    case 'MetaProperty':
      return l.fail(say.noLibrary(l.text(node), l.span(node)));
    case 'ThisExpression':
    case 'Super':
      return l.fail(say.unsupported('this', l.span(node)));
    case 'AwaitExpression':
    case 'YieldExpression':
      return l.fail(say.unsupported('async', l.span(node)));
    case 'SequenceExpression':
      return l.fail(say.unsupported('operator', l.span(node), 'a comma'));
    default:
      return l.fail(say.unsupported('operator', l.span(node), l.text(node)));
  }
}

/** A constant that programs can have. */
export function constantOf(l: Lowering, value: Constant, node: Node): Value {
  if (typeof value === 'number' && !Number.isSafeInteger(value)) l.fail(say.unsupported('float', l.span(node)));
  if (typeof value === 'bigint' && (value > (1n << 64n) - 1n || value < -(1n << 63n)))
    l.fail(say.outOfRange(String(value), 'u64 or i64', l.span(node)));
  return constantValue(value);
}

export function identifier(l: Lowering, node: Expression & { type: 'Identifier' }): Value {
  const local = l.local(node.name);
  if (local?.kind === 'broken') throw new SkepError([]);
  if (local?.members) l.fail(say.wrongType('an object', 'one of its members', l.span(node)));
  if (local)
    return local.value.ok !== undefined && l.known.has(local) ? { ...local.value, ok: undefined } : local.value;
  if (node.name === 'undefined') return { type: UNDEFINED, c: '' };
  const binding = l.shared.home.bindings.get(node.name);
  if (binding?.kind === 'constant') return constantOf(l, binding.value, node);
  if (binding?.kind === 'variable') l.fail(say.unsupported('closure', l.span(node), `\`${node.name}\``));
  if (binding?.kind === 'refused') throw new SkepError([]);
  if (binding?.kind === 'class') l.fail(say.unsupported('allocation', l.span(node), `the class \`${node.name}\``));
  if (binding?.kind === 'foreign') l.fail(say.otherModule(node.name, l.span(node)));
  if (binding) l.fail(say.wrongType(`\`${node.name}\` itself`, 'a value', l.span(node)));
  if (GLOBALS.has(node.name)) l.fail(say.noLibrary(`${node.name}`, l.span(node)));
  return l.fail(l.unknown(node.name, node));
}

export function unaryExpression(l: Lowering, node: Expression & { type: 'UnaryExpression' }): Value {
  switch (node.operator) {
    case '!':
      return { type: BOOLEAN, c: condition(l, node).c };
    case '-': {
      const value = l.defined(expression(l, node.argument), 'this', node.argument);
      if (typeof value.constant === 'number' || typeof value.constant === 'bigint')
        return constantOf(l, -value.constant, node);
      if (value.type.kind === 'bigint') return { type: { kind: 'bigint', signed: true }, c: `(-(s64)(${value.c}))` };
      const number = l.number(value, node.argument);
      const { min, max } = number.type as Type & { kind: 'number' };
      return { type: { kind: 'number', min: -max, max: -min }, c: `(-${wide(number.c)})` };
    }
    case '+':
      return l.number(expression(l, node.argument), node.argument);
    case '~': {
      const value = l.defined(expression(l, node.argument), 'this', node.argument);
      if (value.type.kind === 'bigint') return { type: value.type, c: `(~(${value.c}))` };
      return { type: numberOf(32, true), c: `((s64)(s32)~(u32)(${l.number(value, node.argument).c}))` };
    }
    default:
      return l.fail(say.unsupported('this', l.span(node), `\`${node.operator}\``));
  }
}

function logicalExpression(l: Lowering, node: Expression): Value {
  const { c, value } = condition(l, node);
  return value ?? { type: BOOLEAN, c };
}

function orElse(l: Lowering, node: Expression & { type: 'LogicalExpression' }): Value {
  const left = expression(l, node.left);
  if (left.ok === undefined) return left;
  const { value: right, lines } = l.aside(() => expression(l, node.right));
  if (right.type.kind === 'undefined') return left;
  const bothTexts = left.type.kind === 'string' && right.type.kind === 'string';
  if (bothTexts && right.ok === undefined && lines.length === 0)
    return eitherText(l.declare('bool', 'either', left.ok), left, right);
  if (left.type.kind !== right.type.kind || !SIMPLE.includes(left.type.kind))
    l.fail(say.wrongType(describe(right.type), describe(left.type), l.span(node.right)));
  const type = joinedType(l, left, right, node);
  const c = l.name('or');
  l.emit(`${cTypeOf(type)} ${c} = 0;`);
  const ok = right.ok === undefined ? undefined : l.declare('bool', 'ok', left.ok);
  l.emit(`if (${left.ok}) ${c} = ${left.c};`);
  l.emit('else {');
  l.lines.push(...lines);
  if (ok !== undefined) l.emit(`${ok} = ${right.ok};`);
  l.emit(guarded(ok, `${c} = ${right.c};`));
  l.emit('}');
  return { type, c, ok };
}

export function conditionalExpression(l: Lowering, node: Expression & { type: 'ConditionalExpression' }): Value {
  const test = condition(l, node.test);
  const before = new Set(l.known);
  for (const one of test.whenTrue) l.known.add(one);
  const yes = l.aside(() => expression(l, node.consequent));
  l.known = new Set(before);
  for (const one of test.whenFalse) l.known.add(one);
  const no = l.aside(() => expression(l, node.alternate));
  l.known = before;
  const [a, b] = [yes.value, no.value];
  const some = [a, b].find((one) => one.type.kind !== 'undefined');
  if (some && SIMPLE.includes(some.type.kind) && [a, b].some((one) => one.ok ?? one.type.kind === 'undefined'))
    return maybeEither(l, node, test.c, yes, no, some);
  l.defined(a, 'this', node.consequent);
  l.defined(b, 'this', node.alternate);
  if (a.type.kind === 'string' && b.type.kind === 'string') {
    if (yes.lines.length + no.lines.length === 0) return eitherText(l.declare('bool', 'either', test.c), a, b);
    return writtenText(l, test.c, yes, no, node);
  }
  if (a.type.kind !== b.type.kind || !SIMPLE.includes(a.type.kind))
    l.fail(say.wrongType(describe(b.type), describe(a.type), l.span(node.alternate)));
  const type = joinedType(l, a, b, node);
  if (yes.lines.length === 0 && no.lines.length === 0)
    return { type, c: `(${test.c} ? ${castC(type, a.c)} : ${castC(type, b.c)})` };
  const c = l.name('either');
  l.emit(`${cTypeOf(type)} ${c};`);
  l.emit(`if (${test.c}) {`);
  l.lines.push(...yes.lines);
  l.emit(`${c} = ${a.c};`);
  l.emit('} else {');
  l.lines.push(...no.lines);
  l.emit(`${c} = ${b.c};`);
  l.emit('}');
  return { type, c };
}

/** One text or the other, where finding out what they are takes statements: a copy of it. */
function writtenText(
  l: Lowering,
  test: string,
  yes: { value: Value; lines: string[] },
  no: { value: Value; lines: string[] },
  node: Node,
): Value {
  const [a, b] = [yes, no].map(({ value }) => (value.type as { size?: number }).size) as [number?, number?];
  if (a === undefined || b === undefined || Math.max(a, b) > KEPT_TEXT)
    return l.fail(say.noRoomForText(KEPT_TEXT - 1, l.span(node)));
  const size = Math.max(a, b);
  const c = l.name('either');
  l.emit(`char ${c}[${size}] = {};`);
  for (const [start, { value, lines }] of [
    [`if (${test}) {`, yes],
    ['} else {', no],
  ] as const) {
    l.emit(start);
    l.lines.push(...lines);
    l.emit(writeText(value, c, size));
  }
  l.emit('}');
  return textAt(c, size);
}

/** What lies in one register. */
const SIMPLE: readonly string[] = ['number', 'bigint', 'boolean', 'pointer'];

/** `test ? a : b` where one side is or may be undefined; `some` is one that is not always. */
function maybeEither(
  l: Lowering,
  node: Expression & { type: 'ConditionalExpression' },
  test: string,
  yes: { value: Value; lines: string[] },
  no: { value: Value; lines: string[] },
  some: Value,
): Value {
  const [a, b] = [yes, no].map(({ value }) =>
    value.type.kind === 'undefined' ? { type: some.type, c: '0', ok: '0' } : value,
  ) as [Value, Value];
  if (a.type.kind !== b.type.kind) l.fail(say.wrongType(describe(b.type), describe(a.type), l.span(node.alternate)));
  const type = joinedType(l, a, b, node);
  const [c, ok] = [l.name('either'), l.name('ok')];
  l.emit(`${cTypeOf(type)} ${c} = 0;`);
  l.emit(`bool ${ok} = 0;`);
  for (const [start, one, { lines }] of [
    [`if (${test}) {`, a, yes],
    ['} else {', b, no],
  ] as const) {
    l.emit(start);
    l.lines.push(...lines);
    l.emit(`${ok} = ${one.ok ?? '1'};`);
    l.emit(guarded(one.ok === undefined ? undefined : ok, `${c} = ${one.c};`));
  }
  l.emit('}');
  return { type, c, ok };
}

function joinedType(l: Lowering, a: Value, b: Value, node: Node): Type {
  if (a.type.kind === 'number' && b.type.kind === 'number')
    return { kind: 'number', min: Math.min(a.type.min, b.type.min), max: Math.max(a.type.max, b.type.max) };
  if (a.type.kind === 'bigint') return { kind: 'bigint', signed: sameSign(l, a, b, node) };
  return a.type;
}

export const GLOBALS: ReadonlySet<string> = new Set([
  'Math',
  'BigInt',
  'Number',
  'String',
  'Boolean',
  'Object',
  'Array',
  'JSON',
  'Date',
  'Map',
  'Set',
  'Promise',
  'console',
  'process',
  'globalThis',
  'Symbol',
  'RegExp',
  'Error',
  'setTimeout',
  'setInterval',
  'parseInt',
  'parseFloat',
  'isNaN',
  'fetch',
  'eval',
  'Function',
  'Reflect',
  'Proxy',
  'Atomics',
  'Intl',
  'Iterator',
  'WeakMap',
  'WeakSet',
  'ArrayBuffer',
  'DataView',
  'Uint8Array',
  'Uint16Array',
  'Uint32Array',
  'Int8Array',
  'Int16Array',
  'Int32Array',
  'BigInt64Array',
  'BigUint64Array',
  'Float64Array',
  'TextEncoder',
  'TextDecoder',
  'TypeError',
  'RangeError',
  'setImmediate',
  'queueMicrotask',
  'isFinite',
  'window',
  'document',
  'global',
  'alert',
  'arguments',
  'performance',
  'NaN',
  'Infinity',
  'structuredClone',
  'Buffer',
  'require',
]);
