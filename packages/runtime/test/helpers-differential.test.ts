import { permitted } from '@skep/kernel';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { kernel, type Loaded, open, vm } from '../src/index.ts';

/** Helpers give the same in the kernel and in the virtual machine: random arguments, results, packets, texts. */
const SOURCE = `
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

long in0, in1, in2, in3;
unsigned char text[64];
long out[16];
unsigned char shown[128];

struct inner { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 2); __type(key, __u32); __type(value, __u64); };
struct inner first SEC(".maps");
struct inner second SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS); __uint(max_entries, 3); __type(key, __u32); __array(values, struct inner); }
	outer SEC(".maps") = { .values = { [0] = &first, [2] = &second } };
struct { __uint(type, BPF_MAP_TYPE_QUEUE); __uint(max_entries, 3); __type(value, __u64); } queue SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_STACK); __uint(max_entries, 3); __type(value, __u64); } stack SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 4); __type(key, __u32); __type(value, __u64); } hash SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_LRU_HASH); __uint(max_entries, 400); __type(key, __u32); __type(value, __u64); } lru SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_DEVMAP); __uint(max_entries, 4); __type(key, __u32); __type(value, __u32); } devices SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_PROG_ARRAY); __uint(max_entries, 3); __type(key, __u32); __type(value, __u32); } jumps SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } ring SEC(".maps");

SEC("tc") int bytes(struct __sk_buff *skb)
{
	__u64 buffer = 0x1122334455667788;
	out[0] = bpf_skb_load_bytes(skb, in0, &buffer, 8);
	out[1] = buffer;
	buffer += in1;
	out[2] = bpf_skb_store_bytes(skb, in2, &buffer, 8, in3);
	out[3] = bpf_skb_load_bytes_relative(skb, in0, &buffer, 4, in3 & 3);
	out[4] = buffer;
	return 0;
}
SEC("tc") int checksums(struct __sk_buff *skb)
{
	out[0] = bpf_l3_csum_replace(skb, in0, in1, in2, in3);
	out[1] = bpf_l4_csum_replace(skb, in0 + 2, in1, in2, in3);
	out[2] = bpf_l4_csum_replace(skb, in0, in1, in2, in3 | 0x20);
	out[3] = bpf_l4_csum_replace(skb, in0, in1, in2, (in3 & 15) | 0x10);
	out[4] = bpf_l3_csum_replace(skb, 16, 0, in1, 0);
	return 0;
}
SEC("tc") int difference(struct __sk_buff *skb)
{
	out[0] = bpf_csum_diff((__be32 *)text, 16, (__be32 *)(text + 16), 16, in0);
	out[1] = bpf_csum_diff(0, 0, (__be32 *)text, 32, in1);
	out[2] = bpf_csum_diff((__be32 *)text, 8, 0, 0, in2);
	out[3] = bpf_csum_diff((__be32 *)text, 6, 0, 0, in2);
	return 0;
}
SEC("tc") int sizes(struct __sk_buff *skb)
{
	out[0] = bpf_skb_change_tail(skb, in0, 0);
	out[1] = skb->len;
	out[2] = bpf_skb_change_head(skb, in1, 0);
	out[3] = skb->len;
	out[4] = bpf_skb_pull_data(skb, in2);
	out[5] = bpf_skb_change_type(skb, in3);
	out[6] = skb->pkt_type;
	return 0;
}
SEC("tc") int tags(struct __sk_buff *skb)
{
	out[0] = bpf_skb_vlan_push(skb, in0, in1);
	out[1] = skb->vlan_present; out[2] = skb->vlan_tci; out[3] = skb->vlan_proto; out[4] = skb->len;
	if (in2 & 1) { out[5] = bpf_skb_vlan_push(skb, 0xa888, in3); out[6] = skb->len; out[7] = skb->protocol; }
	if (in2 & 2) { out[8] = bpf_skb_vlan_pop(skb); out[9] = skb->len; out[10] = skb->vlan_tci; out[11] = skb->vlan_present; }
	if (in2 & 4) { out[12] = bpf_skb_vlan_pop(skb); out[13] = skb->len; out[14] = skb->protocol; }
	return 0;
}
SEC("tc") int room(struct __sk_buff *skb)
{
	out[0] = bpf_skb_adjust_room(skb, in0, in1, 0);
	out[1] = skb->len;
	return 0;
}
SEC("tc") int family(struct __sk_buff *skb)
{
	out[0] = bpf_skb_change_proto(skb, in0, 0);
	out[1] = skb->len;
	out[2] = skb->protocol;
	return 0;
}
SEC("tc") int fields(struct __sk_buff *skb)
{
	out[0] = skb->len; out[1] = skb->pkt_type; out[2] = skb->mark; out[3] = skb->protocol; out[4] = skb->priority;
	out[5] = skb->ingress_ifindex; out[6] = skb->ifindex; out[7] = skb->cb[0]; out[8] = skb->cb[4]; out[9] = skb->data_end - skb->data;
	out[10] = skb->gso_segs; out[11] = skb->wire_len; out[12] = skb->vlan_present; out[13] = skb->queue_mapping; out[14] = skb->tstamp;
	skb->mark = skb->mark + 5; skb->priority = 77; skb->cb[1] = 99;
	return skb->mark;
}
SEC("socket") int seen(struct __sk_buff *skb)
{
	unsigned char first = 0;
	out[0] = skb->len; out[1] = skb->protocol; out[2] = skb->pkt_type;
	out[3] = bpf_skb_load_bytes(skb, 0, &first, 1);
	out[4] = first;
	return skb->len;
}
SEC("cgroup_skb/egress") int leaving(struct __sk_buff *skb)
{
	unsigned char *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	out[0] = skb->len;
	if (data + 1 <= end) out[1] = data[0];
	out[2] = end - data;
	return 1;
}
SEC("tc") int numbers(struct __sk_buff *skb)
{
	long value = 0; unsigned long plain = 0;
	out[0] = bpf_strtol((char *)text, 24, in0, &value); out[1] = value;
	out[2] = bpf_strtoul((char *)text, 24, in0, &plain); out[3] = plain;
	out[4] = bpf_strncmp((char *)text, 8, "12345");
	return 0;
}
SEC("tc") int formats(struct __sk_buff *skb)
{
	static const char plain[] = "%d|%u|%x|%X", wide[] = "%lld|%llu|%lx|%llX", flags[] = "%5d|%-5d|%05d|%+d";
	static const char mixed[] = "%s %c %%<% d>%08x|%3u|%i", addresses[] = "%pI4 %pi4 %pI6 %pi6";
	unsigned long args[4] = { in0, in1, in2, in3 };
	unsigned long others[6] = { (unsigned long)text, 65 + (in0 & 15), in1, in2, in3, in0 };
	unsigned long places[4] = { (unsigned long)text, (unsigned long)text, (unsigned long)text, (unsigned long)text };
	out[0] = bpf_snprintf((char *)shown, 32, plain, args, sizeof(args));
	out[1] = bpf_snprintf((char *)shown + 32, 32, wide, args, sizeof(args));
	out[2] = bpf_snprintf((char *)shown + 64, 32, flags, args, sizeof(args));
	out[3] = bpf_snprintf((char *)shown + 96, 32, mixed, others, sizeof(others));
	out[4] = bpf_snprintf((char *)shown, 128, addresses, places, sizeof(places));
	return 0;
}
/* Addresses where there is no room for them; the text is too long before, within or behind. */
SEC("tc") int cramped(struct __sk_buff *skb)
{
	static const char one[] = "%pI6", two[] = "%pI4%pI6", three[] = "%20pI4|%-45pI6|";
	unsigned long places[2] = { (unsigned long)text, (unsigned long)text };
	out[0] = bpf_snprintf((char *)shown, 8, one, places, 8);
	out[1] = bpf_snprintf((char *)shown + 16, 8, two, places, 16);
	out[2] = bpf_snprintf((char *)shown + 32, 9, three, places, 16);
	out[3] = bpf_snprintf((char *)shown + 48, 16, two, places, 16);
	return 0;
}
SEC("tc") int dynamic(struct __sk_buff *skb)
{
	struct bpf_dynptr ptr, record;
	__u64 buffer = 7;
	out[0] = bpf_dynptr_from_mem(text, 32, in3 & 1, &ptr);
	out[1] = bpf_dynptr_read(&buffer, 8, &ptr, in0, 0); out[2] = buffer;
	buffer = in2;
	out[3] = bpf_dynptr_write(&ptr, in1, &buffer, 8, 0);
	out[4] = bpf_dynptr_data(&ptr, 4, 8) != 0;
	out[5] = bpf_ringbuf_reserve_dynptr(&ring, 24, 0, &record);
	out[6] = bpf_dynptr_write(&record, 16, &buffer, 8, 0);
	out[7] = bpf_dynptr_write(&record, 17, &buffer, 8, 0);
	bpf_ringbuf_discard_dynptr(&record, 0);
	out[8] = bpf_ringbuf_query(&ring, 0);
	return 0;
}
static long visit(void *map, __u32 *key, __u64 *value, void *context)
{
	*(long *)context += *key * 100 + *value;
	return *value == 13;
}
static long turn(__u32 i, void *context)
{
	*(long *)context += i * i;
	return i == in3;
}
SEC("tc") int maps(struct __sk_buff *skb)
{
	__u32 key = in0; __u64 value = in1, *found; void *inner; long sum = 0;
	inner = bpf_map_lookup_elem(&outer, &key);
	out[0] = inner != 0;
	key = in1 & 1;
	if (inner) { found = bpf_map_lookup_elem(inner, &key); if (found) { *found += in2 & 0xff; out[1] = *found; } }
	out[2] = bpf_map_push_elem(&queue, &value, in3 & 3);
	out[3] = bpf_map_push_elem(&stack, &value, in3 & 3);
	if (in2 & 1) { out[4] = bpf_map_pop_elem(&queue, &value); out[5] = value; }
	if (in2 & 2) { out[6] = bpf_map_pop_elem(&stack, &value); out[7] = value; }
	out[8] = bpf_map_peek_elem(&queue, &value); out[9] = value;
	key = in0 & 7; value = in1 & 15;
	out[10] = bpf_map_update_elem(&hash, &key, &value, in3 & 3);
	out[11] = bpf_map_update_elem(&lru, &key, &value, in3 & 3);
	key = in2 & 7;
	out[12] = bpf_map_delete_elem(&hash, &key);
	out[13] = bpf_for_each_map_elem(&first, visit, &sum, 0);
	out[14] = sum;
	sum = 0;
	out[15] = bpf_loop(in0 & 63, turn, &sum, 0) * 100000 + sum;
	return 0;
}
SEC("tc") int again(struct __sk_buff *skb)
{
	out[0]++;
	bpf_tail_call(skb, &jumps, in0);
	return 11;
}
SEC("tc") int third(struct __sk_buff *skb)
{
	out[1]++;
	bpf_tail_call(skb, &jumps, in1);
	return 22;
}
static __attribute__((noinline)) int deeper(struct __sk_buff *skb)
{
	out[2]++;
	bpf_tail_call(skb, &jumps, in0);
	return 33;
}
SEC("tc") int nested(struct __sk_buff *skb)
{
	return deeper(skb) + 1000;
}
SEC("xdp") int packet(struct xdp_md *ctx)
{
	__u64 buffer = 1;
	out[0] = bpf_xdp_get_buff_len(ctx);
	out[1] = bpf_xdp_load_bytes(ctx, in0, &buffer, 8); out[2] = buffer;
	buffer = in1;
	out[3] = bpf_xdp_store_bytes(ctx, in2, &buffer, 8);
	out[4] = bpf_xdp_adjust_head(ctx, in3);
	out[5] = bpf_xdp_get_buff_len(ctx);
	out[6] = bpf_xdp_adjust_tail(ctx, in2);
	out[7] = ctx->data_end - ctx->data;
	out[8] = bpf_xdp_adjust_meta(ctx, in0);
	out[9] = ctx->data - ctx->data_meta;
	return XDP_PASS;
}
`;

