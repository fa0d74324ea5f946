import { SkepError } from '@skep/base';
import { describe, expect, it } from 'vitest';
import { Random } from '../../../../test/support/random.mjs';
import { Btf } from '../../src/btf/btf.ts';
import { BtfBuilder } from '../../src/btf/builder.ts';
import { TypeClasses } from '../../src/btf/classes.ts';
import { parseBtfExt } from '../../src/btf/ext.ts';
import type { BtfType } from '../../src/btf/model.ts';
import { readElf } from '../../src/elf/read.ts';
import { linkObjects } from '../../src/link/link.ts';
import { openObject } from '../../src/open/open.ts';
import { clang, HAVE_CLANG } from '../clang.ts';
import { SOURCES } from '../sources.ts';
import { CONFLICTS, PAIRS } from './sources.ts';

const INT: BtfType = { kind: 'int', name: 'int', size: 4, bits: 32, offset: 0, signed: true, char: false, bool: false };
const LONG: BtfType = { ...INT, name: 'long', size: 8, bits: 64 };

describe('classes of types', () => {
  it('takes equal recursive records of several files for one', () => {
    const list = (order: 'first' | 'last') => {
      const builder = new BtfBuilder();
      const pad = order === 'last' ? builder.add(LONG) : undefined;
      const node = builder.reserve();
      const int = builder.add(INT);
      const next = builder.add({ kind: 'ptr', type: node });
      builder.set(node, record('node', 16, [int, next]));
      return { btf: Btf.parse(builder.toBytes()), node, next, pad };
    };
    const a = list('first');
    const b = list('last');
    const classes = new TypeClasses([a.btf, b.btf]);
    expect(classes.of(0, a.node)).toBe(classes.of(1, b.node));
    expect(classes.of(0, a.next)).toBe(classes.of(1, b.next));
    expect(classes.of(1, b.pad!)).not.toBe(classes.of(1, b.node));
  });

  it('parts records that differ only far away', () => {
    const chain = (end: BtfType) => {
      const builder = new BtfBuilder();
      let id = builder.add(end);
      for (let i = 0; i < 20; i++) {
        const pointer = builder.add({ kind: 'ptr', type: id });
        id = builder.add({ kind: 'typedef', name: `level${i}`, type: pointer });
      }
      return { btf: Btf.parse(builder.toBytes()), id };
    };
    const [a, b, c] = [chain(INT), chain(LONG), chain(INT)];
    const classes = new TypeClasses([a.btf, b.btf, c.btf]);
    expect(classes.of(0, a.id)).not.toBe(classes.of(1, b.id));
    expect(classes.of(0, a.id)).toBe(classes.of(2, c.id));
  });

  it('resolves forward declarations crosswise, where each file has the other half', () => {
    const half = (whole: string, other: string) => {
      const builder = new BtfBuilder();
      const forward = builder.add({ kind: 'fwd', name: other, union: false });
      const pointer = builder.add({ kind: 'ptr', type: forward });
      const own = builder.add(record(whole, 8, [pointer]));
      return { btf: Btf.parse(builder.toBytes()), forward, own, pointer };
    };
    const a = half('egg', 'hen');
    const b = half('hen', 'egg');
    const c = half('egg', 'hen');
    const classes = new TypeClasses([a.btf, b.btf, c.btf]);
    expect(classes.of(0, a.forward)).toBe(classes.of(1, b.own));
    expect(classes.of(1, b.forward)).toBe(classes.of(0, a.own));
    expect(classes.of(2, c.own)).toBe(classes.of(0, a.own));
    const { file, id } = classes.representative(classes.of(0, a.forward));
    expect([file, id]).toEqual([1, b.own]);
  });

  it('leaves a forward declaration alone when its name means two records', () => {
    const whole = (member: BtfType) => {
      const builder = new BtfBuilder();
      const own = builder.add(record('thing', 8, [builder.add(member)]));
      return { btf: Btf.parse(builder.toBytes()), own };
    };
    const a = whole(INT);
    const b = whole(LONG);
    const builder = new BtfBuilder();
    const forward = builder.add({ kind: 'fwd', name: 'thing', union: false });
    const classes = new TypeClasses([a.btf, b.btf, Btf.parse(builder.toBytes())]);
    const found = [classes.of(0, a.own), classes.of(1, b.own), classes.of(2, forward)];
    expect(new Set(found).size).toBe(3);
  });
});

