import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readPcap, writePcap } from '@skep/capture';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Cli } from './support/cli.ts';

let cli: Cli;
let folder: string;
beforeAll(async () => {
  cli = await Cli.make();
  folder = mkdtempSync(join(tmpdir(), 'skep-pcap-test-'));
});
afterAll(() => {
  cli.remove();
  rmSync(folder, { recursive: true });
});

const PROGRAM = `#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
SEC("xdp") int odd(struct xdp_md *ctx) { return (ctx->data_end - ctx->data) & 1 ? XDP_DROP : XDP_PASS; }
char LICENSE[] SEC("license") = "GPL";
`;

describe('skep run --pcap', () => {
  it('plays a file of packets and writes those that go on', () => {
    const program = join(folder, 'odd.bpf.c');
    const input = join(folder, 'in.pcap');
    const output = join(folder, 'out.pcap');
    writeFileSync(program, PROGRAM);
    const packets = [30, 31, 32, 33, 34].map((length, i) => ({ time: BigInt(i), data: new Uint8Array(length) }));
    writeFileSync(input, writePcap(packets, { nanoseconds: true }));
    const { status, err } = cli.run(['run', program, '--pcap', input, '--write', output]);
    expect([status, err]).toEqual([0, expect.stringContaining('5 packets · 3 went on · odd: 3 XDP_PASS, 2 XDP_DROP')]);
    expect(err).toContain(`the virtual machine, playing ${input}`);
    const written = readPcap(new Uint8Array(readFileSync(output)), output);
    expect(written.packets.map((one) => one.data.length)).toEqual([30, 32, 34]);
    const json = cli.run(['run', program, '--pcap', input, '-o', 'json']);
    expect(json.out).toContain('"XDP_PASS"');
  });

  it('says what is wrong with a file', () => {
    const program = join(folder, 'odd.bpf.c');
    writeFileSync(program, PROGRAM);
    const { status, err } = cli.run(['run', program, '--pcap', program]);
    expect(status).toBe(1);
    expect(err).toContain('E6005');
  });
});
