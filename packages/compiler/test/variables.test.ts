import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { decode, type Insn, openObject, slotsOf, type VariableRange } from '@skep/object';
import { describe, expect, it } from 'vitest';
import { type Compiled, type CompileOptions, compile } from '../src/compile.ts';
import { kernelTypes } from './support/kernel-types.ts';

const EXAMPLES = fileURLToPath(new URL('../../../examples/', import.meta.url));

function build(text: string, options: CompileOptions = {}): Compiled {
  const result = compile({ name: 'test.bpf.c', text }, { vmlinux: kernelTypes, debug: true, ...options });
  if (!result.ok) throw new Error(result.diagnostics.map((one) => `${one.code}: ${one.message}`).join('\n'));
  return result;
}

const locate = (text: string, options: CompileOptions = {}) => build(text, { ...options, variables: true });

/** Where the variable is before the instruction at `slot`. */
function at(compiled: Compiled, name: string, slot: number): VariableRange | undefined {
  return compiled.variables.find((one) => one.name === name && one.from <= slot && slot < one.to);
}

/** The instructions of the only program, with the slot of each. */
function code(compiled: Compiled): { readonly insn: Insn; readonly slot: number }[] {
  let next = 0;
  return decode(openObject(compiled.object, { name: 'test.o' }).programs[0]!.code).map((insn) => {
    const slot = next;
    next += slotsOf(insn);
    return { insn, slot };
  });
}

const codeOf = ({ object }: Compiled) =>
  openObject(object, { name: 'test.o' }).programs.map(({ name, code: bytes }) => ({ name, bytes }));

const COUNTER = `
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
struct value { __u64 hits; __u64 bytes; };
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 8);
  __type(key, __u32);
  __type(value, struct value);
} counters SEC(".maps");
`;

