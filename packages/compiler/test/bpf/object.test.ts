import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Btf, BtfBuilder, openObject, parseBtfExt, readElf } from '@skep/object';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { emitAssembly, emitObject } from '../../src/bpf/backend.ts';
import type { CpuVersion } from '../../src/bpf/machine.ts';
import { parseModule } from '../../src/ir/parse.ts';

const PROGRAM = `module "all"

global @LICENSE: global "license" size 4 align 1 type 13 init "47504c00"
global @limit: global ".rodata" size 4 align 4 type 1 constant init "07000000"
global @hidden_total: static ".bss" size 8 align 8 type 2
global @total: global ".bss" size 8 align 8 type 2
global @start: global ".data" size 4 align 4 type 1 init "05000000"
global @format: static ".rodata.str1.1" size 6 align 1 constant init "686920256400"
global @unused: static ".rodata.str1.1" size 6 align 1 constant init "686920256400"
global @counts: global ".maps" size 32 align 8 type 9
global @LINUX_KERNEL_VERSION: extern ".kconfig" size 4 align 4 type 1

func @bpf_task_from_pid(%p: i32): ptr extern section ".ksyms" type 11
func @bpf_task_release(%p: ptr): void extern section ".ksyms" type 12

func @add_hidden(%x: i32): i32 static {
b0:
  %0 = load i64 @hidden_total
  %1 = zext i32 %x to i64
  %2 = add i64 %0, %1
  store i64 %2, @hidden_total
  %3 = mul i32 %x, 3
  return %3
}

func @nobody(%x: i32): i32 static {
b0:
  return %x
}

func @scale(%x: i32): i32 global {
b0:
  %0 = load i32 @limit volatile
  %1 = mul i32 %0, %x
  %2 = load i32 @start
  %3 = add i32 %1, %2
  return %3
}

func @each(%i: i32, %ctx: ptr): i64 static {
b0:
  %0 = load i64 %ctx
  %1 = zext i32 %i to i64
  %2 = add i64 %0, %1
  store i64 %2, %ctx
  return 0
}

func @handle(%ctx: ptr context): i32 global section "tp_btf/sched_switch" tag 0 "a tag" {
b0:
  %key = alloca 4 align 4
  %sum = alloca 8 align 8
  %0 = load i64 %ctx + 8
  %task = inttoptr i64 %0 to ptr
  %offset = core field_byte_offset 10 "0:0" 2464
  %field = ptradd %task, %offset
  %pid = load i32 %field
  %exists = core field_exists 10 "0:0" 1
  %there = ne i64 %exists, 0
  branch %there, b1, b3
b1:
  store i64 0, %sum
  store i32 %pid, %key
  %1 = call i32 func @add_hidden(i32 1)
  %2 = call i32 func @scale(i32 2)
  %3 = add i32 %1, %2
  %4 = call i64 helper 181 "bpf_loop"(i32 5, @each, %sum, i64 0)
  %5 = call i64 helper 6 "bpf_trace_printk"(@format, i32 6, %3)
  %v = call ptr helper 1 "bpf_map_lookup_elem"(@counts, %key)
  %none = eq ptr %v, 0
  branch %none, b2, b4
b2:
  %version = load i32 @LINUX_KERNEL_VERSION
  return %version
b4:
  %x = load i64 %v
  %y = add i64 %x, 1
  store i64 %y, %v
  atomic add i64 @total, %y
  %t = call ptr func @bpf_task_from_pid(%pid)
  %got = ne ptr %t, 0
  branch %got, b5, b3
b5:
  %at = ptradd %t, %offset
  call void helper 113 "bpf_probe_read_kernel"(%key, i32 4, %at)
  call void func @bpf_task_release(%t)
  jump b3
b3:
  return 0
}
`;

/** Ids as the text above uses them. */
function types(): BtfBuilder {
  const out = new BtfBuilder();
  const integer = (name: string, size: number) =>
    out.add({ kind: 'int', name, size, bits: size * 8, offset: 0, signed: true, char: false, bool: false });
  const int = integer('int', 4);
  const long = integer('long', 8);
  const pointerTo = (type: number) => out.add({ kind: 'ptr', type });
  const one = pointerTo(out.add({ kind: 'array', type: int, index: int, count: 1 }));
  const eight = pointerTo(out.add({ kind: 'array', type: int, index: int, count: 8 }));
  const key = pointerTo(int);
  const value = pointerTo(long);
  const member = (name: string, type: number, bitOffset: number) => ({ name, type, bitOffset, bitSize: 0 });
  const map = out.add({
    kind: 'struct',
    name: '',
    size: 32,
    members: [
      member('type', one, 0),
      member('max_entries', eight, 64),
      member('key', key, 128),
      member('value', value, 192),
    ],
  });
  const task = out.add({ kind: 'struct', name: 'task_struct', size: 4096, members: [member('pid', int, 2464 * 8)] });
  out.add({ kind: 'func_proto', result: task + 5, params: [{ name: 'pid', type: int }] });
  out.add({ kind: 'func_proto', result: 0, params: [{ name: 'p', type: task + 5 }] });
  const char = out.count;
  out.add({ kind: 'array', type: char + 1, index: int, count: 4 });
  integer('char', 1);
  const taskPointer = pointerTo(task);
  if (map !== 9 || task !== 10 || char !== 13 || taskPointer !== task + 5) throw new Error('the ids moved');
  return out;
}

const emit = (cpu: CpuVersion = 'v3') => {
  const module = parseModule({ name: 'all.ir', text: PROGRAM }, types());
  return emitObject(module, { cpu, fileName: 'all.ir', debug: true });
};