describe.skipIf(!HAVE_CLANG)(`objects of clang${HAVE_CLANG ? '' : ' (skipped: no clang-19)'}`, () => {
  it.each(CONFLICTS)('that do not fit together: $name', ({ first, second, code, message }) => {
    const objects = [
      { name: 'first.o', bytes: clang(first) },
      { name: 'second.o', bytes: clang(second) },
    ];
    const error = errorOf(() => linkObjects(objects));
    expect(error.diagnostics.map((one) => one.code)).toEqual([code]);
    expect(error.message).toContain(message);
    expect(error.diagnostics[0]!.help).toBeTruthy();
  });

  it('may be linked in steps', () => {
    const { first, second } = PAIRS['calls']!;
    const half = linkObjects([{ name: 'first.o', bytes: clang(first) }], { partial: true });
    expect(errorOf(() => linkObjects([{ name: 'half.o', bytes: half }])).code).toBe('E3502');
    const whole = linkObjects([
      { name: 'half.o', bytes: half },
      { name: 'second.o', bytes: clang(second) },
    ]);
    expect(openObject(whole, { name: 'whole.o' }).programs.map((one) => one.name)).toEqual(['one', 'two']);
  });

  it.each(Object.keys(SOURCES))('keep all their meaning when linked alone: %s', (name) => {
    const bytes = clang(SOURCES[name]!);
    const before = openObject(bytes, { name: 'x.o' });
    const after = openObject(linkObjects([{ name: 'x.o', bytes }]), { name: 'x.o' });
    const plain = (spec: typeof before) => ({
      license: spec.license,
      version: spec.kernelVersion,
      programs: spec.programs.map((one) => ({
        name: one.name,
        section: one.section,
        code: Buffer.from(one.code).toString('hex'),
        references: one.references.map((r) => ({ ...r, btfId: undefined })),
        lines: one.lineInfo,
        functions: one.functions.map((f) => f.name),
      })),
      maps: spec.maps.map(({ keyType, valueType, inner, structOps, ...rest }) => ({
        ...rest,
        structOps: structOps && { ...structOps, type: undefined },
      })),
      globals: spec.globals.map(({ type, ...rest }) => rest),
    });
    expect(plain(after)).toEqual(plain(before));
  });

  it('have each type once, also when the same source is linked under two names', () => {
    const renamed = (name: string) =>
      ['count', 'hits', 'step', 'total', 'seed', 'LICENSE'].map((one) => `-D${one}=${one}_${name}`);
    const objects = ['a', 'b', 'c'].map((name) => ({ name, bytes: clang(SOURCES['counter']!, ...renamed(name)) }));
    const linked = btfOf(linkObjects(objects));
    const single = btfOf(objects[0]!.bytes);
    const structs = (btf: Btf) => [...btf.ids()].filter((id) => btf.name(id) === 'xdp_md').length;
    expect(structs(linked)).toBe(1);
    // Of each further file only what bears its name comes on top: functions, variables.
    expect(linked.count).toBeLessThan(single.count + 2 * 8);
  });

  it('keep lines and functions at their instructions', () => {
    const { first, second } = PAIRS['calls']!;
    const bytes = linkObjects([
      { name: 'a', bytes: clang(first) },
      { name: 'b', bytes: clang(second) },
    ]);
    const file = readElf(bytes);
    const btf = btfOf(bytes);
    const ext = parseBtfExt(file.sections.find((one) => one.name === '.BTF.ext')!.data, btf);
    for (const [name, section] of ext.sections) {
      const index = file.sections.findIndex((one) => one.name === name);
      for (const info of section.funcs) {
        const symbol = file.symbols.find(
          (one) => one.section === index && one.type === 'func' && one.value === info.slot * 8,
        );
        expect(symbol?.name).toBe(btf.name(info.type));
        expect(section.lines.some((line) => line.slot === info.slot)).toBe(true);
      }
      expect(section.lines.map((one) => one.slot)).toEqual(section.lines.map((one) => one.slot).sort((a, b) => a - b));
    }
  });

  it('are refused, never crashed on, when they are damaged', () => {
    const { first, second } = PAIRS['a map of both']!;
    const inputs = [clang(first), clang(second)];
    const random = new Random(7);
    let refused = 0;
    for (let n = 0; n < 400; n++) {
      const damaged = inputs.map((bytes) => bytes.slice());
      const one = damaged[n % 2]!;
      for (let changes = 1 + random.below(6); changes > 0; changes--)
        one[random.below(one.length)] = random.below(3) === 0 ? 255 : random.below(256);
      try {
        linkObjects(damaged.map((bytes, i) => ({ name: `${i}.o`, bytes })));
      } catch (error) {
        if (!(error instanceof SkepError)) throw error;
        refused += 1;
      }
    }
    expect(refused).toBeGreaterThan(50);
  });

  it('say nothing of functions that gave way', () => {
    const { first, second } = PAIRS['weak gives way, wherever it stands']!;
    const bytes = linkObjects([
      { name: 'a', bytes: clang(first) },
      { name: 'b', bytes: clang(second) },
    ]);
    const btf = btfOf(bytes);
    const ext = parseBtfExt(readElf(bytes).sections.find((one) => one.name === '.BTF.ext')!.data, btf);
    const names = ext.sections.get('.text')!.funcs.map((one) => btf.name(one.type));
    expect(names.sort()).toEqual(['choose', 'other']);
  });
});

function record(name: string, size: number, types: readonly number[]): BtfType {
  const members = types.map((type, i) => ({ name: `m${i}`, type, bitOffset: i * 64, bitSize: 0 }));
  return { kind: 'struct', name, size, members };
}

function btfOf(bytes: Uint8Array): Btf {
  return Btf.parse(readElf(bytes).sections.find((one) => one.name === '.BTF')!.data);
}

function errorOf(work: () => unknown): SkepError {
  try {
    work();
  } catch (error) {
    if (error instanceof SkepError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}
