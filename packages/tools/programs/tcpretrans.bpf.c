// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* TCP segments that are sent again. */
#include "tool.h"
#include "tcp.h"

const volatile bool count = false;

struct event {
	__u64 time; /* nanoseconds since boot */
	struct flow flow;
	__u32 pid;
	__u32 state;
	__u32 sequence;
	__u32 probe; /* a tail loss probe, not yet a retransmission */
};

RING(events, 1 << 18);
HASH(counts, 10240, struct flow, __u64);

static const __u64 none;

static __always_inline int send(struct sock *sk, struct sk_buff *skb, bool probe)
{
	struct event *event;
	struct flow flow;
	__u64 *total;

	if (!read_flow(sk, &flow))
		return 0;
	if (count) {
		total = entry_of(&counts, &flow, &none);
		if (total)
			__sync_fetch_and_add(total, 1);
		return 0;
	}
	event = reserve(&events, struct event);
	if (!event)
		return 0;
	event->time = bpf_ktime_get_ns();
	event->flow = flow;
	event->pid = bpf_get_current_pid_tgid() >> 32;
	event->state = BPF_CORE_READ(sk, __sk_common.skc_state);
	event->sequence = 0;
	if (skb)
		bpf_probe_read_kernel(&event->sequence, sizeof(event->sequence),
				      &((struct tcp_skb_cb *)skb->cb)->seq);
	event->probe = probe;
	bpf_ringbuf_submit(event, 0);
	return 0;
}

SEC("raw_tp/tcp_retransmit_skb")
int retransmit(struct bpf_raw_tracepoint_args *ctx)
{
	return send((struct sock *)ctx->args[0], (struct sk_buff *)ctx->args[1], false);
}

SEC("?kprobe/tcp_send_loss_probe")
int BPF_KPROBE(loss_probe, struct sock *sk)
{
	return send(sk, NULL, true);
}
