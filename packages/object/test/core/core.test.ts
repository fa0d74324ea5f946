import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SkepError } from '@skep/base';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Btf } from '../../src/btf/btf.ts';
import { BtfBuilder } from '../../src/btf/builder.ts';
import { essentialName } from '../../src/btf/flavour.ts';
import type { BtfId, BtfType, CoreKind } from '../../src/btf/model.ts';
import { type CoreOutcome, relocateCore } from '../../src/core/relocate.ts';
import { openObject } from '../../src/open/open.ts';
import { clang, HAVE_CLANG, have } from '../clang.ts';
import { CORE_SOURCE } from './source.ts';

const VMLINUX = '/sys/kernel/btf/vmlinux';
const POISON = Uint8Array.of(0x85, 0, 0, 0, 0x10, 0x23, 0xad, 0x0b);

describe('names', () => {
  it('lose their flavour', () => {
    const cases: [string, string][] = [
      ['task_struct___old', 'task_struct'],
      ['task_struct', 'task_struct'],
      ['a___b___c', 'a___b'],
      ['___x', '___x'],
      ['x___', 'x___'],
      ['x____y', 'x____y'],
      ['a_____b', 'a_____b'],
    ];
    for (const [name, essential] of cases) expect(essentialName(name)).toBe(essential);
  });
});

