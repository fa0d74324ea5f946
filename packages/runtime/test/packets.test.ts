import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readPackets, writePcap, writePcapng } from '@skep/capture';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { open, readPacketFile, run, writePacketFile } from '../src/index.ts';

const SOURCE = `
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 16); __type(key, __u16); __type(value, __u64); } seen SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } events SEC(".maps");
struct event { __u64 time; __u32 length; __u32 protocol; };

SEC("xdp") int filter(struct xdp_md *ctx)
{
	unsigned char *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct event *event;
	__u16 protocol;
	__u64 one = 1, *count;

	if (data + 14 > end)
		return XDP_ABORTED;
	protocol = data[12] << 8 | data[13];
	count = bpf_map_lookup_elem(&seen, &protocol);
	if (count)
		++*count;
	else
		bpf_map_update_elem(&seen, &protocol, &one, BPF_ANY);
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (event) {
		event->time = bpf_ktime_get_ns();
		event->length = end - data;
		event->protocol = protocol;
		bpf_ringbuf_submit(event, 0);
	}
	if (protocol == 0x806)
		return XDP_DROP;
	data[0] = 0xaa;
	return XDP_PASS;
}
SEC("tc") int mark(struct __sk_buff *skb)
{
	__u8 last = 0xbb;
	bpf_skb_store_bytes(skb, 1, &last, 1, 0);
	return skb->len > 40 ? 2 : 0;
}
char LICENSE[] SEC("license") = "GPL";
`;

const ethernet = (protocol: number, length: number): Uint8Array => {
  const data = new Uint8Array(length);
  data[12] = protocol >> 8;
  data[13] = protocol & 0xff;
  return data;
};
const packets = [
  { time: 1_000n, interface: 0, data: ethernet(0x800, 30) },
  { time: 2_000n, interface: 0, data: ethernet(0x806, 42) },
  { time: 3_000n, interface: 0, data: ethernet(0x800, 60) },
  { time: 4_000n, interface: 0, data: ethernet(0x86dd, 34) },
  { time: 5_000n, interface: 0, data: new Uint8Array(5) },
];

describe('packets of a file', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'skep-packets-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  it('go through XDP, then tc; what goes on is written', async () => {
    const input = join(directory, 'in.pcap');
    writeFileSync(input, writePcap(packets, { nanoseconds: true }));
    const capture = await readPacketFile(input);
    const forwarded: (typeof capture.packets)[number][] = [];
    const records: unknown[] = [];
    const summary = await run(
      open('filter.bpf.c', new TextEncoder().encode(SOURCE)).spec,
      { home: 'auto', packets: capture, forward: (one) => forwarded.push(one) },
      { records: (batch) => records.push(...batch) },
    );
    expect(summary.home).toBe('vm');
    expect(summary.packets).toEqual({
      read: 5,
      forwarded: 3,
      skipped: 2,
      verdicts: { filter: { XDP_PASS: 3, XDP_DROP: 1 }, mark: { TC_ACT_OK: 2, TC_ACT_SHOT: 1 } },
    });
    // The clock that programs see is that of the packets.
    expect(records).toEqual([
      { time: 1_000n, length: 30, protocol: 0x800 },
      { time: 2_000n, length: 42, protocol: 0x806 },
      { time: 3_000n, length: 60, protocol: 0x800 },
      { time: 4_000n, length: 34, protocol: 0x86dd },
    ]);
    for (const name of ['out.pcap', 'out.pcapng']) {
      const output = join(directory, name);
      writePacketFile(output, capture.interfaces, forwarded);
      const read = await readPackets(new Uint8Array(readFileSync(output)), name);
      expect(read.format).toBe(name.split('.')[1]);
      expect(read.packets.map((one) => [one.time, one.data.length, one.data[0], one.data[1]])).toEqual([
        [1_000n, 30, 0xaa, 0xbb],
        [4_000n, 34, 0xaa, 0xbb],
        [5_000n, 5, 0, 0],
      ]);
    }
  });

  it('without an Ethernet header get one, and are written without', async () => {
    const data = Uint8Array.of(0x60, ...new Uint8Array(30));
    const capture = await readPackets(
      writePcapng({ interfaces: [{ linkType: 101 }], packets: [{ time: 0n, interface: 0, data, length: 90 }] }),
      'raw.pcapng',
    );
    const forwarded: unknown[] = [];
    const summary = await run(
      open('filter.bpf.c', new TextEncoder().encode(SOURCE)).spec,
      { home: 'vm', packets: capture, programs: ['filter'], forward: (one) => forwarded.push(one) },
      { records: () => {} },
    );
    expect(summary.packets?.verdicts).toEqual({ filter: { XDP_PASS: 1 } });
    expect(forwarded).toEqual([{ time: 0n, interface: 0, data, length: 90 }]);
  });

  it('are refused by name where they make no sense', async () => {
    const program = `#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\nSEC("kprobe/x") int probe(void *ctx) { return 0; }\nchar LICENSE[] SEC("license") = "GPL";`;
    const capture = await readPackets(writePcap(packets), 'x');
    const options = { home: 'vm', packets: capture } as const;
    const none = run(open('probe.bpf.c', new TextEncoder().encode(program)).spec, options, { records: () => {} });
    await expect(none).rejects.toThrow(/E8017|no program/);
    const wifi = await readPackets(writePcap(packets, { linkType: 105 }), 'x');
    const link = run(
      open('filter.bpf.c', new TextEncoder().encode(SOURCE)).spec,
      { home: 'vm', packets: wifi },
      { records: () => {} },
    );
    await expect(link).rejects.toThrow(/E8018|type 105/);
  });
});