const permission = permitted();
const skip = permission.ok ? undefined : permission.message;
const bytes = new TextEncoder().encode(SOURCE);

/** IPv4 over Ethernet with some payload. */
const packet = fc
  .record({
    payload: fc.uint8Array({ minLength: 20, maxLength: 80 }),
    protocol: fc.constantFrom(0x0800, 0x86dd, 0x8100, 0x88b5),
  })
  .map(({ payload, protocol }) => {
    const header = [0, 0, 0, 0, 0, 0, 2, 2, 2, 2, 2, 2, protocol >> 8, protocol & 0xff];
    const ip =
      protocol === 0x0800
        ? [0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]
        : [0x60, ...new Array(39).fill(1)];
    return Uint8Array.of(...header, ...ip, ...payload);
  });

const small = fc.integer({ min: -4, max: 120 }).map(BigInt);
const any = fc.oneof(small, fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n), fc.integer({ min: 0, max: 0xffff }).map(BigInt));
const of = (...values: number[]) => fc.constantFrom(...values.map(BigInt));
const numeral = fc.oneof(
  fc.string({ maxLength: 12 }),
  fc.bigInt(-(2n ** 65n), 2n ** 65n).map(String),
  fc
    .tuple(
      fc.constantFrom('', ' ', '\n\t', '-', ' -', '0x', '-0x', '0', '00', '0x0'),
      fc.integer({ min: 0, max: 99999 }),
      fc.constantFrom('', ' x', 'g', '-'),
    )
    .map(([before, number, after]) => before + number.toString(16) + after),
);

