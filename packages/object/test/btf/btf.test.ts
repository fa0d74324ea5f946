import { existsSync, readFileSync } from 'node:fs';
import { SkepError } from '@skep/base';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { Btf } from '../../src/btf/btf.ts';
import { BtfBuilder } from '../../src/btf/builder.ts';
import type { BtfType } from '../../src/btf/model.ts';

const INT: BtfType = {
  kind: 'int',
  name: 'int',
  size: 4,
  bits: 32,
  offset: 0,
  signed: true,
  char: false,
  bool: false,
};

/** One type of each kind, with a recursive record. */
function everyKind(): BtfBuilder {
  const b = new BtfBuilder();
  const int = b.add(INT);
  const list = b.reserve();
  const next = b.add({ kind: 'ptr', type: list });
  b.set(list, {
    kind: 'struct',
    name: 'list',
    size: 24,
    members: [
      { name: 'next', type: next, bitOffset: 0, bitSize: 0 },
      { name: 'low', type: int, bitOffset: 64, bitSize: 3 },
      { name: 'high', type: int, bitOffset: 67, bitSize: 29 },
      { name: '', type: b.add({ kind: 'array', type: int, index: int, count: 2 }), bitOffset: 96, bitSize: 0 },
    ],
  });
  b.add({ kind: 'union', name: 'either', size: 4, members: [{ name: 'a', type: int, bitOffset: 0, bitSize: 0 }] });
  b.add({
    kind: 'enum',
    name: 'verdict',
    size: 4,
    signed: true,
    values: [
      { name: 'NO', value: -1n },
      { name: 'YES', value: 1n },
    ],
  });
  b.add({ kind: 'enum', name: 'mask', size: 4, signed: false, values: [{ name: 'TOP', value: 0x8000_0000n }] });
  b.add({ kind: 'enum64', name: 'wide', size: 8, signed: false, values: [{ name: 'WIDE', value: 1n << 63n }] });
  b.add({ kind: 'enum64', name: 'deep', size: 8, signed: true, values: [{ name: 'DEEP', value: -(1n << 62n) }] });
  b.add({ kind: 'fwd', name: 'unknown', union: true });
  const loud = b.add({ kind: 'volatile', type: b.add({ kind: 'const', type: int }) });
  b.add({ kind: 'typedef', name: 'loud_t', type: b.add({ kind: 'restrict', type: loud }) });
  const proto = b.add({ kind: 'func_proto', result: 0, params: [{ name: 'ctx', type: next }] });
  const func = b.add({ kind: 'func', name: 'run', type: proto, linkage: 'global' });
  const counter = b.add({ kind: 'var', name: 'counter', type: loud, linkage: 'global' });
  b.add({ kind: 'datasec', name: '.data', size: 4, vars: [{ type: counter, offset: 0, size: 4 }] });
  b.add({ kind: 'float', name: 'double', size: 8 });
  b.add({ kind: 'decl_tag', name: 'tagged', type: func, component: 0 });
  b.add({ kind: 'type_tag', name: 'user', type: int });
  return b;
}

describe('BTF written and read', () => {
  it('keeps every kind', () => {
    const builder = everyKind();
    const btf = Btf.parse(builder.toBytes());
    expect(btf.count).toBe(builder.count);
    for (const id of btf.ids()) expect(btf.type(id)).toEqual(builder.type(id));
    expect(btf.enumerator('WIDE')).toEqual({ enum: btf.find('wide'), value: 1n << 63n });
    expect(btf.enumerator('NO')?.value).toBe(-1n);
    expect(btf.sizeOf(btf.find('counter', 'var')!)).toBe(4);
    expect(btf.type(btf.resolve(btf.find('loud_t')!))).toEqual(INT);
    expect(btf.tagsOf(btf.find('run', 'func')!, 0)).toEqual(['tagged']);
    expect(btf.tagsOf(btf.find('run', 'func')!)).toEqual([]);
  });

  it('reads big endian', () => {
    const builder = everyKind();
    const little = builder.toBytes();
    const big = toBigEndian(little);
    const btf = Btf.parse(big);
    expect(btf.littleEndian).toBe(false);
    for (const id of btf.ids()) expect(btf.type(id)).toEqual(builder.type(id));
  });

  it('shares equal types, but not records', () => {
    const b = new BtfBuilder();
    expect(b.add(INT)).toBe(b.add({ ...INT }));
    const record: BtfType = { kind: 'struct', name: 's', size: 0, members: [] };
    expect(b.add(record)).not.toBe(b.add(record));
  });

  it('reads split BTF over its base', () => {
    const base = Btf.parse(everyKind().toBytes());
    // Split BTF is written by hand: ids and string offsets go on where the base's end.
    const strings = new TextEncoder().encode('own\0');
    const words = [base.stringsEnd, 8 << 24, base.find('list')!, nameOffset(base, 'list'), 8 << 24, base.count];
    const bytes = new Uint8Array(24 + words.length * 4 + strings.length);
    const view = new DataView(bytes.buffer);
    view.setUint16(0, 0xeb9f, true);
    view.setUint8(2, 1);
    const header = [24, 0, words.length * 4, words.length * 4, strings.length];
    for (const [i, v] of [...header, ...words].entries()) view.setUint32(4 + i * 4, v, true);
    bytes.set(strings, 24 + words.length * 4);
    const split = Btf.parse(bytes, base);
    expect(split.firstId).toBe(base.count);
    expect(split.find('own')).toBe(base.count);
    expect(split.find('list', 'typedef')).toBe(base.count + 1);
    expect(split.findAll('list')).toEqual([base.find('list'), base.count + 1]);
    expect(split.sizeOf(base.count + 1)).toBe(24);
  });

  it.each(['ascii', 'with umlauts: \u00e4'])('gives back thousands of strings (%s)', (flavour) => {
    const b = new BtfBuilder();
    const names = Array.from({ length: 2000 }, (_, i) => `${flavour}${i}`);
    const ids = names.map((name) => b.add({ kind: 'typedef', name, type: 0 }));
    const btf = Btf.parse(b.toBytes());
    for (let round = 0; round < 2; round++) expect(ids.map((id) => btf.name(id))).toEqual(names);
  });

  it('finds what it added, whatever the names (property)', () => {
    const names = fc.uniqueArray(
      fc.string({ minLength: 1 }).filter((s) => !s.includes('\0') && !/[\ud800-\udfff]/.test(s)),
    );
    fc.assert(
      fc.property(names, (list) => {
        const b = new BtfBuilder();
        const ids = list.map((name) => b.add({ kind: 'typedef', name, type: 0 }));
        const btf = Btf.parse(b.toBytes());
        for (const [i, name] of list.entries()) {
          expect(btf.find(name)).toBe(ids[i]);
          expect(btf.find(name, 'struct')).toBeUndefined();
        }
        // Enough questions for the index, and again through it.
        for (let i = 0; i < 20; i++) expect(btf.find('\u0001 is no name')).toBeUndefined();
        for (const [i, name] of list.entries()) expect(btf.findAll(name)).toEqual([ids[i]]);
      }),
    );
  });
});