describe('where variables are', () => {
  it('finds the pointer to a map value at the instruction that reads through it', () => {
    const compiled = locate(`${COUNTER}
SEC("xdp")
int count(struct xdp_md *ctx)
{
  __u32 key = ctx->ingress_ifindex;
  struct value *found = bpf_map_lookup_elem(&counters, &key);
  if (!found)
    return XDP_PASS;
  found->hits += 1;
  return XDP_PASS;
}`);
    const through = code(compiled).filter(({ insn }) => 'off' in insn && insn.kind === 'load' && insn.src === 0);
    expect(through).toHaveLength(1);
    const range = at(compiled, 'found', through[0]!.slot)!;
    expect(range).toMatchObject({
      function: 'count',
      type: 'struct value *',
      place: { kind: 'register', register: 0 },
    });
    expect(range.declaration?.file.text.slice(range.declaration.start, range.declaration.end)).toContain('found');
    expect(at(compiled, 'key', 3)).toMatchObject({ type: '__u32', place: { kind: 'stack', offset: -8 } });
    expect(at(compiled, 'ctx', 0)?.place).toEqual({ kind: 'register', register: 1 });
  });

  it('says nothing of a pointer whose register was lost in a call', () => {
    const compiled = locate(`${COUNTER}
SEC("xdp")
int lost(struct xdp_md *ctx)
{
  __u64 before = bpf_ktime_get_ns();
  bpf_get_smp_processor_id();
  __u64 after = bpf_ktime_get_ns();
  return before < after;
}`);
    const before = compiled.variables.filter((one) => one.name === 'before');
    expect(before.map((one) => one.place)).toEqual([{ kind: 'register', register: 6 }]);
    expect(compiled.variables.some((one) => one.name === 'ctx' && one.to > 1)).toBe(false);
  });

  it('names the members of a struct that was taken apart', () => {
    const compiled = locate(`${COUNTER}
struct cursor { void *at; void *end; };
SEC("xdp")
int parse(struct xdp_md *ctx)
{
  struct cursor c = { (void *)(long)ctx->data, (void *)(long)ctx->data_end };
  if (c.at + 14 > c.end)
    return XDP_DROP;
  return *(char *)(c.at + 13);
}`);
    const names = new Set(compiled.variables.map((one) => one.name));
    expect([...names].sort()).toEqual(['c.at', 'c.end', 'ctx']);
    expect(compiled.variables.find((one) => one.name === 'c.end')?.type).toBe('void *');
  });

  it('gives the number of what was folded', () => {
    const compiled = locate(`${COUNTER}
static __always_inline int twice(int n) { return 2 * n; }
SEC("xdp")
int folded(struct xdp_md *ctx)
{
  int four = twice(2);
  return ctx->ingress_ifindex == four;
}`);
    expect(compiled.variables.find((one) => one.name === 'four')?.place).toEqual({ kind: 'constant', value: 4n });
    expect(compiled.variables.find((one) => one.name === 'n')?.place).toEqual({ kind: 'constant', value: 2n });
  });

  it('follows values to the stack and back', () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    const compiled = locate(`${COUNTER}
SEC("xdp")
int many(struct xdp_md *ctx)
{
${names.map((name) => `  __u64 ${name} = bpf_ktime_get_ns();`).join('\n')}
  return ${names.map((name, i) => `${name} * ${name} * ${i + 3}`).join(' + ')};
}`);
    const places = names.map((name) =>
      compiled.variables.filter((one) => one.name === name).map((one) => one.place.kind),
    );
    expect(places.every((kinds) => kinds.includes('register') || kinds.includes('stack'))).toBe(true);
    expect(places.some((kinds) => kinds.includes('stack'))).toBe(true);
    // What is loaded from a spill slot is the variable that is said to be there.
    for (const { insn, slot } of code(compiled)) {
      if (insn.kind !== 'load' || insn.src !== 10) continue;
      const here = compiled.variables.filter(
        ({ place, from, to }) => place.kind === 'stack' && place.offset === insn.off && from <= slot && slot < to,
      );
      expect(here.map((one) => one.name)).toHaveLength(1);
    }
  });

  it('forgets where ways meet with different places', () => {
    const compiled = locate(`${COUNTER}
SEC("xdp")
int meet(struct xdp_md *ctx)
{
  int x = 1;
  if (ctx->ingress_ifindex)
    x = 2;
  int y = bpf_get_smp_processor_id();
  return y;
}`);
    // At the exit, where the two ways have met.
    expect(at(compiled, 'x', compiled.functions[0]!.insns - 1)).toBeUndefined();
  });

  it('without optimisation every variable is on the stack', () => {
    const text = `${COUNTER}
SEC("xdp")
int plain(struct xdp_md *ctx)
{
  int x = ctx->ingress_ifindex;
  return x + 1;
}`;
    const kinds = locate(text, { optimise: 0 }).variables.map((one) => [one.name, one.place.kind]);
    expect(kinds.sort()).toEqual([
      ['ctx', 'stack'],
      ['x', 'stack'],
    ]);
  });

  it('asks nothing of those who did not ask', () => {
    expect(build(`${COUNTER}SEC("xdp") int none(struct xdp_md *ctx) { int x = 1; return x; }`).variables).toEqual([]);
  });

  it.each(readdirSync(EXAMPLES).filter((name) => name.endsWith('.bpf.c')))('%s: the code is the same', (name) => {
    const text = readFileSync(join(EXAMPLES, name), 'utf8');
    for (const optimise of [0, 1, 2] as const) {
      const options: CompileOptions = { optimise, defines: ['__TARGET_ARCH_x86'] };
      const compiled = locate(text, options);
      expect(codeOf(compiled)).toEqual(codeOf(build(text, options)));
      expect(compiled.variables.length).toBeGreaterThan(0);
      for (const { name: of, from, to, function: func } of compiled.variables) {
        const size = compiled.functions.find((one) => one.name === func)!.insns;
        expect([of, from >= 0 && from < to && to <= size]).toEqual([of, true]);
      }
    }
  });
});
