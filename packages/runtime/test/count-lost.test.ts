import { kernel as openKernel } from '@skep/kernel';
import { describe, expect, it } from 'vitest';
import { kernel, open, vm } from '../src/index.ts';

const SOURCE = `
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
struct event { __u64 number; __u64 more[5]; };
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } first SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } second SEC(".maps");
__u64 sent, failed;
static __noinline int send(__u64 number) {
  struct event *event = bpf_ringbuf_reserve(&first, sizeof(*event), 0);
  if (!event) { failed++; return 0; }
  event->number = number;
  bpf_ringbuf_submit(event, 0);
  sent++;
  return 1;
}
SEC("xdp") int many(struct xdp_md *ctx) {
  for (int i = 0; i < 300; i++) send(i);
  __u64 one = 1;
  for (int i = 0; i < 400; i++) bpf_ringbuf_output(&second, &one, 8, 0);
  return XDP_PASS;
}
char LICENSE[] SEC("license") = "GPL";
`;

describe.each(['vm', 'kernel'] as const)('records without room, in the %s', (kind) => {
  it('are counted for each ring', (ctx) => {
    if (kind === 'kernel' && whyNot() !== undefined) return ctx.skip(whyNot()!);
    const host = kind === 'vm' ? vm() : kernel();
    const { spec } = open('lost.bpf.c', new TextEncoder().encode(SOURCE));
    const plain = spec.load(host);
    const counting = spec.countingLost().load(host);
    try {
      for (const loaded of [plain, counting]) loaded.programs.get('many')!.run({ data: new Uint8Array(64) });
      expect(plain.records.get('first')!.lost).toBe(0);
      expect(counting.global('failed')).toBe(plain.global('failed'));
      expect(counting.global('sent')).toBe(plain.global('sent'));
      expect(counting.records.get('first')!.lost).toBe(Number(counting.global('failed')));
      expect(counting.records.get('first')!.lost).toBeGreaterThan(200);
      let read = 0;
      counting.records.get('second')!.drainRaw(() => read++);
      expect(counting.records.get('second')!.lost).toBe(400 - read);
    } finally {
      plain.close();
      counting.close();
      host.close();
    }
  });
});

function whyNot(): string | undefined {
  try {
    openKernel();
    return process.getuid?.() === 0 ? undefined : 'needs root';
  } catch (error) {
    return (error as Error).message;
  }
}
