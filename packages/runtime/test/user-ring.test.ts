import { openHandles, kernel as openKernel, type UserRing } from '@skep/kernel';
import { describe, expect, it } from 'vitest';
import { kernel, open } from '../src/index.ts';

const SOURCE = `
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
struct { __uint(type, BPF_MAP_TYPE_USER_RINGBUF); __uint(max_entries, 4096); } requests SEC(".maps");
__u64 sum, taken;
static long take(struct bpf_dynptr *record, void *context)
{
	__u64 number = 0;
	bpf_dynptr_read(&number, sizeof(number), record, 0, 0);
	sum += number;
	taken++;
	return 0;
}
SEC("syscall") int drain(void *context) { return bpf_user_ringbuf_drain(&requests, take, 0, 0); }
char LICENSE[] SEC("license") = "GPL";
`;

function whyNot(): string | undefined {
  try {
    if (process.getuid?.() !== 0) return 'needs root';
    const { ok } = openKernel().probeFeature('user_ringbuf');
    return ok ? undefined : 'this kernel has no user ring buffers (6.1)';
  } catch (error) {
    return (error as Error).message;
  }
}
const absent = whyNot();

describe.skipIf(absent !== undefined)(`user ring buffers (${absent ?? 'here'})`, () => {
  it('are taken from by programs, in full and around the end', () => {
    const loaded = open('requests.bpf.c', new TextEncoder().encode(SOURCE)).spec.load(kernel());
    const drain = () => loaded.programs.get('drain')!.run().retval;
    const writer = loaded.maps.get('requests')!.openWriter();
    const number = (value: bigint) => new Uint8Array(BigUint64Array.of(value).buffer);
    let sent = 0n;
    let sum = 0n;
    for (let round = 0; round < 5; round++) {
      while (writer.send(number(sent))) sum += sent++;
      expect(drain()).toBe(256);
    }
    expect(loaded.global('taken')).toBe(sent);
    expect(loaded.global('sum')).toBe(sum);
    writer.close();
    expect(() => writer.send(number(1n))).toThrow(/closed/);
    loaded.close();
    expect(openHandles()).toEqual([]);
  });

  it('skip what was discarded, and wait for what is being written', () => {
    const loaded = open('requests.bpf.c', new TextEncoder().encode(SOURCE)).spec.load(kernel());
    const writer = loaded.maps.get('requests')!.openWriter() as UserRing;
    const drain = () => loaded.programs.get('drain')!.run().retval | 0;
    writer.reserve(8)!.discard();
    const second = writer.reserve(8)!;
    second.bytes[0] = 40;
    drain();
    expect(loaded.global('taken')).toBe(0n);
    second.submit();
    expect(drain()).toBe(1);
    expect(loaded.global('sum')).toBe(40n);
    expect(() => second.discard()).toThrow(/once/);
    expect(() => writer.reserve(5000)).toThrow(/never fit/);
    writer.close();
    loaded.close();
  });
});
