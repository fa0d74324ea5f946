import { plainMembers } from '../constants.ts';
import * as say from '../diagnostics.ts';
import { bare, type Expression, type Node, type ObjectLiteral } from '../syntax.ts';
import { describe, type Storage, sizeOfStorage, valueType } from '../types.ts';
import { cNameOf, safe } from './c-names.ts';
import { constantOf, expression } from './expressions.ts';
import type { Lowering, Members } from './lowering.ts';
import { constantsOf } from './members.ts';
import { textAt, writeText } from './texts.ts';
import type { Value } from './value.ts';

/** What lies in a map, an event or a record of the kernel. */
export function readStored(storage: Storage, lvalue: string): Value {
  switch (storage.kind) {
    case 'ipv4':
      return { type: valueType(storage), c: `bpf_ntohl(${lvalue})` };
    case 'string':
      return textAt(lvalue, storage.size);
    case 'record':
      return { type: { kind: 'record', storage }, c: lvalue };
    case 'int':
      return { type: valueType(storage), c: storage.bits === 64 ? `(${lvalue})` : `((s64)${lvalue})` };
    default:
      return { type: valueType(storage), c: `(${lvalue})` };
  }
}

/** The members of an object that is stored, in the order in which they are written; undefined of what is no such object. */
export function membersOf(l: Lowering, storage: Storage & { kind: 'record' }, given: Expression) {
  const node = bare(given);
  const known = l.localOf(node)?.members;
  if (known === undefined && node.type !== 'ObjectExpression') return undefined;
  const literal = known === undefined ? (node as ObjectLiteral) : undefined;
  const members = literal ? plainMembers(literal) : [...known!].map(([name, one]) => [name, one.node] as const);
  const first = literal?.properties[0];
  const spread = first?.type === 'SpreadElement' ? first : undefined;
  if (literal && members.length + (spread ? 1 : 0) !== literal.properties.length)
    l.fail(say.unsupported('destructuring', l.span(literal)));
  const named = new Set(members.map(([name]) => name));
  const rest = (spread ? [...spreadMembers(l, spread.argument)] : []).flatMap(([name, one]) => {
    const field = storage.fields.get(name);
    return field === undefined || named.has(name) ? [] : [{ name, field, ...one }];
  });
  const missing = [...storage.fields.keys()].filter(
    (name) => !named.has(name) && !rest.some((one) => one.name === name),
  );
  if (missing.length > 0) l.fail(say.missingFields(missing, l.span(node)));
  const own = members.map(([name, at]) => {
    const field = storage.fields.get(name);
    // Of a constant that says too much, the place is where it is used.
    const place = known ? (node as Node) : at;
    if (field === undefined)
      return l.fail(say.unknownMember('the declared object', name, storage.fields.keys(), l.span(place)));
    const value = known ? known.get(name)!.value : expression(l, at as Expression);
    return { name, field, value, node: place };
  });
  return [...rest, ...own];
}

/** What `...x` brings: the members of a record, or of an object that is a constant. */
export function spreadMembers(l: Lowering, node: Expression): Members {
  const members = l.localOf(node)?.members;
  if (members !== undefined) return members;
  const constants = constantsOf(l, node);
  if (constants) return new Map([...constants].map(([name, one]) => [name, { value: constantOf(l, one, node), node }]));
  const { type, c } = l.defined(expression(l, node), 'this', node);
  if (type.kind !== 'record') return l.fail(say.unsupported('destructuring', l.span(node)));
  return new Map(
    [...type.storage.fields].map(([name, field]) => [name, { value: readStored(field, `${c}.${safe(name)}`), node }]),
  );
}

export function fillWhole(l: Lowering, storage: Storage, to: string, node: Expression): void {
  const members = storage.kind === 'record' ? membersOf(l, storage, node) : undefined;
  if (members !== undefined) {
    for (const { name, field, value, node: at } of members) fillField(l, field, `${to}.${safe(name)}`, value, at);
    return;
  }
  fillField(l, storage, to, expression(l, node), node);
}

/** Stores a value; numbers are cut to the width, as typed arrays do it. */
export function fillField(l: Lowering, storage: Storage, to: string, given: Value, node: Node): void {
  const value = l.defined(given, 'the value', node);
  const { type, constant } = value;
  const wrong = (wanted: string): never => l.fail(say.wrongType(describe(type), wanted, l.span(node)));
  switch (storage.kind) {
    case 'int': {
      const name = `${storage.signed ? 'i' : 'u'}${storage.bits}`;
      if (type.kind !== (storage.bits === 64 ? 'bigint' : 'number')) wrong(storage.bits === 64 ? 'bigint' : 'number');
      if (typeof constant === 'number' || typeof constant === 'bigint') {
        const wide = BigInt(constant);
        const [low, high] = storage.signed
          ? [-(1n << BigInt(storage.bits - 1)), (1n << BigInt(storage.bits - 1)) - 1n]
          : [0n, (1n << BigInt(storage.bits)) - 1n];
        if (wide < low || wide > high) l.fail(say.outOfRange(String(constant), name, l.span(node)));
      }
      l.emit(`${to} = (${cNameOf(storage)})(${value.c});`);
      return;
    }
    case 'bool':
      if (type.kind !== 'boolean') wrong('boolean');
      l.emit(`${to} = ${value.c};`);
      return;
    case 'ipv4':
      if (type.kind !== 'number') wrong('number');
      l.emit(`${to} = bpf_htonl((u32)(${value.c}));`);
      return;
    case 'pointer':
      if (type.kind === 'kernel') {
        l.emit(`${to} = (u64)${value.c};`);
        return;
      }
      if (type.kind !== 'pointer' || type.space !== storage.space)
        wrong(storage.space === 'user' ? 'UserPointer' : 'KernelPointer');
      l.emit(`${to} = ${value.c};`);
      return;
    case 'string':
      if (type.kind !== 'string') wrong('text');
      l.emit(writeText(value, to, storage.size));
      return;
    case 'record':
      if (type.kind !== 'record' || JSON.stringify([...type.storage.fields]) !== JSON.stringify([...storage.fields]))
        wrong('an object with the declared fields');
      for (const [name, field] of storage.fields)
        fillField(l, field, `${to}.${safe(name)}`, readStored(field, `${value.c}.${safe(name)}`), node);
  }
}

export function checkRoom(l: Lowering, storage: Storage, what: string, node: Node): void {
  const size = sizeOfStorage(storage);
  if (size > STACK) l.fail(say.tooLarge(what, size, STACK, l.span(node)));
}

const STACK = 256;
