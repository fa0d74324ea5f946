import { plainMembers } from '../constants.ts';
import * as say from '../diagnostics.ts';
import {
  bare,
  type Expression,
  type Member,
  type Node,
  type ObjectLiteral,
  type ObjectPattern,
  type Statement,
} from '../syntax.ts';
import { describe, NUMBER, U64, UNDEFINED } from '../types.ts';
import { binaryOperation, sameSign } from './arithmetic.ts';
import { condition } from './conditions.ts';
import { expression } from './expressions.ts';
import type { Local, Lowering, Members } from './lowering.ts';
import { constantsOf, declarationOf, memberExpression, memberName, memberOfValue } from './members.ts';
import { spreadMembers } from './stored.ts';
import { KEPT_TEXT, liesThere, textAt, writeText } from './texts.ts';
import { constantValue, cTypeOf, guarded, type Value } from './value.ts';

export function declareVariables(l: Lowering, node: Statement & { type: 'VariableDeclaration' }): void {
  if (node.kind !== 'const' && node.kind !== 'let')
    l.fail(say.unsupported('statement', l.span(node), `\`${node.kind}\``));
  for (const one of node.declarations) {
    if (one.id.type === 'ObjectPattern' && one.init && node.kind === 'const') {
      const init = bare(one.init);
      // Of parameters and constants of the module the members are values, they themselves are not.
      bindPattern(l, one.id, isModuleObject(l, init) ? init : l.defined(expression(l, init), 'this', init));
      continue;
    }
    if (one.id.type !== 'Identifier') l.fail(say.unsupported('destructuring', l.span(one.id)));
    const { name } = one.id as { name: string };
    if (!one.init)
      l.fail(say.unsupported('optionalVariable', l.span(one), 'it has no first value', 'give it one: `let n = 0`'));
    const init = bare(one.init as Expression);
    // What it is called is not unknown later, whatever is wrong here.
    l.bind(name, { kind: 'broken', value: { type: UNDEFINED, c: '' } });
    if (init.type === 'ArrowFunctionExpression' || init.type === 'FunctionExpression')
      l.fail(say.unsupported('nested', l.span(init)));
    if (init.type === 'ObjectExpression' && node.kind === 'const') {
      const members = keptMembers(l, init);
      l.bind(name, { kind: 'const', value: { type: UNDEFINED, c: '' }, members });
      continue;
    }
    const value = expression(l, init);
    const { type } = value;
    if (type.kind === 'undefined') l.fail(say.wrongType('undefined', 'a value', l.span(init)));
    if (node.kind === 'let') {
      if (value.ok !== undefined || (type.kind !== 'number' && type.kind !== 'bigint' && type.kind !== 'boolean'))
        l.fail(say.unsupported('optionalVariable', l.span(one)));
      const c = l.name(name);
      l.emit(`${cTypeOf(type)} ${c} = ${value.c};`);
      l.bind(name, { kind: 'let', value: { type: type.kind === 'number' ? NUMBER : type, c } });
      continue;
    }
    l.bind(name, { kind: 'const', value: keepValue(l, value, name) });
  }
}

/** `{ a: 1, ...b }` as a constant: each of its members is one. */
function keptMembers(l: Lowering, literal: ObjectLiteral): Members {
  const members = new Map<string, { value: Value; node: Node }>();
  const plain = plainMembers(literal);
  for (const one of literal.properties) {
    if (one.type === 'SpreadElement') {
      for (const [name, each] of spreadMembers(l, one.argument)) members.set(name, each);
      continue;
    }
    const [name, node] = plain.shift() ?? l.fail(say.unsupported('destructuring', l.span(one)));
    if (bare(node).type === 'ObjectExpression') l.fail(say.unsupported('allocation', l.span(node)));
    const value = l.defined(expression(l, node), 'this', node);
    // As in JavaScript, a name that is there already keeps its place.
    members.set(name, { value: keepValue(l, value, name), node });
  }
  return members;
}

/** `{ a, b: c }`: constants for members of an object. */
export function bindPattern(l: Lowering, pattern: ObjectPattern, of: Value | Expression): void {
  for (const one of pattern.properties) {
    if (
      one.type !== 'ObjectProperty' ||
      one.computed ||
      one.key.type !== 'Identifier' ||
      one.value.type !== 'Identifier'
    )
      l.fail(say.unsupported('destructuring', l.span(one)));
    const { key, value: target } = one as { key: Expression & { type: 'Identifier' }; value: { name: string } };
    l.bind(target.name, { kind: 'broken', value: { type: UNDEFINED, c: '' } });
    const { start, end } = key;
    const object = 'c' in of ? key : of;
    const member = { type: 'MemberExpression', object, property: key, computed: false, start, end } as Member;
    const value = 'c' in of ? memberOfValue(l, of, key.name, member) : memberExpression(l, member);
    l.bind(target.name, { kind: 'const', value: keepValue(l, value, target.name) });
  }
}

function isModuleObject(l: Lowering, node: Expression): boolean {
  return constantsOf(l, node) !== undefined || declarationOf(l, node)?.kind === 'params';
}

