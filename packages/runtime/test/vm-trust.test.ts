import { compile } from '@skep/compiler';
import { openObject } from '@skep/object';
import { describe, expect, it } from 'vitest';
import { trustIn } from '../src/hosts/vm-trust.ts';

/** How the virtual machine would run the one program of a source. */
function trust(text: string): string {
  const compiled = compile({ name: 'p.bpf.c', text });
  if (!compiled.ok) throw new Error(compiled.diagnostics[0]!.message);
  const object = openObject(compiled.object, { name: 'p.o' });
  return trustIn(object, object.programs[0]!);
}

const HEAD = `#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
char LICENSE[] SEC("license") = "GPL";
`;

describe('trust of the virtual machine', () => {
  it('is whole for a program on packets that the verifier accepts', () => {
    expect(
      trust(`${HEAD}SEC("xdp") int p(struct xdp_md *ctx) {
        unsigned char *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
        return data + 1 > end ? XDP_DROP : data[0] == 4 ? XDP_TX : XDP_PASS;
      }`),
    ).toBe('verified');
  });

  it('is none for one that reads beyond the packet', () => {
    expect(
      trust(`${HEAD}SEC("xdp") int p(struct xdp_md *ctx) {
        unsigned char *data = (void *)(long)ctx->data;
        return data[0] == 4 ? XDP_TX : XDP_PASS;
      }`),
    ).toBe('unverified');
  });

  it('is none for one that reads stack that nobody wrote, which the kernel allows', () => {
    expect(
      trust(`${HEAD}SEC("xdp") int p(struct xdp_md *ctx) {
        unsigned int r;
        asm volatile("%0 = *(u32 *)(r10 - 8)" : "=r"(r));
        return r & 1;
      }`),
    ).toBe('unverified');
  });

  it('is none for programs on what is not a packet', () => {
    expect(trust(`${HEAD}SEC("tracepoint/syscalls/sys_enter_openat") int p(void *ctx) { return 0; }`)).toBe(
      'unverified',
    );
  });
});
