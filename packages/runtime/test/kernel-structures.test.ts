import { existsSync, readFileSync } from 'node:fs';
import type { SkepError } from '@skep/base';
import { openHandles } from '@skep/kernel';
import { afterEach, describe, expect, it } from 'vitest';
import { compileTypes, kernel, open } from '../src/index.ts';

const HEAD =
  '#include "vmlinux.h"\n#include <bpf/bpf_helpers.h>\n#include <bpf/bpf_tracing.h>\nchar LICENSE[] SEC("license") = "GPL";\n';
const spec = (source: string) =>
  open('structures.bpf.c', new TextEncoder().encode(HEAD + source), { vmlinux: compileTypes }).spec;

/** Nothing uses it: registered for as long as the test holds it. */
const CONTROL = `
SEC("struct_ops") __u32 threshold(unsigned long long *ctx) { return 2; }
SEC("struct_ops") __u32 undo(unsigned long long *ctx) { return 4; }
SEC("struct_ops") void avoid(unsigned long long *ctx) { }
SEC("SECTION") struct tcp_congestion_ops control = {
  .ssthresh = (void *)threshold, .undo_cwnd = (void *)undo, .cong_avoid = (void *)avoid, .name = "skep_test",
};
`;
const ALGORITHMS = '/proc/sys/net/ipv4/tcp_available_congestion_control';
const available = () => readFileSync(ALGORITHMS, 'utf8').trim().split(/\s+/);

function whyNot(): string | undefined {
  try {
    kernel().close();
  } catch (error) {
    return (error as Error).message;
  }
  if (process.getuid?.() !== 0) return 'needs root';
  return existsSync(ALGORITHMS) && existsSync('/sys/kernel/btf/vmlinux') ? undefined : 'no TCP or no BTF here';
}
const absent = whyNot();

describe.skipIf(absent !== undefined)(`objects with structures of the kernel (${absent ?? 'here'})`, () => {
  afterEach(() => expect(openHandles()).toEqual([]));

  it.each(['.struct_ops', '.struct_ops.link'])('%s registers a congestion control and takes it back', (section) => {
    const host = kernel();
    using loaded = spec(CONTROL.replace('SECTION', section)).load(host);
    expect(available()).not.toContain('skep_test');
    const attached = loaded.attach();
    expect(available()).toContain('skep_test');
    attached.close();
    expect(available()).not.toContain('skep_test');
  });

  it('makes optional structures when one of their programs is wanted', () => {
    const optional = spec(CONTROL.replace('SECTION', '?.struct_ops'));
    const host = kernel();
    using none = optional.load(host);
    expect([...none.programs.keys(), ...none.maps.keys()]).toEqual([]);
    using some = optional.load(host, { programs: ['undo'] });
    expect([...some.maps.keys()]).toEqual(['control']);
  });

  it('refuses a structure that the kernel has otherwise, with the member', () => {
    const wrong = spec(`
      struct tcp_congestion_ops___mine { __u32 (*ssthresh)(struct sock *sk); __u64 flags; int no_such; };
      SEC("struct_ops") __u32 threshold(unsigned long long *ctx) { return 2; }
      SEC(".struct_ops") struct tcp_congestion_ops___mine mine = { .ssthresh = (void *)threshold, .no_such = 3 };`);
    expect(() => wrong.load(kernel())).toThrow(/E8021: `mine`.*(no_such|flags)/);
  });

  it('fills arrays of programs with those of their definition', () => {
    using loaded = spec(`
      SEC("xdp") int last(struct xdp_md *ctx) { return XDP_DROP; }
      struct { __uint(type, BPF_MAP_TYPE_PROG_ARRAY); __uint(max_entries, 3); __uint(key_size, 4); __array(values, int (struct xdp_md *)); }
        jumps SEC(".maps") = { .values = { [2] = (void *)&last } };
      SEC("xdp") int first(struct xdp_md *ctx) { bpf_tail_call(ctx, &jumps, 2); return XDP_PASS; }`).load(kernel());
    expect(loaded.programs.get('first')!.run({ data: new Uint8Array(64) }).retval).toBe(1);
  });

  it('replaces a function of another program', (ctx) => {
    const host = kernel();
    using below = spec(`
      __noinline int verdict(struct xdp_md *ctx) { volatile int pass = 2; return pass; }
      SEC("xdp") int decide(struct xdp_md *ctx) { return verdict(ctx); }`).load(host);
    const decide = below.programs.get('decide')!;
    const run = () => decide.run({ data: new Uint8Array(64) }).retval;
    expect(run()).toBe(2);
    const replacing = spec('SEC("freplace/verdict") int instead(struct xdp_md *ctx) { return 1; }');
    expect(() => replacing.load(host)).toThrow(/E8012/);
    try {
      replacing.load(host, { targets: { instead: decide } }).close();
    } catch (error) {
      if ((error as SkepError).code !== 'E5002') throw error;
      below.close();
      return ctx.skip('this kernel lets nobody replace functions of programs');
    }
    using above = replacing.load(host, { targets: { instead: decide } });
    const attached = above.attach();
    expect(run()).toBe(1);
    attached.close();
    expect(run()).toBe(2);
    const nothing = spec('SEC("freplace/verdikt") int instead(struct xdp_md *ctx) { return 1; }');
    expect(() => nothing.load(host, { targets: { instead: decide } })).toThrow(/E5023.*verdikt/);
  });
});
