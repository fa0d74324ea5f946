import { describe, expect, it } from 'vitest';
import { bundledTypes, open, type Spec, vm } from '../src/index.ts';

const SOURCE = `
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";
int events;

extern __u32 tcp_reno_undo_cwnd(struct sock *) __ksym;
extern __u32 tcp_slow_start(struct tcp_sock *, __u32) __ksym;

SEC("struct_ops") void BPF_PROG(start, struct sock *sk)
{
	((struct tcp_sock *)sk)->snd_cwnd = 10;
}
SEC("struct_ops") __u32 BPF_PROG(ssthresh, struct sock *sk)
{
	__u32 window = ((struct tcp_sock *)sk)->snd_cwnd;
	return window > 4 ? window * 7 / 10 : 2;
}
SEC("struct_ops") void BPF_PROG(avoid, struct sock *sk, __u32 ack, __u32 acked)
{
	struct tcp_sock *tp = (struct tcp_sock *)sk;
	if (tp->snd_cwnd < tp->snd_ssthresh)
		tcp_slow_start(tp, acked);
	else
		tp->snd_cwnd += 1;
}
SEC("struct_ops") __u32 BPF_PROG(undo, struct sock *sk) { return tcp_reno_undo_cwnd(sk); }
SEC("struct_ops") void BPF_PROG(acked, struct sock *sk, const struct ack_sample *sample)
{
	events += sample->pkts_acked;
}
SEC(".struct_ops") struct tcp_congestion_ops seven_tenths = {
	.init = (void *)start, .ssthresh = (void *)ssthresh, .cong_avoid = (void *)avoid,
	.undo_cwnd = (void *)undo, .pkts_acked = (void *)acked, .name = "seven_tenths",
};
`;

let opened: Spec | undefined;
const spec = (): Spec =>
  (opened ??= open('congestion.bpf.c', new TextEncoder().encode(SOURCE), { vmlinux: bundledTypes }).spec);

describe.each([
  ['interpreted', { engine: 'interpreter' as const }],
  ['compiled', { compileAfter: 0 }],
])('struct_ops, %s', (_, engine) => {
  it('are structures of functions that a test calls', () => {
    const host = vm({ ...engine, btf: bundledTypes });
    const loaded = spec().load(host);
    const ops = host.structOps.get('seven_tenths')!;
    expect(ops.struct).toBe('tcp_congestion_ops');
    const socket = ops.object('tcp_sock', { snd_ssthresh: 14, prior_cwnd: 30, snd_cwnd_clamp: 100 });
    expect(ops.call('init', socket)).toBeUndefined();
    const windows = [4, 4, 1, 1].map((count) => {
      ops.call('cong_avoid', socket, 0, count);
      return ops.read('tcp_sock', socket)['snd_cwnd'];
    });
    expect(windows).toEqual([14, 15, 16, 17]);
    expect(ops.call('undo_cwnd', socket)).toBe(30);
    expect(ops.call('ssthresh', ops.object('tcp_sock', { snd_cwnd: 100 }))).toBe(70);
    expect(ops.call('ssthresh', ops.object('tcp_sock', { snd_cwnd: 3 }))).toBe(2);
    // By members, for one call.
    ops.call('pkts_acked', socket, { pkts_acked: 3 });
    expect(loaded.global('events')).toBe(3);
    expect(() => ops.call('set_state', socket, 1)).toThrow('E4007');
    expect(() => ops.object('tcp_sock', { snd_cwd: 1 })).toThrow('did you mean `snd_cwnd`?');
    loaded.close();
    expect(host.structOps.size).toBe(0);
  });
});
