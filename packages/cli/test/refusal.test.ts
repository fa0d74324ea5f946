import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { permitted } from '@skep/kernel';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Cli } from './support/cli.ts';

const allowed = permitted();
const noKernel = allowed.ok ? false : `needs bpf(2): ${allowed.message}`;

const WRONG = `#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 16); __type(key, int); __type(value, long); } counts SEC(".maps");
SEC("xdp") int count(struct xdp_md *ctx)
{
	int key = 1;
	long *value = bpf_map_lookup_elem(&counts, &key);
	*value += 1;
	return XDP_PASS;
}
char LICENSE[] SEC("license") = "GPL";
`;

describe.skipIf(noKernel)('a program that this kernel refuses', () => {
  let made: Cli;
  beforeAll(async () => {
    made = await Cli.make();
  });
  afterAll(() => made.remove());

  it('is shown with the line of C, the reason, what the kernel said, and a way out', async () => {
    const path = join(made.folder, 'wrong.bpf.c');
    writeFileSync(path, WRONG);
    const { status, err } = await made.run(['run', path, '--home', 'kernel', '--interface', 'lo', '--duration', '1s']);
    expect(status).toBe(3);
    expect(err).toMatch(/the kernel, Linux [\d.]+, refuses this program/);
    expect(err).toMatch(/error\[E2103\]: program `count`: `value` may be NULL here\n --> .*wrong\.bpf\.c:8:2/);
    expect(err).toMatch(/^8 \| +\*value \+= 1;$/m);
    expect(err).toMatch(/says: R\d invalid mem access 'map_value_or_null'/);
    expect(err).toMatch(/fix: leave when `value` is NULL/);
  });
});
