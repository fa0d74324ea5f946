import type { Binding, Constant } from '../declarations.ts';
import * as say from '../diagnostics.ts';
import { LAYERS, type LayerName } from '../packets.ts';
import { bare, type Expression, type Member, type OptionalMember } from '../syntax.ts';
import { BOOLEAN, describe, NUMBER, numberOf } from '../types.ts';
import { ENUMS } from '../vocabulary.ts';
import { cNameOf, safe } from './c-names.ts';
import { constantOf, expression } from './expressions.ts';
import { kernelMember } from './kernel-members.ts';
import { listIn, memberOfList } from './lists.ts';
import type { Lowering } from './lowering.ts';
import { readStored } from './stored.ts';
import { readText, textAt } from './texts.ts';
import { constantValue, type Value } from './value.ts';

export function memberExpression(l: Lowering, node: Member | OptionalMember): Value {
  const members = l.localOf(node.object as Expression)?.members;
  if (members !== undefined) {
    const name = memberName(l, node);
    const member = members.get(name);
    if (member === undefined)
      return l.fail(say.unknownMember(`\`${l.text(node.object)}\``, name, members.keys(), l.span(node.property)));
    return member.value;
  }
  const list = bare(node.object as Expression).type === 'Identifier' ? listIn(l, node.object as Expression) : undefined;
  if (list !== undefined) return memberOfList(l, list, node);
  const name = memberName(l, node);
  const constants = constantsOf(l, node.object as Expression);
  if (constants) {
    const value = constants.get(name);
    if (value === undefined)
      l.fail(say.unknownMember(l.text(node.object), name, constants.keys(), l.span(node.property)));
    return constantOf(l, value as Constant, node);
  }
  const declaration = declarationOf(l, node.object as Expression);
  if ((declaration?.kind === 'array' || declaration?.kind === 'perCpuArray') && name === 'length')
    return constantValue(declaration.max);
  if (declaration?.kind === 'params') return paramValue(l, declaration.name, declaration.fields, name, node);
  if (declaration) l.fail(say.notForUser(`${declaration.name}.${name}`, l.span(node)));
  const object = reached(l, expression(l, node.object as Expression), node);
  if (object.ok === undefined) return memberOfValue(l, object, name, node);
  const inside = memberOfValue(l, { ...object, ok: undefined }, name, node);
  return {
    ...inside,
    ok: inside.ok === undefined ? object.ok : `(${object.ok} && ${inside.ok})`,
    chain: inside.ok === undefined,
  };
}

export function memberName(l: Lowering, node: Member | OptionalMember): string {
  if (node.computed && node.property.type === 'StringLiteral') return node.property.value;
  if (node.computed || node.property.type !== 'Identifier')
    return l.fail(
      say.unsupported(
        'dynamic',
        l.span(node.property),
        undefined,
        isMap(declarationOf(l, node.object as Expression)) ? 'maps are asked: `x.get(key)`' : undefined,
      ),
    );
  return node.property.name;
}

function isMap(declaration: ReturnType<typeof declarationOf>): boolean {
  return declaration !== undefined && declaration.kind !== 'params' && declaration.kind !== 'events';
}

/** The object of a member or call: it may be undefined only behind `?.`. */
export function reached(l: Lowering, object: Value, node: Member | OptionalMember): Value {
  if (object.ok === undefined) return object;
  const goesOn = node.type === 'OptionalMemberExpression' && (node.optional || object.chain === true);
  if (!goesOn) l.fail(say.maybeUndefined(`\`${l.text(node.object)}\``, l.span(node.object)));
  return object;
}

export function constantsOf(l: Lowering, given: Expression): ReadonlyMap<string, Constant> | undefined {
  const node = bare(given);
  if (node.type !== 'Identifier' || l.local(node.name)) return undefined;
  const binding = l.shared.home.bindings.get(node.name);
  if (binding?.kind === 'constants') return binding.values;
  if (binding?.kind === 'library' && binding.name in ENUMS)
    return new Map(Object.entries(ENUMS[binding.name as keyof typeof ENUMS]));
  return undefined;
}

export function declarationOf(l: Lowering, given: Expression) {
  const node = bare(given);
  if (node.type !== 'Identifier' || l.local(node.name)) return undefined;
  const binding: Binding | undefined = l.shared.home.bindings.get(node.name);
  return binding?.kind === 'declaration' ? binding.declaration : undefined;
}

function paramValue(
  l: Lowering,
  params: string,
  fields: ReadonlyMap<string, Constant>,
  name: string,
  node: Member | OptionalMember,
): Value {
  const value = fields.get(name);
  if (value === undefined) l.fail(say.unknownMember(`\`${params}\``, name, fields.keys(), l.span(node.property)));
  const c = `${l.shared.symbols.get(params)!}_${name}`;
  if (typeof value === 'number') return { type: NUMBER, c };
  if (typeof value === 'boolean') return { type: BOOLEAN, c };
  if (typeof value === 'bigint') return { type: { kind: 'bigint', signed: value < 0n }, c };
  return textAt(c, PARAM_TEXT);
}

export function memberOfValue(l: Lowering, object: Value, name: string, node: Member | OptionalMember): Value {
  const { type } = object;
  const missing = (what: string, names: Iterable<string>): never =>
    l.fail(say.unknownMember(what, name, names, l.span(node.property)));
  switch (type.kind) {
    case 'record': {
      const field = type.storage.fields.get(name);
      if (field === undefined) return missing(`\`${l.text(node.object)}\``, type.storage.fields.keys());
      return readStored(field, `${object.c}.${safe(name)}`);
    }
    case 'context': {
      const context = l.context!.object!;
      const field = context.fields.get(name);
      if (field === undefined) return missing(context.what, context.fields.keys());
      if (field.kind === 'value') return { type: field.type, c: field.c };
      const { storage, offset } = field.field;
      if (storage.kind === 'located') {
        const address = `(void *)ctx + (*(u32 *)((void *)ctx + ${offset}) & 0xffff)`;
        return {
          type: { kind: 'string', size: undefined },
          c: '@text',
          into: (to, size) => readText('kernel', to, size, address),
        };
      }
      if (storage.kind === 'string') {
        const address = `(void *)ctx + ${offset}`;
        return {
          type: { kind: 'string', size: storage.size },
          c: '@text',
          into: (to, size) => readText('kernel', to, Math.min(size, storage.size), address),
        };
      }
      return readStored(storage, `*(${cNameOf(storage)} *)((void *)ctx + ${offset})`);
    }
    case 'packet': {
      const layer = LAYERS[type.layer as LayerName];
      const field = layer.fields[name];
      if (field === undefined) return missing(describe(type), Object.keys(layer.fields));
      return { type: numberOf(field.bits, false), c: field.c.replace(/\bh\b/g, object.c) };
    }
    case 'kernel':
      return kernelMember(l, object, type, name, node);
    case 'string':
      return l.fail(say.unsupported('text', l.span(node)));
    default:
      return missing(`${describe(type)}`, []);
  }
}

const PARAM_TEXT = 64;