/** A value that later statements find unchanged. */
export function keepValue(l: Lowering, value: Value, name: string): Value {
  const { type } = value;
  if (value.constant !== undefined) return value;
  if (type.kind === 'number' || type.kind === 'bigint' || type.kind === 'boolean' || type.kind === 'pointer') {
    if (
      /^\w+$/.test(value.c) &&
      l.scopes.every((scope) => [...scope.values()].every((one) => one.kind === 'const' || one.value.c !== value.c))
    )
      return value;
    const c = l.name(name);
    if (value.ok === undefined) l.emit(`${cTypeOf(type)} ${c} = ${value.c};`);
    else {
      l.emit(`${cTypeOf(type)} ${c} = 0;`);
      l.emit(`if (${value.ok}) ${c} = ${value.c};`);
    }
    return { type, c, ok: value.ok };
  }
  if (type.kind === 'kernel' && !value.c.startsWith('@')) {
    const c = l.name(name);
    l.emit(`${type.tag} *${c} = ${value.ok === undefined ? value.c : `${value.ok} ? ${value.c} : 0`};`);
    return { ...value, c };
  }
  if (type.kind === 'string' && liesThere(value)) return value;
  if (type.kind === 'string' && type.size !== undefined && type.size <= KEPT_TEXT) {
    const c = l.name(name);
    l.emit(`char ${c}[${type.size}] = {};`);
    l.emit(guarded(value.ok, writeText(value, c, type.size)));
    return { ...textAt(c, type.size), ok: value.ok };
  }
  return value;
}

/** An expression whose value nobody asks for. */
export function effectOf(l: Lowering, node: Expression): void {
  if (node.type === 'AssignmentExpression') {
    if (node.left.type === 'MemberExpression')
      assignMember(l, node.left, node.operator, () => expression(l, node.right), node.right);
    else if (node.left.type !== 'Identifier') l.fail(say.unsupported('destructuring', l.span(node.left)));
    else {
      if (/^(\|\||&&|\?\?|\*\*)=$/.test(node.operator))
        l.fail(say.unsupported('operator', l.span(node), `\`${node.operator}\``, 'write it out: `x = …`'));
      const local = assignable(l, node.left.name, node.left);
      const right = expression(l, node.right);
      const value =
        node.operator === '='
          ? right
          : binaryOperation(
              l,
              node.operator.slice(0, -1),
              local.value,
              right,
              node,
              node.left as Expression,
              node.right,
            );
      assign(l, local, value, node.right);
    }
    return;
  }
  if (node.type === 'UpdateExpression') {
    if (node.argument.type === 'MemberExpression') {
      assignMember(l, node.argument, `${node.operator[0]}=`, () => constantValue(1), node);
      return;
    }
    if (node.argument.type !== 'Identifier') l.fail(say.unsupported('assignment', l.span(node)));
    const local = assignable(l, (node.argument as { name: string }).name, node.argument);
    const one: Value = local.value.type.kind === 'bigint' ? { type: U64, c: '1', constant: 1n } : constantValue(1);
    assign(
      l,
      local,
      binaryOperation(
        l,
        node.operator[0]!,
        local.value,
        one,
        node,
        node.argument as Expression,
        node.argument as Expression,
      ),
      node,
    );
    return;
  }
  // `x && f()` and `x ? f() : g()` are statements that people write.
  if (node.type === 'LogicalExpression' && node.operator === '&&') {
    const test = condition(l, node.left);
    const before = new Set(l.known);
    for (const one of test.whenTrue) l.known.add(one);
    l.emit(`if (${test.c}) {`);
    effectOf(l, bare(node.right));
    l.emit('}');
    l.known = before;
    return;
  }
  const value = expression(l, node, true);
  if (value.c !== '' && value.type.kind !== 'undefined' && /\(/.test(value.c)) l.emit(`(void)(${value.c});`);
}

export function assignable(l: Lowering, name: string, node: Node): Local {
  const local = l.local(name);
  if (local?.kind === 'let') return local;
  if (local === undefined && l.shared.home.bindings.has(name))
    l.fail(say.unsupported('closure', l.span(node), `\`${name}\``));
  if (local === undefined) l.fail(l.unknown(name, node));
  return l.fail(
    local!.kind === 'counter'
      ? say.badDeclaration(
          name,
          'it counts a loop, and nothing else changes it',
          l.span(node),
          'leave the loop with `break`',
        )
      : say.badDeclaration(name, 'it does not change', l.span(node), `declare it with \`let\``),
  );
}

export function assign(l: Lowering, local: Local, given: Value, node: Node): void {
  const value = l.defined(given, 'the value', node);
  const { type } = local.value;
  if (type.kind !== value.type.kind) l.fail(say.wrongType(describe(value.type), describe(type), l.span(node)));
  if (type.kind === 'bigint') sameSign(l, local.value, value, node);
  l.emit(`${local.value.c} = ${value.c};`);
}

function assignMember(l: Lowering, node: Member, operator: string, right: () => Value, at: Node): void {
  const name = memberName(l, node);
  const module = declarationOf(l, node.object as Expression);
  if (l.localOf(node.object as Expression)?.members)
    l.fail(say.notAssigned(name, l.span(node), 'give it this value where the object is written'));
  if (module?.kind === 'params')
    l.fail(say.notAssigned(name, l.span(node), 'the user side sets parameters; what programs change is kept in a map'));
  if (module || constantsOf(l, node.object as Expression)) l.fail(say.notAssigned(name, l.span(node)));
  const object = expression(l, node.object as Expression);
  const copied =
    object.type.kind === 'record' ? `put a changed one into the map: \`set(key, { ...x, ${name}: … })\`` : undefined;
  const field = object.type.kind === 'context' ? l.context?.object?.fields.get(name) : undefined;
  if (field?.kind !== 'value' || field.assign === undefined) l.fail(say.notAssigned(name, l.span(node), copied));
  const given = right();
  const value =
    operator === '='
      ? given
      : binaryOperation(l, operator.slice(0, -1), memberOfValue(l, object, name, node), given, node, node, at);
  l.emit((field as { assign: (value: string) => string }).assign(l.number(value, at).c));
}
