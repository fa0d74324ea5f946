// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* TCP segments that the kernel throws away, with its reason. */
#include "tool.h"
#include "tcp.h"

#define DEEPEST 20
#define ETH_P_IP 0x0800
#define ETH_P_IPV6 0x86dd

struct event {
	__u64 time; /* nanoseconds since boot */
	struct flow flow; /* `local` is where the segment came from */
	__u32 pid;
	__u32 reason;
	__u8 flags;
	__u8 state; /* of its socket; 0 when it had none */
	__u16 unused;
	int stack_size; /* bytes, or minus an errno */
	__u64 stack[DEEPEST];
};

RING(events, 1 << 20);

/* With a reason since Linux 5.17. */
SEC("raw_tp/kfree_skb")
int kfree_skb(struct bpf_raw_tracepoint_args *ctx)
{
	struct sk_buff *skb = (struct sk_buff *)ctx->args[0];
	struct event *event;
	struct flow flow = {};
	struct tcphdr tcp;
	struct sock *sk;
	__u16 protocol = bpf_ntohs(BPF_CORE_READ(skb, protocol));
	unsigned char *head = BPF_CORE_READ(skb, head);
	unsigned char *network = head + BPF_CORE_READ(skb, network_header);
	unsigned char *transport = head + BPF_CORE_READ(skb, transport_header);

	if (protocol == ETH_P_IP) {
		struct iphdr ip;

		if (bpf_probe_read_kernel(&ip, sizeof(ip), network) || ip.protocol != IPPROTO_TCP)
			return 0;
		flow.family = AF_INET;
		transport = network + ip.ihl * 4;
		__builtin_memcpy(flow.local, &ip.saddr, 4);
		__builtin_memcpy(flow.remote, &ip.daddr, 4);
	} else if (protocol == ETH_P_IPV6) {
		struct ipv6hdr ip;

		if (bpf_probe_read_kernel(&ip, sizeof(ip), network) || ip.nexthdr != IPPROTO_TCP)
			return 0;
		flow.family = AF_INET6;
		transport = network + sizeof(ip);
		__builtin_memcpy(flow.local, &ip.saddr, 16);
		__builtin_memcpy(flow.remote, &ip.daddr, 16);
	} else {
		return 0;
	}
	if (bpf_probe_read_kernel(&tcp, sizeof(tcp), transport))
		return 0;
	flow.local_port = bpf_ntohs(tcp.source);
	flow.remote_port = bpf_ntohs(tcp.dest);
	if (!wanted_flow(&flow))
		return 0;
	event = reserve(&events, struct event);
	if (!event)
		return 0;
	event->time = bpf_ktime_get_ns();
	event->flow = flow;
	event->pid = bpf_get_current_pid_tgid() >> 32;
	event->reason = ctx->args[2];
	event->flags = ((__u8 *)&tcp)[13];
	sk = BPF_CORE_READ(skb, sk);
	event->state = sk ? BPF_CORE_READ(sk, __sk_common.skc_state) : 0;
	event->stack_size = bpf_get_stack(ctx, event->stack, sizeof(event->stack), 0);
	bpf_ringbuf_submit(event, 0);
	return 0;
}
