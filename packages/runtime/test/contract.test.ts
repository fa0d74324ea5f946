import { permitted } from '@skep/kernel';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Host, kernel, type Loaded, open, vm } from '../src/index.ts';

const SOURCE = `
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct key { __u32 a; __u16 b; __u16 c; };
struct value { __u64 count; char name[8]; };
struct record { __u32 length; __s32 code; __u64 sum; char tag[4]; };

struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 4); __type(key, struct key); __type(value, struct value); } hash SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 3); __type(key, __u32); __type(value, __u64); } array SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY); __uint(max_entries, 2); __type(key, __u32); __type(value, __u64); } percpu SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } ring SEC(".maps");

const volatile __u32 verdict = XDP_PASS;
const volatile char label[8] = "abc";
__u64 lost = 0;
int seen = 7;

SEC("xdp")
int packet(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	struct record *record;
	__u64 *slot;
	__u32 zero = 0;

	seen++;
	slot = bpf_map_lookup_elem(&percpu, &zero);
	if (slot)
		*slot += 1;
	record = bpf_ringbuf_reserve(&ring, sizeof(*record), 0);
	if (!record) {
		__sync_fetch_and_add(&lost, 1);
		return verdict;
	}
	record->length = end - data;
	record->code = -5;
	record->sum = 0;
	if (data + 16 <= end) {
		unsigned char *bytes = data;
#pragma unroll
		for (int i = 0; i < 16; i++)
			record->sum += bytes[i];
		bytes[0] = 0xee;
	}
	record->tag[0] = label[0];
	record->tag[1] = label[1];
	record->tag[2] = label[2];
	record->tag[3] = 0;
	bpf_ringbuf_submit(record, 0);
	return verdict;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
`;

const bytes = new TextEncoder().encode(SOURCE);
const permission = permitted();
const hosts: { name: string; make: () => Host; skip: string | undefined }[] = [
  { name: 'the virtual machine', make: () => vm({ cpus: 2 }), skip: undefined },
  { name: 'the kernel', make: kernel, skip: permission.ok ? undefined : permission.message },
];

