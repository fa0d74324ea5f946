import { mkdirSync, rmSync } from 'node:fs';
import { openHandles } from '@skep/kernel';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { kernel, open, openKernelMap, vm } from '../src/index.ts';

const SOURCE = `
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 8); __type(key, __u32); __type(value, __u64); __uint(pinning, LIBBPF_PIN_BY_NAME); } kept SEC(".maps");
SEC("xdp") int count(struct xdp_md *ctx)
{
	__u32 key = 1;
	__u64 one = 1, *there = bpf_map_lookup_elem(&kept, &key);
	if (there)
		__sync_fetch_and_add(there, 1);
	else
		bpf_map_update_elem(&kept, &key, &one, BPF_ANY);
	return XDP_PASS;
}
char LICENSE[] SEC("license") = "GPL";
`;
const spec = (source = SOURCE) => open('pins.bpf.c', new TextEncoder().encode(source)).spec;
const folder = `/sys/fs/bpf/skep-test-${process.pid}`;

function whyNot(): string | undefined {
  try {
    mkdirSync(folder);
    kernel().close();
    return undefined;
  } catch (error) {
    return `no bpffs to pin on: ${(error as Error).message}`;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
const absent = whyNot();

describe.skipIf(absent !== undefined)(`pins (${absent ?? 'on bpffs'})`, () => {
  const host = kernel();
  beforeEach(() => mkdirSync(folder));
  afterEach(() => {
    rmSync(folder, { recursive: true });
    expect(openHandles()).toEqual([]);
  });
  const countOnce = () => {
    using loaded = spec().load(host, { pins: folder });
    loaded.programs.get('count')!.run({ data: new Uint8Array(64) });
    return loaded.maps.get('kept')!.get(1);
  };

  it('keep maps that are declared so from one load to the next', () => {
    expect(countOnce()).toBe(1n);
    expect(countOnce()).toBe(2n);
    const found = openKernelMap(`${folder}/kept`);
    expect(found.map.get(1)).toBe(2n);
    found.close();
  });

  it('are left alone when they are not wanted', () => {
    expect(countOnce()).toBe(1n);
    using loaded = spec().load(host, { pins: false });
    expect(loaded.maps.get('kept')!.get(1)).toBeUndefined();
  });

  it('of another shape are refused, with what differs', () => {
    countOnce();
    const larger = spec(SOURCE.replace('max_entries, 8', 'max_entries, 9'));
    expect(() => larger.load(host, { pins: folder })).toThrow(/E8022.*maxEntries 8 instead of 9/);
  });

  it('are made of programs and maps by hand', () => {
    const loaded = spec().load(host, { pins: false });
    loaded.maps.get('kept')!.set(7, 8n);
    loaded.maps.get('kept')!.pin(`${folder}/mine`);
    loaded.programs.get('count')!.pin(`${folder}/program`);
    loaded.close();
    const found = openKernelMap(`${folder}/mine`);
    expect(found.map.get(7)).toBe(8n);
    found.close();
  });
});

describe('the virtual machine', () => {
  it('has no place for pins, and says so', () => {
    using loaded = spec().load(vm());
    expect(() => loaded.maps.get('kept')!.pin('/x')).toThrow(/E8010/);
  });
});