describe('a relocation', () => {
  it('moves the offset of a load', () => {
    const local = world((b) => record(b, 's', [['a', 4, false]]));
    const target = world((b) =>
      record(b, 's', [
        ['before', 8, false],
        ['a', 4, false],
      ]),
    );
    const { code, outcomes } = relocate(ldx(4, 0), 'field_byte_offset', '0:0', local, target);
    expect(code).toEqual(ldx(4, 8));
    expect(outcomes[0]).toMatchObject({ value: 8n, compiled: 0n, poisoned: false });
  });

  it('looks into members without a name', () => {
    const local = world((b) => record(b, 's', [['a', 4, false]]));
    const target = world((b) => {
      const inner = b.add({ kind: 'union', name: '', size: 4, members: [member('a', int(b, 4, false), 0)] });
      return b.add({
        kind: 'struct',
        name: 's',
        size: 8,
        members: [member('x', int(b, 4, false), 0), member('', inner, 32)],
      });
    });
    expect(relocate(ldx(4, 0), 'field_byte_offset', '0:0', local, target).code).toEqual(ldx(4, 4));
  });

  it('changes the size of a load of an unsigned integer, poisons that of a signed one', () => {
    const local = (signed: boolean) => world((b) => record(b, 's', [['a', 4, signed]]));
    const target = (signed: boolean) => world((b) => record(b, 's', [['a', 8, signed]]));
    expect(relocate(ldx(4, 0), 'field_byte_offset', '0:0', local(false), target(false)).code).toEqual(ldx(8, 0));
    const { code, outcomes } = relocate(ldx(4, 0), 'field_byte_offset', '0:0', local(true), target(true));
    expect(code).toEqual(POISON);
    expect(outcomes[0]!.poisoned).toBe(true);
  });

  it('poisons what is missing, both halves of a 64-bit load', () => {
    const local = world((b) => record(b, 's', [['a', 4, false]]));
    const target = world((b) => record(b, 's', [['b', 4, false]]));
    expect(relocate(ldx(4, 0), 'field_byte_offset', '0:0', local, target).code).toEqual(POISON);
    const wide = relocate(ldImm64(0), 'field_byte_offset', '0:0', local, target);
    expect(wide.code).toEqual(new Uint8Array([...POISON, ...POISON]));
    expect(relocate(mov(1), 'field_exists', '0:0', local, target).code).toEqual(mov(0));
    expect(
      relocate(
        mov(4),
        'type_size',
        '0',
        local,
        world(() => 0),
      ).code,
    ).toEqual(mov(0));
  });

  it('keeps to candidates that have the field, and refuses those that differ', () => {
    const local = world((b) => record(b, 's', [['a', 4, false]]));
    const one = world((b) => {
      record(b, 's', [['b', 4, false]]);
      return record(b, 's', [
        ['b', 4, false],
        ['a', 4, false],
      ]);
    });
    expect(relocate(ldx(4, 0), 'field_byte_offset', '0:0', local, one).code).toEqual(ldx(4, 4));
    const both = world((b) => {
      record(b, 's', [['a', 4, false]]);
      return record(b, 's', [
        ['b', 4, false],
        ['a', 4, false],
      ]);
    });
    expect(() => relocate(ldx(4, 0), 'field_byte_offset', '0:0', local, both)).toThrow('E3202');
    try {
      relocate(ldx(4, 0), 'field_byte_offset', '0:0', local, both);
    } catch (error) {
      expect((error as SkepError).diagnostics[0]!.notes).toHaveLength(2);
    }
  });

  it('finds flavours on both sides', () => {
    const local = world((b) => record(b, 's___mine', [['a', 4, false]]));
    const target = world((b) =>
      record(b, 's___theirs', [
        ['x', 4, false],
        ['a', 4, false],
      ]),
    );
    expect(relocate(ldx(4, 0), 'field_byte_offset', '0:0', local, target).code).toEqual(ldx(4, 4));
  });

  it('takes enumerators of 64 bits', () => {
    const wide = (value: bigint): Btf =>
      world((b) => b.add({ kind: 'enum64', name: 'e', size: 8, signed: false, values: [{ name: 'V', value }] }));
    const { code } = relocate(ldImm64(5), 'enumval_value', '0', wide(5n), wide(0xfedc_ba98_7654_3210n));
    const view = new DataView(code.buffer);
    expect([view.getUint32(4, true), view.getUint32(12, true)]).toEqual([0x76543210, 0xfedcba98]);
  });

  it('refuses code and access strings that are not as compiled', () => {
    const local = world((b) => record(b, 's', [['a', 4, false]]));
    const code = (insn: Uint8Array, kind: CoreKind, access: string) => {
      try {
        relocate(insn, kind, access, local, local);
        return 'done';
      } catch (error) {
        return (error as SkepError).code;
      }
    };
    expect(code(ldx(4, 12), 'field_byte_offset', '0:0')).toBe('E3203');
    expect(code(ldx(2, 0), 'field_byte_offset', '0:0')).toBe('done');
    expect(code(mov(7), 'field_exists', '0:0')).toBe('E3203');
    expect(code(mov(0), 'field_byte_offset', '0:1')).toBe('E3201');
    expect(code(mov(0), 'field_byte_offset', 'x')).toBe('E3201');
    expect(code(mov(0), 'field_byte_offset', '0:0:0')).toBe('E3201');
    expect(code(mov(0), 'enumval_value', '0')).toBe('E3201');
    expect(code(Uint8Array.of(0x95, 0, 0, 0, 0, 0, 0, 0), 'field_byte_offset', '0:0')).toBe('E3201');
  });

  it('ends on types that contain themselves', () => {
    const loop = world((b) => {
      const id = b.reserve();
      b.set(id, { kind: 'struct', name: 's', size: 8, members: [member('', id, 0), member('m', id, 0)] });
      return id;
    });
    const local = world((b) => record(b, 's', [['a', 4, false]]));
    expect(relocate(ldx(4, 0), 'field_byte_offset', '0:0', local, loop).outcomes[0]!.poisoned).toBe(true);
    expect(relocate(mov(1), 'type_matches', '0', loop, loop, 1).outcomes[0]!.value).toBe(1n);
  });

  it('throws nothing but its own errors on damaged BTF (property)', () => {
    const local = world((b) => record(b, 's', [['a', 4, false]]));
    const bytes = bytesOf((b) =>
      record(b, 's', [
        ['x', 8, true],
        ['a', 4, false],
      ]),
    );
    const flips = fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 });
    const kinds = fc.constantFrom<CoreKind>('field_byte_offset', 'field_rshift_u64', 'type_matches', 'type_size');
    fc.assert(
      fc.property(flips, kinds, (list, kind) => {
        const copy = bytes.slice();
        for (const [at, value] of list) copy[at] = value;
        try {
          relocate(mov(0), kind, kind.startsWith('type') ? '0' : '0:0', local, Btf.parse(copy));
        } catch (error) {
          expect(error).toBeInstanceOf(SkepError);
        }
      }),
      { numRuns: 1000 },
    );
  });
});

