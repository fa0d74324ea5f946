import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Cli } from './support/cli.ts';

const SOURCE = `#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
enum state { OPEN = 1, CLOSED };
struct event { __u64 time; __u32 pid; char comm[16]; enum state state; __u8 raw[4]; _Bool last; short low : 3; };
struct hits { __u64 count; __s32 least[2]; };
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } events SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 16); __type(key, __u32); __type(value, struct hits); } hits SEC(".maps");
__u64 total;
SEC("xdp") int send(struct xdp_md *ctx)
{
	struct event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event)
		return XDP_ABORTED;
	__builtin_memset(event, 0, sizeof(*event));
	event->state = OPEN;
	bpf_ringbuf_submit(event, 0);
	total++;
	return XDP_PASS;
}
char LICENSE[] SEC("license") = "GPL";
`;

describe('skep types', () => {
  let cli: Cli;
  let path: string;
  beforeAll(async () => {
    cli = await Cli.make();
    path = join(cli.folder, 'types.bpf.c');
    writeFileSync(path, SOURCE);
  });
  afterAll(() => cli.remove());

  it('declares in TypeScript what maps, rings and globals decode to', () => {
    const { status, out } = cli.run(['types', path, '--ts']);
    expect(status).toBe(0);
    const block = (name: string) =>
      new RegExp(`^export interface ${name} \\{\\n([\\s\\S]*?)^\\}`, 'm').exec(out)?.[1]?.replaceAll(/^ +/gm, '');
    expect(block('event')).toBe(
      'time: bigint;\npid: number;\ncomm: string;\nstate: state;\nraw: Uint8Array;\nlast: boolean;\nlow: number;\n',
    );
    expect(block('hits')).toBe('count: bigint;\nleast: readonly number[];\n');
    expect(out).toContain('export type state = "OPEN" | "CLOSED" | number;');
    expect(block('Maps')).toBe('hits: { key: number; value: hits };\n');
    expect(block('Records')).toBe('events: event;\n');
    expect(block('Globals')).toContain('total: bigint;\n');
    expect(block('Programs')).toBe('send: "xdp";\n');
  });

  it('writes them to a file that ends in .ts without being told', () => {
    const output = join(cli.folder, 'types.bpf.d.ts');
    expect(cli.run(['types', path, '-o', output])).toMatchObject({ status: 0, out: '' });
  });
});
