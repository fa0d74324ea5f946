import { SkepError } from '@skep/base';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { kernelMapName, openObject } from '../../src/open/open.ts';
import type { ObjectSpec, ProgramSpec } from '../../src/spec.ts';
import { clang, cpuMilliseconds, HAVE_CLANG } from '../clang.ts';
import { SOURCES } from '../sources.ts';

describe('names', () => {
  it('of maps in the kernel are as libbpf makes them', () => {
    expect(kernelMapName('opens', '.rodata')).toBe('opens.rodata');
    expect(kernelMapName('averylongobject', '.rodata')).toBe('averylon.rodata');
    expect(kernelMapName('averylongobject', '.bss')).toBe('averylon.bss');
    expect(kernelMapName('opens', '.rodata.str1.1')).toBe('.rodata.str1.1');
    expect(kernelMapName('opens', 'a_map_with_a_long_name')).toBe('a_map_with_a_lo');
  });
});

describe.skipIf(!HAVE_CLANG)("clang's objects (needs clang-19)", () => {
  const objects = new Map<string, Uint8Array>();
  const open = (name: string): ObjectSpec => openObject(objects.get(name)!, { name: `/tmp/${name}.bpf.o` });
  const program = (spec: ObjectSpec, name: string): ProgramSpec => spec.programs.find((one) => one.name === name)!;
  const map = (spec: ObjectSpec, name: string) => spec.maps.find((one) => one.name === name)!;
  beforeAll(() => {
    for (const [name, source] of Object.entries(SOURCES)) objects.set(name, clang(source, '-mcpu=v3'));
  });

  it('counter: a map, data sections and their variables', () => {
    const spec = open('counter');
    expect(spec.name).toBe('counter');
    expect(spec.license).toBe('GPL');
    expect(spec.programs.map((one) => one.name)).toEqual(['count']);
    expect(program(spec, 'count').hook).toMatchObject({ programType: 'BPF_PROG_TYPE_XDP', attachType: 'BPF_XDP' });
    expect(map(spec, 'hits')).toMatchObject({ type: 1, keySize: 4, valueSize: 8, maxEntries: 64, flags: 0 });
    expect(spec.maps.map((one) => one.name).sort()).toEqual(['.bss', '.data', '.rodata', 'hits']);
    expect(map(spec, '.rodata')).toMatchObject({ type: 2, flags: 0x480, maxEntries: 1, data: 'rodata' });
    expect(map(spec, '.data').initialValue).toEqual(Uint8Array.of(7, 0, 0, 0));
    const step = spec.globals.find((one) => one.name === 'step')!;
    expect(step).toMatchObject({ map: '.rodata', offset: 0, size: 4 });
    expect(spec.btf!.sizeOf(step.type)).toBe(4);
    const datasec = spec.btf!.type(spec.btf!.find('.bss', 'datasec')!);
    expect(datasec).toMatchObject({ size: 8, vars: [{ offset: 0, size: 8 }] });
    const kinds = program(spec, 'count').references.map((one) =>
      one.kind === 'map' ? one.map : 'map' in one && one.map,
    );
    expect(new Set(kinds)).toEqual(new Set(['hits', '.data', '.rodata', '.bss']));
  });

  it('subprograms: each program gets those that it reaches, calls and infos moved', () => {
    const spec = open('subprograms');
    const names = (name: string) => program(spec, name).functions.map((one) => one.name);
    expect(names('first')).toEqual(['first', 'branch', 'leaf']);
    expect(names('second').sort()).toEqual(['branch', 'each', 'global_one', 'leaf', 'second']);
    expect(names('third')).toEqual(['third', 'leaf']);
    expect(program(spec, 'third')).toMatchObject({ autoload: false, section: '?tc' });
    expect(program(spec, 'third').hook?.programType).toBe('BPF_PROG_TYPE_SCHED_CLS');
    for (const one of spec.programs) {
      expect(one.funcInfo.map((info) => info.slot)).toEqual(one.functions.map((f) => f.slot));
      expect(one.lineInfo[0]!.slot).toBe(0);
      const view = new DataView(one.code.buffer);
      for (let slot = 0; slot < one.code.length / 8; slot++) {
        const op = one.code[slot * 8]!;
        if (op === 0x85 && one.code[slot * 8 + 1]! >> 4 === 1)
          expect(one.functions.map((f) => f.slot)).toContain(slot + 1 + view.getInt32(slot * 8 + 4, true));
        if (op === 0x18) slot++;
      }
    }
    const callback = program(spec, 'second').references.find((one) => one.kind === 'func')!;
    expect(callback).toMatchObject({ name: 'each' });
    const code = program(spec, 'second').code;
    const target = callback.slot + 1 + new DataView(code.buffer).getInt32(callback.slot * 8 + 4, true);
    expect(program(spec, 'second').functions.find((one) => one.name === 'each')!.slot).toBe(target);
  });

  it('maps: of maps, of programs, pinned', () => {
    const spec = open('maps');
    expect(map(spec, 'outer').inner).toMatchObject({ type: 2, maxEntries: 4, keySize: 4, valueSize: 8 });
    expect([...map(spec, 'outer').initialSlots]).toEqual([
      [0, 'inner_a'],
      [2, 'inner_b'],
    ]);
    expect([...map(spec, 'jumps').initialSlots]).toEqual([[2, 'target']]);
    expect(map(spec, 'jumps')).toMatchObject({ keySize: 4, valueSize: 4, maxEntries: 3 });
    expect(map(spec, 'ring')).toMatchObject({ type: 27, maxEntries: 4096, keySize: 0, valueSize: 0 });
    expect(map(spec, 'pinned')).toMatchObject({ valueSize: 12, flags: 2, pinByName: true, numaNode: 0 });
  });

  it('externs: configuration, kernel variables and functions, sections of their own', () => {
    const spec = open('externs');
    expect(spec.kernelVersion).toBe(0x060102);
    expect(map(spec, '.kconfig')).toMatchObject({ valueSize: 5, data: 'kconfig' });
    expect(spec.globals.filter((one) => one.map === '.kconfig')).toMatchObject([
      { name: 'LINUX_KERNEL_VERSION', offset: 0, size: 4 },
      { name: 'CONFIG_BPF_SYSCALL', offset: 4, size: 1, weak: true },
    ]);
    const references = program(spec, 'look').references;
    const named = (name: string) => references.find((one) => 'name' in one && one.name === name);
    expect(named('bpf_prog_active')).toMatchObject({ kind: 'ksym', weak: false });
    expect(named('__start_BTF')).toMatchObject({ kind: 'ksym', weak: true, btfId: 0 });
    expect(named('bpf_task_acquire')).toMatchObject({ kind: 'ksym', weak: true });
    expect(named('bpf_rcu_read_lock')).toMatchObject({ kind: 'kfunc', weak: false });
    expect(spec.btf!.name((named('bpf_rcu_read_lock') as { btfId: number }).btfId)).toBe('bpf_rcu_read_lock');
    expect(map(spec, '.data.names').initialValue).toHaveLength(16);
    expect(spec.globals.find((one) => one.name === 'table')).toMatchObject({ map: '.rodata', size: 32 });
  });

  it.each([
    ['an unknown member', 'struct { __uint(type, 1); __uint(max_entres, 1); } m SEC(".maps");', 'E3404'],
    ['no type', 'struct { __uint(max_entries, 1); } m SEC(".maps");', 'E3404'],
    [
      'sizes that differ',
      'struct { __uint(type, 1); __uint(key_size, 8); __type(key, int); } m SEC(".maps");',
      'E3404',
    ],
    ['an undefined function', 'int elsewhere(void); SEC("xdp") int p(void *c) { return elsewhere(); }', 'E3407'],
    ['data that is no map', 'int x SEC("mine"); SEC("xdp") int p(void *c) { return x++; }', 'E3406'],
  ])('are refused for %s', (_, source, code) => {
    const bytes = clang(`#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\n${source}`);
    expect(() => openObject(bytes, { name: 'bad.o' })).toThrow(code);
  });

  it('are refused in big endian', () => {
    const bytes = clang(SOURCES['counter']!, '-target', 'bpfeb');
    expect(() => openObject(bytes, { name: 'big.o' })).toThrow('E3401');
  });

  it('give only errors with a code when bytes are flipped, and in time (property)', () => {
    const all = [...objects.values()];
    const flips = fc.array(fc.tuple(fc.nat(0xffff), fc.nat(255)), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(fc.nat(all.length - 1), flips, (which, list) => {
        const copy = all[which]!.slice();
        for (const [at, value] of list) copy[at % copy.length] = value;
        const start = cpuMilliseconds();
        try {
          openObject(copy, { name: 'x.o' });
        } catch (error) {
          expect(error).toBeInstanceOf(SkepError);
        }
        expect(cpuMilliseconds() - start).toBeLessThan(1000);
      }),
      { numRuns: 2000 },
    );
  });
});