interface Case {
  readonly program: string;
  readonly inputs: readonly [fc.Arbitrary<bigint>, fc.Arbitrary<bigint>, fc.Arbitrary<bigint>, fc.Arbitrary<bigint>];
  readonly text?: fc.Arbitrary<string>;
  readonly reset?: readonly string[];
}

const cases: readonly Case[] = [
  { program: 'bytes', inputs: [small, any, small, of(0, 1, 2, 3, 4)] },
  {
    program: 'checksums',
    inputs: [fc.integer({ min: 0, max: 60 }).map((n) => BigInt(n * 2)), any, any, of(0, 1, 2, 4, 3, 16, 18, 20)],
  },
  { program: 'difference', inputs: [any, any, any, any] },
  {
    program: 'sizes',
    inputs: [fc.integer({ min: -2, max: 200 }).map(BigInt), of(0, 1, 14, 40, 64), small, of(0, 1, 2, 3, 4, 7)],
  },
  { program: 'tags', inputs: [of(0x81, 0xa888, 0, 7), any, of(0, 1, 2, 3, 4, 5, 6, 7), any] },
  { program: 'room', inputs: [of(0, 4, 8, 20, -4, -8, 5000), of(0, 1, 2), any, any] },
  { program: 'family', inputs: [of(0x08, 0xdd86, 0, 9), any, any, any] },
  { program: 'fields', inputs: [any, any, any, any] },
  { program: 'seen', inputs: [any, any, any, any] },
  { program: 'leaving', inputs: [any, any, any, any] },
  { program: 'numbers', inputs: [of(0, 8, 10, 16, 2, 64), any, any, any], text: numeral },
  { program: 'formats', inputs: [any, any, any, any] },
  { program: 'cramped', inputs: [any, any, any, any] },
  { program: 'dynamic', inputs: [small, small, any, of(0, 1)] },
  { program: 'maps', inputs: [of(0, 1, 2, 3, 4, 5, 7, 30), any, any, any] },
  {
    program: 'packet',
    inputs: [
      of(0, 8, 3, -4, -8, -32, 70, 0x20000),
      any,
      of(0, 4, 20, -10, -30, 60, 100, 5000),
      of(0, 8, -8, 60, -100, -300),
    ],
  },
  { program: 'again', inputs: [of(0, 1, 2, 3, 9), of(0, 1, 2, 5), any, any] },
  { program: 'nested', inputs: [of(0, 1, 2, 3, 9), of(0, 1, 2, 5), any, any] },
];