const missing = [
  ...(HAVE_CLANG ? [] : ['clang-19']),
  ...(have('bpftool') ? [] : ['bpftool']),
  ...(existsSync(VMLINUX) ? [] : [VMLINUX]),
  ...(process.getuid?.() === 0 ? [] : ['root']),
];
describe.skipIf(missing.length > 0)(
  `beside libbpf on the running kernel (missing: ${missing.join(', ') || 'nothing'})`,
  () => {
    it('patches every instruction to the same value', () => {
      const bytes = clang(CORE_SOURCE, '-mcpu=v3');
      const expected = libbpfPatches(bytes);
      const spec = openObject(bytes, { name: 'core.o' });
      const target = Btf.parse(readFileSync(VMLINUX));
      const seen = new Set<CoreKind>();
      for (const program of spec.programs) {
        const { outcomes } = relocateCore(program.code, program.core, spec.btf!, target);
        const patches = outcomes.map(
          (one: CoreOutcome) => `${program.name}#${one.slot} ${one.poisoned ? 'poison' : one.value}`,
        );
        expect(patches).toEqual(expected.get(program.name));
        for (const one of outcomes) seen.add(one.kind);
      }
      expect(seen.size).toBe(13);
    });
  },
);

/** What libbpf's debug log says that it wrote, by program. */
function libbpfPatches(object: Uint8Array): Map<string, string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'skep-core-'));
  const pins = `/sys/fs/bpf/skep-core-test-${process.pid}`;
  try {
    const file = join(folder, 'core.o');
    writeFileSync(file, object);
    const { stderr, stdout } = spawnSync('bpftool', ['-d', 'prog', 'loadall', file, pins], {
      encoding: 'utf8',
      maxBuffer: 1 << 28,
    });
    const found = new Map<string, string[]>();
    const line = /prog '(\w+)': relo #(\d+): (?:patched insn #(\d+) \(.*-> (-?\d+)$|substituting insn #(\d+))/gm;
    let last = '';
    for (const [, program, relocation, slot, value, poisoned] of (stderr + stdout).matchAll(line)) {
      const list = found.get(program!) ?? [];
      found.set(program!, list);
      // Both halves of a 64-bit load are reported.
      const key = `${program} ${relocation}`;
      if (key !== last) list.push(`${program}#${slot ?? poisoned} ${poisoned ? 'poison' : value}`);
      last = key;
    }
    return found;
  } finally {
    rmSync(pins, { recursive: true, force: true });
    rmSync(folder, { recursive: true, force: true });
  }
}

function relocate(code: Uint8Array, kind: CoreKind, access: string, local: Btf, target: Btf, type?: BtfId) {
  const root = type ?? local.find('s', 'struct') ?? local.find('s___mine') ?? local.find('e')!;
  return relocateCore(code, [{ slot: 0, type: root, access, kind }], local, target);
}

function bytesOf(make: (b: BtfBuilder) => BtfId): Uint8Array {
  const builder = new BtfBuilder();
  make(builder);
  return builder.toBytes();
}

function world(make: (b: BtfBuilder) => BtfId): Btf {
  return Btf.parse(bytesOf(make));
}

function int(b: BtfBuilder, size: number, signed: boolean): BtfId {
  const type: BtfType = {
    kind: 'int',
    name: `int${size}`,
    size,
    bits: size * 8,
    offset: 0,
    signed,
    char: false,
    bool: false,
  };
  return b.add(type);
}

function member(name: string, type: BtfId, bitOffset: number) {
  return { name, type, bitOffset, bitSize: 0 };
}

function record(b: BtfBuilder, name: string, fields: [name: string, size: number, signed: boolean][]): BtfId {
  let size = 0;
  const members = fields.map(([field, bytes, signed]) => {
    const at = Math.ceil(size / bytes) * bytes;
    size = at + bytes;
    return member(field, int(b, bytes, signed), at * 8);
  });
  return b.add({ kind: 'struct', name, size, members });
}

function ldx(size: 1 | 2 | 4 | 8, offset: number): Uint8Array {
  return Uint8Array.of({ 1: 0x71, 2: 0x69, 4: 0x61, 8: 0x79 }[size], 0x10, offset & 255, offset >> 8, 0, 0, 0, 0);
}

function mov(value: number): Uint8Array {
  return Uint8Array.of(0xb7, 0, 0, 0, value, 0, 0, 0);
}

function ldImm64(value: number): Uint8Array {
  return Uint8Array.of(0x18, 0, 0, 0, value, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
}
