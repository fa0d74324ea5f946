import { permitted } from '@skep/kernel';
import { PROGRAM_TABLES } from '@skep/verifier';
import { describe, expect, it } from 'vitest';
import { bundledTypes, check, probeKernel } from '../src/index.ts';

const XDP = 6;
const SK_LOOKUP = 30;
const here = permitted().ok ? '' : ' (skipped: needs bpf(2))';

const DROP = `#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
SEC("xdp") int drop(struct xdp_md *ctx) { return ctx->rx_queue_index ? XDP_DROP : XDP_PASS; }
char LICENSE[] SEC("license") = "GPL";
`;

describe.skipIf(here !== '')(`what the running kernel allows${here}`, () => {
  it('is asked by programs that do one thing each, and checked against anywhere', () => {
    const measured = probeKernel((type) => type === XDP || type === SK_LOOKUP);
    const xdp = measured.programs.find((one) => one.type === XDP)!;
    const context = measured.contexts[xdp.context]!.split(' ');
    expect(context).toEqual(expect.arrayContaining(['0.4.1pkt', '4.4.1pkt_end', '12.4.1', '16.4.1']));
    expect(context).not.toContain('0.8.1');
    expect(measured.programs.find((one) => one.type === SK_LOOKUP)!.result).toEqual([0, 1]);
    expect(measured.programs).toHaveLength(
      PROGRAM_TABLES['6.18'].filter((one) => [XDP, SK_LOOKUP].includes(one.type)).length,
    );

    const verdict = (contexts: readonly string[]) =>
      check('drop.bpf.c', new TextEncoder().encode(DROP), {
        kernels: ['6.18'],
        types: bundledTypes(),
        tables: { ...measured, contexts },
        fixes: false,
      }).programs[0]!.verdict;
    expect(verdict(measured.contexts).accepted).toBe(true);
    // A kernel on which queues are not to be seen.
    const blind = measured.contexts.map((text) => text.replace(/\b16\.4\.1\b/, ''));
    expect(verdict(blind)).toMatchObject({ accepted: false, code: 'E2113' });
  });
});
