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
});
