import { describe, expect, it } from 'vitest';
import { compile } from '../../src/compile.ts';
import { kernelTypes } from '../support/kernel-types.ts';

const TEXT = `
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
__u64 total;
static int note(__u32 port, __u64 bytes)
{
  if (port < 1024 && bytes > 100) __sync_fetch_and_add(&total, bytes * port);
  if (port == 53) __sync_fetch_and_add(&total, 1);
  return total > 7;
}
${Array.from({ length: 6 }, (_, i) => `SEC("socket") int filter${i}(struct __sk_buff *skb) { return note(skb->remote_port, skb->len + ${i}); }`).join('\n')}
`;

function insns(optimise: 2 | 's'): number {
  const result = compile({ name: 'test.bpf.c', text: TEXT }, { vmlinux: kernelTypes, optimise, debug: true });
  if (!result.ok) throw new Error(result.diagnostics.map((one) => one.message).join('\n'));
  return result.functions.reduce((sum, one) => sum + one.insns, 0);
}

describe('optimising for size', () => {
  it('keeps one copy of a function where the other way inlines it', () => {
    expect(insns('s')).toBeLessThan(0.7 * insns(2));
  });
});
