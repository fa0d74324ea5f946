// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Every change of state of TCP sockets, with the time spent in the state before. */
#include "tool.h"
#include "tcp.h"

struct event {
	__u64 time; /* nanoseconds since boot */
	__u64 took; /* nanoseconds in the old state; 0 when its start was not seen */
	__u64 socket;
	__u64 cgroup;
	struct flow flow;
	__u32 pid; /* of whoever was current, which may be nobody who knows of it */
	int before;
	int after;
	char comm[16];
};

RING(events, 1 << 20);
HASH(since, 16384, struct sock *, __u64);

SEC("raw_tp/inet_sock_set_state")
int set_state(struct bpf_raw_tracepoint_args *ctx)
{
	struct sock *sk = (struct sock *)ctx->args[0];
	__u64 now = bpf_ktime_get_ns(), *start;
	struct event *event;
	struct flow flow;

	if (BPF_CORE_READ_BITFIELD_PROBED(sk, sk_protocol) != IPPROTO_TCP)
		return 0;
	if (!read_flow(sk, &flow) || !wanted())
		return 0;
	event = reserve(&events, struct event);
	if (event) {
		start = bpf_map_lookup_elem(&since, &sk);
		event->time = now;
		event->took = start ? now - *start : 0;
		event->socket = (__u64)sk;
		event->cgroup = bpf_get_current_cgroup_id();
		event->flow = flow;
		event->pid = bpf_get_current_pid_tgid() >> 32;
		event->before = ctx->args[1];
		event->after = ctx->args[2];
		bpf_get_current_comm(event->comm, sizeof(event->comm));
		bpf_ringbuf_submit(event, 0);
	}
	if (ctx->args[2] == TCP_CLOSE)
		bpf_map_delete_elem(&since, &sk);
	else
		bpf_map_update_elem(&since, &sk, &now, BPF_ANY);
	return 0;
}
