import { BtfBuilder } from '@skep/object';
import { describe, expect, it } from 'vitest';
import type { CType, EnumType, Field, RecordType } from '../src/c/ctype.ts';
import { BtfTypes, memberIndex } from '../src/c/lower/btf-types.ts';
import { BOOL, CHAR, constOf, INT, pointerTo, qualify, UINT, ULLONG, VOID } from '../src/c/types.ts';

function record(tag: string | undefined, members: [string | undefined, CType, number?][], union = false): RecordType {
  let bits = 0;
  const fields: Field[] = members.map(([name, type, bitWidth]) => {
    const field: Field = { name, type, bitOffset: bits, bitWidth, declTags: [], span: undefined };
    bits += bitWidth ?? 64;
    return field;
  });
  return {
    kind: 'record',
    union,
    tag,
    layout: { fields, size: Math.ceil(bits / 64) * 8, align: 8 },
    load: undefined,
    preserveAccessIndex: false,
    declTags: [],
    span: undefined,
  };
}

function setup() {
  const builder = new BtfBuilder();
  return { builder, types: new BtfTypes(builder) };
}

describe('C types as BTF', () => {
  it('names integers as clang does, without a character encoding', () => {
    const { builder, types } = setup();
    expect(builder.type(types.idOf(CHAR))).toMatchObject({
      kind: 'int',
      name: 'char',
      size: 1,
      signed: true,
      char: false,
    });
    expect(builder.type(types.idOf(BOOL))).toMatchObject({ kind: 'int', name: '_Bool', bool: true });
    expect(types.idOf(CHAR)).toBe(types.idOf(CHAR));
    expect(types.idOf(VOID)).toBe(0);
  });

  it('puts const outside of volatile', () => {
    const { builder, types } = setup();
    const type = qualify(UINT, { const: true, volatile: true, restrict: false });
    const outer = builder.type(types.idOf(type));
    expect(outer.kind).toBe('const');
    expect(builder.type((outer as { type: number }).type).kind).toBe('volatile');
  });

  it('puts tags outside of qualifiers, where the kernel takes them', () => {
    const { builder, types } = setup();
    const tagged: CType = { kind: 'tagged', tag: 'rcu', type: INT };
    const outer = builder.type(types.idOf(qualify(tagged, { const: true, volatile: false, restrict: false })));
    expect(outer).toMatchObject({ kind: 'type_tag', name: 'rcu' });
    expect(builder.type((outer as { type: number }).type)).toMatchObject({ kind: 'const' });
  });

  it('indexes arrays by __ARRAY_SIZE_TYPE__', () => {
    const { builder, types } = setup();
    const array = builder.type(types.idOf({ kind: 'array', of: CHAR, count: 16 }));
    expect(array).toMatchObject({ kind: 'array', count: 16 });
    expect(builder.type((array as { index: number }).index)).toMatchObject({ name: '__ARRAY_SIZE_TYPE__', size: 4 });
  });

  it('forward-declares what members point to, and completes it in place when it is used directly', () => {
    const { builder, types } = setup();
    const inner = record('inner', [['x', INT]]);
    const outer = record('outer', [
      ['p', pointerTo(inner)],
      ['q', pointerTo(pointerTo(constOf(inner)))],
    ]);
    const id = types.idOf(outer);
    const struct = builder.type(id) as unknown as { members: { type: number }[] };
    const pointer = builder.type(struct.members[0]!.type) as unknown as { type: number };
    expect(builder.type(pointer.type)).toEqual({ kind: 'fwd', name: 'inner', union: false });
    expect(types.idOf(inner)).toBe(pointer.type);
    expect(builder.type(pointer.type)).toMatchObject({ kind: 'struct', name: 'inner' });
  });

  it('completes what parameters and variables point to', () => {
    const { builder, types } = setup();
    const inner = record('inner', [['x', INT]]);
    const id = types.prototype(
      {
        kind: 'function',
        result: INT,
        params: [{ name: undefined, type: pointerTo(inner) }],
        variadic: false,
        unspecified: false,
      },
      [undefined],
    );
    const proto = builder.type(id) as unknown as { params: { name: string; type: number }[] };
    expect(proto.params[0]!.name).toBe('arg0');
    const pointer = builder.type(proto.params[0]!.type) as unknown as { type: number };
    expect(builder.type(pointer.type).kind).toBe('struct');
  });

  it('closes over recursive records', () => {
    const { builder, types } = setup();
    const node = record('node', []);
    node.layout = {
      size: 8,
      align: 8,
      fields: [
        { name: 'next', type: pointerTo(node), bitOffset: 0, bitWidth: undefined, declTags: ['tag'], span: undefined },
      ],
    };
    const id = types.idOf(node);
    const struct = builder.type(id) as unknown as { members: { type: number }[] };
    expect((builder.type(struct.members[0]!.type) as unknown as { type: number }).type).toBe(id);
    const all = Array.from({ length: builder.count - 1 }, (_, i) => builder.type(i + 1));
    expect(all).toContainEqual({ kind: 'decl_tag', name: 'tag', type: id, component: 0 });
  });

  it('keeps the types of keys and values of maps complete, those of inner maps too', () => {
    const { builder, types } = setup();
    const key = record('key', [['a', INT]]);
    const value = record('value', [['b', INT]]);
    const inner = record('inner_map', [['key', pointerTo(key)]]);
    const map = record(undefined, [
      ['value', pointerTo(value)],
      ['values', { kind: 'array', of: pointerTo(inner), count: undefined }],
    ]);
    types.mapDefinition(map);
    const kinds = new Map<string, string>();
    for (let id = 1; id < builder.count; id++) {
      const type = builder.type(id);
      if ('name' in type) kinds.set(type.name, type.kind);
    }
    expect(kinds.get('key')).toBe('struct');
    expect(kinds.get('value')).toBe('struct');
    expect(kinds.get('inner_map')).toBe('struct');
  });

  it('leaves unnamed bit-fields out and counts members without them', () => {
    const { builder, types } = setup();
    const flags = record('flags', [
      ['a', UINT, 3],
      [undefined, UINT, 5],
      ['b', UINT, 24],
    ]);
    const struct = builder.type(types.idOf(flags)) as unknown as {
      members: { name: string; bitSize: number; bitOffset: number }[];
    };
    expect(struct.members.map((member) => [member.name, member.bitOffset, member.bitSize])).toEqual([
      ['a', 0, 3],
      ['b', 8, 24],
    ]);
    expect(memberIndex(flags, 2)).toBe(1);
  });

  it('uses enum64 for wide enumerators only', () => {
    const { builder, types } = setup();
    const make = (underlying: EnumType['underlying'], value: bigint): EnumType => ({
      kind: 'enum',
      tag: 'e',
      underlying,
      enumerators: [{ name: 'A', value }],
      preserveAccessIndex: false,
      span: undefined,
    });
    expect(builder.type(types.idOf(make(UINT, 1n)))).toMatchObject({ kind: 'enum', size: 4, signed: false });
    expect(builder.type(types.idOf(make(ULLONG, 1n << 40n)))).toMatchObject({ kind: 'enum64', size: 8 });
  });
});
