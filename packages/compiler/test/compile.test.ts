import { openObject, readElf } from '@skep/object';
import { describe, expect, it } from 'vitest';
import { printTree } from '../src/c/print-tree.ts';
import { type CompileOptions, compile, compileToIr, compileToTree } from '../src/compile.ts';
import { printModule } from '../src/ir/print.ts';
import { kernelTypes } from './support/kernel-types.ts';

const file = (text: string) => ({ name: 'program.bpf.c', text });

const COUNTER = `
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 64); __type(key, __u32); __type(value, __u64); } counts SEC(".maps");
const volatile __u32 wanted = 7;
__u64 seen;
SEC("tracepoint/syscalls/sys_enter_openat")
int count(struct trace_event_raw_sys_enter *ctx)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	__u32 parent = BPF_CORE_READ(task, real_parent, tgid);
	__u64 one = ctx->args[2];
	if (parent != wanted)
		return 0;
	seen++;
	bpf_map_update_elem(&counts, &parent, &one, BPF_ANY);
	return 0;
}
char LICENSE[] SEC("license") = "GPL";
`;

function compiled(text: string, options: CompileOptions = {}) {
  const result = compile(file(text), { vmlinux: kernelTypes, debug: true, ...options });
  if (!result.ok) throw new Error(result.diagnostics.map((one) => `${one.code}: ${one.message}`).join('\n'));
  return result;
}

describe('compile', () => {
  it('makes an object that opens as programs, maps and globals', () => {
    const { object, functions, files, timings } = compiled(COUNTER);
    const spec = openObject(object, { name: 'program' });
    expect(spec.license).toBe('GPL');
    expect(spec.programs.map((one) => [one.name, one.section])).toEqual([
      ['count', 'tracepoint/syscalls/sys_enter_openat'],
    ]);
    expect(spec.maps.find((one) => one.name === 'counts')).toMatchObject({
      type: 1,
      keySize: 4,
      valueSize: 8,
      maxEntries: 64,
    });
    expect(spec.globals.map((one) => [one.name, one.size])).toEqual(
      expect.arrayContaining([
        ['wanted', 4],
        ['seen', 8],
      ]),
    );
    expect(spec.programs[0]!.core.map((one) => one.access)).toEqual(
      expect.arrayContaining(['0:2:2', expect.stringMatching(/^0:\d+$/)]),
    );
    expect(functions).toEqual([{ name: 'count', insns: spec.programs[0]!.code.length / 8, stack: expect.any(Number) }]);
    expect(files[0]).toBe('program.bpf.c');
    expect(Object.keys(timings)).toEqual(['preprocess', 'parse', 'lower', 'optimise', 'emit']);
  });

  it('notes on a map what goes through it', () => {
    const { module } = compiled(`
      #include "vmlinux.h"
      #include <bpf/bpf_helpers.h>
      struct event { int a; };
      struct sample { int b; };
      struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } ring SEC(".maps");
      struct { __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY); __uint(key_size, 4); __uint(value_size, 4); } perf SEC(".maps");
      SEC("tp/sched/sched_switch") int prog(void *ctx) {
        struct sample sample = {};
        struct event *event = bpf_ringbuf_reserve(&ring, sizeof(*event), 0);
        if (event) bpf_ringbuf_submit(event, 0);
        bpf_perf_event_output(ctx, &perf, 0, &sample, sizeof(sample));
        return 0;
      }
    `);
    const tags = module.globals.map((one) => [one.name, one.declTags.map((tag) => tag.value)]);
    expect(tags).toEqual([
      ['ring', ['record:struct event']],
      ['perf', ['record:struct sample']],
    ]);
  });

  it('gives equal objects for equal sources', () => {
    expect(compiled(COUNTER).object).toEqual(compiled(COUNTER).object);
  });

  it('compiles for every instruction set and at every level', () => {
    for (const cpu of ['v1', 'v2', 'v3', 'v4'] as const) {
      for (const optimise of [0, 1, 2] as const) {
        const { object } = compiled(COUNTER, { cpu, optimise });
        expect(readElf(object).machine).toBe(247);
      }
    }
  });

  it('takes definitions and files from outside', () => {
    const result = compiled('#include "own.h"\nSEC("xdp") int prog(void *ctx) { return OWN + GIVEN; }', {
      defines: ['GIVEN=2', 'SEC(x)=__attribute__((section(x), used))'],
      includePaths: ['include'],
      readFile: (path) => (path === 'include/own.h' ? '#define OWN 1\n' : undefined),
    });
    expect(result.files).toContain('include/own.h');
  });

  it('answers every mistake with diagnostics, of whatever stage', () => {
    const codes = (text: string, options: CompileOptions = {}) => {
      const result = compile(file(text), { vmlinux: kernelTypes, ...options });
      return result.ok ? [] : result.diagnostics.filter((one) => one.severity === 'error').map((one) => one.code);
    };
    expect(codes('#include "missing.h"')).toEqual(['E1001']);
    expect(codes('int f(void) { return x; }')[0]).toMatch(/^E12/);
    expect(codes('int f(')[0]).toMatch(/^E11/);
    expect(codes('int f(char *p) { __builtin_memset(p, 0, *p); return 0; }')).toEqual(['E1350']);
    expect(codes('void use(char *); int f(void) { char big[600] = {}; use(big); return 0; }')).toEqual(['E1300']);
    expect(codes('#include "vmlinux.h"\n', { vmlinux: undefined } as never)).toEqual(['E1090']);
  });

  it('points at the line that is to blame', () => {
    const result = compile(file('int g(char *p)\n{\n\t__builtin_memset(p, 0, *p);\n\treturn 0;\n}\n'));
    expect(result.ok).toBe(false);
    if (result.ok) return;
    const { span } = result.diagnostics[0]!;
    expect(span!.file.text.slice(span!.start, span!.end)).toContain('*p');
  });

  it('survives sources that are cut off anywhere', () => {
    for (let end = 0; end < COUNTER.length; end += 37) {
      const result = compile(file(COUNTER.slice(0, end)), { vmlinux: kernelTypes });
      if (!result.ok) expect(result.diagnostics.length).toBeGreaterThan(0);
    }
  });
});

describe('the stages in between', () => {
  it('are shown as text', () => {
    const tree = compileToTree(file(COUNTER), { vmlinux: kernelTypes });
    expect(tree.ok && printTree(tree.value)).toContain(
      'function extern int count(struct trace_event_raw_sys_enter *ctx)',
    );
    const ir = compileToIr(file(COUNTER), { vmlinux: kernelTypes });
    expect(ir.ok && printModule(ir.value)).toContain('core field_byte_offset');
  });
});