describe('the object', () => {
  it('is what a loader of our own reads back', () => {
    const { object, functions } = emit();
    expect(functions.map((one) => one.name)).toEqual(['add_hidden', 'nobody', 'scale', 'each', 'handle']);
    const spec = openObject(object, { name: 'all.bpf.o' });
    expect(spec.license).toBe('GPL');
    const [program] = spec.programs;
    expect(program!.name).toBe('handle');
    expect(program!.functions.map((one) => one.name).sort()).toEqual(['add_hidden', 'each', 'handle', 'scale']);
    expect(program!.core.map((one) => one.kind)).toEqual(['field_byte_offset', 'field_exists', 'field_byte_offset']);
    expect(spec.maps.map((one) => one.name)).toContain('counts');
    expect(spec.maps.find((one) => one.name === 'counts')).toMatchObject({ type: 1, keySize: 4, valueSize: 8 });
    expect(spec.globals.find((one) => one.name === 'total')).toMatchObject({ offset: 8, size: 8 });
    const kinds = program!.references.map((one) => one.kind);
    for (const kind of ['map', 'map-value', 'kfunc', 'func'] as const) expect(kinds).toContain(kind);
  });

  it('leaves out static functions and strings that nobody uses, and has local symbols first', () => {
    const elf = readElf(emit().object);
    const names = elf.symbols.map((one) => one.name);
    expect(names).not.toContain('nobody');
    expect(elf.sections.find((one) => one.name === '.rodata.str1.1')!.size).toBe(6);
    const firstGlobal = elf.symbols.findIndex((one) => one.binding !== 'local');
    expect(elf.symbols.slice(firstGlobal).every((one) => one.binding !== 'local')).toBe(true);
    expect(elf.symbols.find((one) => one.name === 'handle')!.size).toBeGreaterThan(0);
  });

  it('has a line for the first instruction of each function, and a name for every parameter', () => {
    const elf = readElf(emit().object);
    const bytes = (name: string) => elf.sections.find((one) => one.name === name)!.data;
    const btf = Btf.parse(bytes('.BTF'));
    const ext = parseBtfExt(bytes('.BTF.ext'), btf);
    for (const { funcs, lines } of ext.sections.values()) {
      const slots = new Set(lines.map((line) => line.slot));
      for (const { slot, type } of funcs) {
        expect(slots.has(slot)).toBe(true);
        const func = btf.type(type);
        const proto = func.kind === 'func' ? btf.type(func.type) : undefined;
        expect(proto?.kind === 'func_proto' && proto.params.every((one) => one.name !== '')).toBe(true);
      }
    }
    const line = ext.sections.get('tp_btf/sched_switch')!.lines[0]!;
    expect(line).toMatchObject({ file: 'all.ir', text: '  %0 = load i64 %ctx + 8', column: 3 });
    expect(PROGRAM.split('\n')[line.line - 1]).toBe(line.text);
  });

  it('lists as assembly with sections, labels and source lines', () => {
    const module = parseModule({ name: 'all.ir', text: PROGRAM }, types());
    const text = emitAssembly(module, { cpu: 'v3', fileName: 'all.ir', debug: true });
    expect(text).toContain('; section tp_btf/sched_switch, ');
    expect(text).toContain('\nhandle:\n');
    expect(text).toContain('  call bpf_task_from_pid\n');
    expect(text).toContain('  call add_hidden\n');
    expect(text).toContain('  r1 = counts ll\n');
    expect(text).toContain('; %pid = load i32 %field @ all.ir:');
  });
});

const has = (command: string) => spawnSync(command, ['--version']).status === 0;

describe('other people’s tools take the object', () => {
  let directory = '';
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'skep-object-'));
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));
  const file = (cpu: CpuVersion) => {
    const path = join(directory, `all.${cpu}.bpf.o`);
    writeFileSync(path, emit(cpu).object);
    return path;
  };

  it('llvm-readelf and llvm-objdump, without a warning', (context) => {
    if (!has('llvm-readelf-19')) return context.skip('no llvm-readelf-19');
    const path = file('v3');
    const read = spawnSync('llvm-readelf-19', ['-a', path], { encoding: 'utf8' });
    expect(read.stderr).toBe('');
    const dump = spawnSync('llvm-objdump-19', ['-dr', '--mattr=+alu32', path], { encoding: 'utf8' });
    expect(dump.stderr).toBe('');
    expect(dump.stdout).toContain('CO-RE <byte_off> [10] struct task_struct::pid (0:0)');
    expect(dump.stdout).not.toContain('<unknown>');
  });

  it.for(['v1', 'v2', 'v3', 'v4'] as const)('bpftool loads it through libbpf into this kernel, %s', (cpu, context) => {
    if (process.getuid?.() !== 0) return context.skip('loading needs root');
    if (!existsSync('/sys/kernel/btf/vmlinux')) return context.skip('this kernel shows no BTF');
    if (!has('bpftool')) return context.skip('no bpftool');
    const pin = `/sys/fs/bpf/skep_object_${process.pid}_${cpu}`;
    const load = spawnSync('bpftool', ['prog', 'load', file(cpu), pin], { encoding: 'utf8' });
    if (/filesystem|bpffs/i.test(load.stderr)) return context.skip('no bpffs at /sys/fs/bpf');
    try {
      expect(load.status, load.stderr.slice(-3000)).toBe(0);
      const shown = execFileSync('bpftool', ['prog', 'dump', 'xlated', 'pinned', pin, 'linum'], { encoding: 'utf8' });
      expect(shown).toContain('all.ir line_num:');
    } finally {
      rmSync(pin, { force: true });
    }
  });
});