describe('damaged BTF', () => {
  it('says what is wrong', () => {
    const bytes = everyKind().toBytes();
    const code = (change: (view: DataView) => Uint8Array | undefined) => {
      const copy = bytes.slice();
      const changed = change(new DataView(copy.buffer)) ?? copy;
      try {
        const btf = Btf.parse(changed);
        for (const id of btf.ids()) btf.type(id);
        return 'read';
      } catch (error) {
        return (error as SkepError).code;
      }
    };
    expect(code((v) => new Uint8Array(v.buffer, 0, 20))).toBe('E3101');
    expect(code((v) => new Uint8Array(v.buffer, 0, v.byteLength - 1))).toBe('E3101');
    expect(code((v) => void v.setUint16(0, 7, true))).toBe('E3101');
    expect(code((v) => void v.setUint32(24, 0x7fffffff, true))).toBe('E3101');
    expect(code((v) => void v.setUint8(31, 31))).toBe('E3102');
    expect(() => Btf.parse(bytes).type(0)).toThrow(SkepError);
    expect(() => Btf.parse(bytes).type(4096)).toThrow('E3103');
  });

  it('ends on loops of typedefs and of arrays', () => {
    const b = new BtfBuilder();
    const a = b.reserve();
    b.set(a, { kind: 'typedef', name: 'a', type: b.add({ kind: 'typedef', name: 'b', type: a }) });
    const row = b.reserve();
    b.set(row, { kind: 'array', type: row, index: row, count: 2 });
    const btf = Btf.parse(b.toBytes());
    expect(() => btf.resolve(a)).toThrow('E3104');
    expect(() => btf.sizeOf(row)).toThrow('E3104');
  });

  it('throws nothing but its own errors on flipped bytes (property)', () => {
    const bytes = everyKind().toBytes();
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 }),
        (flips) => {
          const copy = bytes.slice();
          for (const [at, value] of flips) copy[at] = value;
          try {
            const btf = Btf.parse(copy);
            btf.find('list');
            btf.enumerator('YES');
            btf.kfunc('run');
            for (const id of btf.ids()) {
              btf.type(id);
              btf.resolve(id);
              btf.tagsOf(id);
              try {
                btf.sizeOf(id);
              } catch (error) {
                expect(error).toBeInstanceOf(SkepError);
              }
            }
          } catch (error) {
            expect(error).toBeInstanceOf(SkepError);
          }
        },
      ),
      { numRuns: 2000 },
    );
  });
});

const VMLINUX = '/sys/kernel/btf/vmlinux';
describe.skipIf(!existsSync(VMLINUX))(`the running kernel's BTF (${VMLINUX})`, () => {
  let btf: Btf;
  beforeAll(() => {
    btf = Btf.parse(readFileSync(VMLINUX));
  });
  it('has what every kernel has', () => {
    const task = btf.type(btf.find('task_struct', 'struct')!);
    expect(task.kind === 'struct' && task.members.some((member) => member.name === 'pid')).toBe(true);
    expect(btf.sizeOf(btf.find('u64', 'typedef')!)).toBe(8);
    expect(btf.enumerator('BPF_MAP_TYPE_RINGBUF')?.value).toBe(27n);
    expect(btf.find('no such type')).toBeUndefined();
  });
  it('decodes whole', () => {
    let types = 0;
    for (const id of btf.ids()) {
      btf.type(id);
      types++;
    }
    expect(types).toBe(btf.count - 1);
  });
});

function nameOffset(btf: Btf, name: string): number {
  for (let offset = 0; offset < btf.stringsEnd; offset++) if (btf.string(offset) === name) return offset;
  throw new Error(name);
}

function toBigEndian(little: Uint8Array): Uint8Array {
  const from = new DataView(little.buffer, little.byteOffset, little.byteLength);
  const big = little.slice();
  const to = new DataView(big.buffer);
  to.setUint16(0, from.getUint16(0, true));
  for (let at = 4; at < 24 + from.getUint32(12, true); at += 4) to.setUint32(at, from.getUint32(at, true));
  return big;
}