describe.skipIf(skip !== undefined)(`helpers of both homes${skip ? ` (skipped: ${skip})` : ''}`, () => {
  let homes: { readonly loaded: Loaded; readonly things: readonly { close(): void }[] }[] = [];

  beforeAll(() => {
    const { spec } = open('helpers.bpf.c', bytes);
    homes = [kernel(), vm({ cpus: 1 }), vm({ cpus: 1, compileAfter: 0 })].map((host) => {
      const loaded = spec.load(host);
      const jumps = loaded.maps.get('jumps')!;
      for (const [slot, name] of ['again', 'third'].entries()) jumps.set(slot, loaded.programs.get(name)!.handle);
      loaded.maps.get('devices')!.set(1, 1);
      return { loaded, things: [loaded, host] };
    });
  });
  afterAll(() => {
    for (const one of homes.flatMap((home) => home.things)) one.close();
  });

  for (const { program, inputs, text } of cases) {
    it(`agree: ${program}`, () => {
      fc.assert(
        fc.property(
          packet,
          fc.tuple(...inputs),
          text ?? fc.uint8Array({ minLength: 32, maxLength: 32 }),
          (data, values, given) => {
            const results = homes.map(({ loaded }) => {
              for (const [i, value] of values.entries()) loaded.setGlobal(`in${i}`, value);
              const chars = typeof given === 'string' ? new TextEncoder().encode(given) : given;
              loaded.setGlobal(
                'text',
                Array.from({ length: 64 }, (_, i) => chars[i] ?? 0),
              );
              loaded.setGlobal('out', new Array(16).fill(0));
              loaded.setGlobal('shown', new Array(128).fill(0));
              const { retval, dataOut } = loaded.programs.get(program)!.run({ data });
              return {
                retval,
                dataOut: dataOut && hex(dataOut),
                out: loaded.global('out'),
                shown: loaded.global('shown'),
              };
            });
            expect(results[1]).toEqual(results[0]);
            expect(results[2]).toEqual(results[0]);
          },
        ),
        { numRuns: 60 },
      );
    });
  }
});

const hex = (from: Uint8Array): string => Buffer.from(from).toString('hex');
