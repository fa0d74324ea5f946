import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Cli } from './support/cli.ts';

let cli: Cli;
let folder: string;

beforeAll(async () => {
  cli = await Cli.make();
  folder = mkdtempSync(join(tmpdir(), 'skep-check-test-'));
});
afterAll(() => {
  cli.remove();
  rmSync(folder, { recursive: true });
});

const UNCHECKED = `#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
SEC("xdp") int first(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	return *(__u8 *)(data + 12) == 8 ? XDP_DROP : XDP_PASS;
}
SEC("xdp") int second(struct xdp_md *ctx)
{
	return XDP_PASS;
}
char LICENSE[] SEC("license") = "GPL";
`;

describe('skep check', () => {
  it('accepts the examples', () => {
    const { status, out } = cli.run(['check', 'examples/opens.bpf.c', '--kernel', '6.1,6.12,6.18']);
    expect(status).toBe(0);
    expect(out.match(/accepted/g)).toHaveLength(6);
  });

  it('says where, why and what to do, in words and in those of the kernel', () => {
    const path = join(folder, 'unchecked.bpf.c');
    writeFileSync(path, UNCHECKED);
    const { status, out, err } = cli.run(['check', path, '--kernel', '6.12']);
    expect(status).toBe(3);
    expect(out).toMatch(/first +6\.12 +refused E2101/);
    expect(out).toMatch(/second +6\.12 +accepted/);
    expect(err).toContain('unchecked.bpf.c:6:');
    expect(err).toContain('offset is outside of the packet');
    expect(err).toContain('data_end');
    const one = cli.run(['check', path, '--kernel', '6.12', '--program', 'second', '-o', 'json']);
    expect(one.status).toBe(0);
    expect(JSON.parse(one.out).programs).toMatchObject([
      { name: 'second', accepted: true, kernel: '6.12', processed: 2 },
    ]);
  });

  it('knows which kernels and programs there are', () => {
    const unknown = cli.run(['check', 'examples/opens.bpf.c', '--kernel', '9.9']);
    expect([unknown.status, unknown.err]).toEqual([2, expect.stringContaining('E7016')]);
    const none = cli.run(['check', 'examples/opens.bpf.c', '--program', 'nothing']);
    expect([none.status, none.err]).toEqual([1, expect.stringContaining('E7017')]);
  });

  it('shows changes that were tried, and gives them to tools', () => {
    const path = join(folder, 'unchecked.bpf.c');
    writeFileSync(path, UNCHECKED);
    const { err } = cli.run(['check', path, '--kernel', '6.12,6.18', '--program', 'first']);
    expect(err).toContain('nothing was compared with data_end on this path');
    expect(err).toMatch(/fix: .*\(tried: accepted by 6\.12, 6\.18\)/);
    const { status, out } = cli.run(['check', path, '--kernel', '6.12', '-o', 'json']);
    expect(status).toBe(3);
    const [first] = JSON.parse(out).programs;
    expect(first).toMatchObject({ code: 'E2101', type: 'BPF_PROG_TYPE_XDP', source: { line: 6 } });
    const [fix] = first.fixes;
    const [edit] = fix.edits;
    writeFileSync(path, UNCHECKED.slice(0, edit.start) + edit.text + UNCHECKED.slice(edit.end));
    expect(cli.run(['check', path, '--kernel', '6.12']).status).toBe(0);
    expect(cli.run(['check', path, '--kernel', '6.12', '-o', 'wide']).out).toContain('data_end');
  });

  it('explains the log of a kernel, alone and with the source', () => {
    const log = join(folder, 'kernel.log');
    const source = join(folder, 'logged.bpf.c');
    writeFileSync(source, UNCHECKED);
    writeFileSync(
      log,
      `libbpf: prog 'first': -- BEGIN PROG LOAD LOG --
; void *data = (void *)(long)ctx->data; @ logged.bpf.c:5
0: (61) r1 = *(u32 *)(r1 +0)          ; R1=pkt(r=0)
; return *(__u8 *)(data + 12) == 8 ? XDP_DROP : XDP_PASS; @ logged.bpf.c:6
1: (71) r1 = *(u8 *)(r1 +12)
invalid access to packet, off=12 size=1, R1(id=0,off=12,r=0)
R1 offset is outside of the packet
processed 2 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
`,
    );
    const alone = cli.run(['check', '--kernel-log', log]);
    expect([alone.status, alone.err]).toEqual([
      3,
      expect.stringContaining('the first 13 bytes have to be in the packet'),
    ]);
    const named = cli.run(['check', '--kernel-log', log, source]);
    expect(named.err).toContain('data_end');
    expect(named.err).toContain('fix: ');
    const neither = cli.run(['check']);
    expect([neither.status, neither.err]).toEqual([2, expect.stringContaining('E7021')]);
  });

  it('refuses what is no profile of a kernel', () => {
    const path = join(folder, 'wrong.json');
    for (const text of [
      '{',
      '{}',
      '{"schema":"skep.kernel/1","release":"6.6","contexts":[],"helpers":[],"programs":[{"type":6,"context":3}]}',
    ]) {
      writeFileSync(path, text);
      const { status, err } = cli.run(['check', 'examples/opens.bpf.c', '--kernel', path]);
      expect([status, err]).toEqual([1, expect.stringContaining('E7019')]);
    }
  });

  it('tells the long story of a code', () => {
    const { status, out } = cli.run(['explain', 'e2103']);
    expect([status, out]).toEqual([0, expect.stringContaining('if (!n)')]);
    const unknown = cli.run(['explain', 'E21O3']);
    expect([unknown.status, unknown.err]).toEqual([2, expect.stringContaining('E7018')]);
  });
});