for (const { name, make, skip } of hosts) {
  describe.skipIf(skip !== undefined)(`a host: ${name}${skip ? ` (skipped: ${skip})` : ''}`, () => {
    let host: Host;
    let loaded: Loaded;
    beforeEach(() => {
      host = make();
      loaded = open('contract.bpf.c', bytes).spec.with({ verdict: 1, label: 'xyz' }).load(host);
    });
    afterEach(() => {
      loaded.close();
      host.close();
    });

    it('keeps a hash map of structs, with the flags and limits of the kernel', () => {
      const map = loaded.maps.get('hash')!;
      const key = (a: number) => ({ a, b: 2, c: 3 });
      expect(map.get(key(1))).toBeUndefined();
      expect(map.set(key(1), { count: 5n, name: 'one' })).toBe(true);
      expect(map.get(key(1))).toEqual({ count: 5n, name: 'one' });
      expect(map.set(key(1), { count: 6 }, { if: 'absent' })).toBe(false);
      expect(map.set(key(2), { count: 6 }, { if: 'present' })).toBe(false);
      expect(map.set(key(1), { count: 7 }, { if: 'present' })).toBe(true);
      for (const a of [2, 3, 4]) map.set(key(a), { count: a });
      expect(() => map.set(key(5), { count: 5 })).toThrow(/full|E2BIG|-7/i);
      expect(new Map([...map].map(([k, v]) => [(k as { a: number }).a, (v as { count: bigint }).count]))).toEqual(
        new Map([
          [1, 7n],
          [2, 2n],
          [3, 3n],
          [4, 4n],
        ]),
      );
      expect(map.delete(key(3))).toBe(true);
      expect(map.delete(key(3))).toBe(false);
      expect(map.has(key(3))).toBe(false);
    });

    it('keeps arrays whose entries are always there', () => {
      const map = loaded.maps.get('array')!;
      expect(map.entries()).toEqual([
        [0, 0n],
        [1, 0n],
        [2, 0n],
      ]);
      expect(map.set(1, 2n ** 64n - 1n)).toBe(true);
      expect(map.get(1)).toBe(2n ** 64n - 1n);
      expect(map.get(3)).toBeUndefined();
      expect(map.set(1, 1, { if: 'absent' })).toBe(false);
      expect(() => map.set(0, -1)).toThrow(/E8002/);
      expect(() => map.set(2 ** 32, 1)).toThrow(/E8002/);
    });

    it('keeps one value a CPU in per-CPU maps', () => {
      const map = loaded.maps.get('percpu')!;
      expect(map.get(1)).toEqual(Array.from({ length: host.cpus }, () => 0n));
      const values = Array.from({ length: host.cpus }, (_, cpu) => BigInt(cpu + 10));
      expect(map.set(1, values)).toBe(true);
      expect(map.get(1)).toEqual(values);
      loaded.programs.get('packet')!.run({ data: new Uint8Array(20), repeat: 5 });
      expect((map.get(0) as bigint[]).reduce((sum, one) => sum + one, 0n)).toBe(5n);
    });

    it('runs a packet through a program: verdict, packet, records, globals', () => {
      const data = Uint8Array.from({ length: 20 }, (_, i) => i + 1);
      const result = loaded.programs.get('packet')!.run({ data });
      expect(result.retval).toBe(1);
      expect(result.dataOut).toEqual(Uint8Array.from(data, (byte, i) => (i === 0 ? 0xee : byte)));
      const records: unknown[] = [];
      expect(loaded.records.get('ring')!.drain((record) => records.push(record))).toBe(1);
      expect(records).toEqual([{ length: 20, code: -5, sum: 136n, tag: 'xyz' }]);
      expect(loaded.global('seen')).toBe(8);
      loaded.setGlobal('seen', 100);
      expect(loaded.global('seen')).toBe(100);
      expect(loaded.global('label')).toBe('xyz');
      expect(() => loaded.setGlobal('verdict', 2)).toThrow(/E\d{4}/);
    });

    it('loses records when the ring is full, exactly as many as the kernel does', () => {
      // A record of 24 bytes and its header take 32; one byte of the ring stays free.
      loaded.programs.get('packet')!.run({ data: new Uint8Array(20), repeat: 200 });
      let count = 0;
      loaded.records.get('ring')!.drain(() => count++);
      expect(count).toBe(127);
      expect(loaded.global('lost')).toBe(73n);
    });

    it('hands over batches until it is told to stop', async () => {
      const stop = new AbortController();
      const got: unknown[] = [];
      const reading = (async () => {
        for await (const batch of loaded.records.get('ring')!.batches({ signal: stop.signal })) got.push(...batch);
      })();
      loaded.programs.get('packet')!.run({ data: new Uint8Array(20), repeat: 3 });
      await vi.waitUntil(() => got.length >= 3, { timeout: 30_000 });
      loaded.programs.get('packet')!.run({ data: new Uint8Array(21) });
      await vi.waitUntil(() => got.length >= 4, { timeout: 30_000 });
      stop.abort();
      await reading;
      expect(got.map((one) => (one as { length: number }).length)).toEqual([20, 20, 20, 21]);
    });

    it('refuses what it cannot do, by name', () => {
      expect(() => loaded.global('sean')).toThrow(/E8001/);
      const { spec } = open('contract.bpf.c', bytes);
      expect(() => spec.with({ verdikt: 1 })).toThrow(/E8001/);
      expect(() => spec.with({ verdict: 'x' })).toThrow(/E8002/);
      expect(() => spec.load(host, { programs: ['nobody'] })).toThrow(/E8003/);
    });

    it('gives the same results for the same operations, whatever they are', () => {
      const reference = open('contract.bpf.c', bytes).spec.load(vm({ cpus: host.cpus }));
      const key = fc.record({ a: fc.integer({ min: 0, max: 5 }), b: fc.constant(0), c: fc.constant(1) });
      const mode = fc.constantFrom<{ if?: 'absent' | 'present' }>({}, { if: 'absent' }, { if: 'present' });
      const step = fc.oneof(
        fc.record({ do: fc.constant('set' as const), key, count: fc.bigInt(0n, 2n ** 64n - 1n), mode }),
        fc.record({ do: fc.constant('get' as const), key }),
        fc.record({ do: fc.constant('delete' as const), key }),
      );
      fc.assert(
        fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
          const outcomes = [loaded, reference].map((each) => {
            const map = each.maps.get('hash')!;
            for (const [old] of map.entries()) map.delete(old as { a: number });
            return steps.map((one) => {
              try {
                if (one.do === 'set') return map.set(one.key, { count: one.count }, one.mode);
                return one.do === 'get' ? map.get(one.key) : map.delete(one.key);
              } catch {
                return 'error';
              }
            });
          });
          expect(outcomes[0]).toEqual(outcomes[1]);
        }),
        { numRuns: 60 },
      );
      reference.close();
    });
  });
}
