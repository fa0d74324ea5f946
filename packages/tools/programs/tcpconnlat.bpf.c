// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* How long connections take to come about: from SYN_SENT to ESTABLISHED. */
#include "tool.h"
#include "tcp.h"

/* Nanoseconds. */
const volatile __u64 least = 0;

struct start {
	__u64 time;
	__u64 cgroup;
	__u32 pid;
	char comm[16];
};

struct event {
	__u64 time; /* nanoseconds since boot */
	__u64 took; /* nanoseconds */
	__u64 cgroup;
	struct flow flow;
	__u32 pid;
	char comm[16];
};

RING(events, 1 << 20);
HASH(started, 16384, struct sock *, struct start);

SEC("raw_tp/inet_sock_set_state")
int set_state(struct bpf_raw_tracepoint_args *ctx)
{
	struct sock *sk = (struct sock *)ctx->args[0];
	struct start start = {}, *found;
	struct event *event;
	struct flow flow;
	__u64 took;

	if (ctx->args[2] == TCP_SYN_SENT) {
		if (!wanted())
			return 0;
		start.time = bpf_ktime_get_ns();
		start.cgroup = bpf_get_current_cgroup_id();
		start.pid = bpf_get_current_pid_tgid() >> 32;
		bpf_get_current_comm(start.comm, sizeof(start.comm));
		bpf_map_update_elem(&started, &sk, &start, BPF_ANY);
		return 0;
	}
	if (ctx->args[1] != TCP_SYN_SENT)
		return 0;
	found = bpf_map_lookup_elem(&started, &sk);
	if (!found)
		return 0;
	took = bpf_ktime_get_ns() - found->time;
	/* Anything else than ESTABLISHED: it came to nothing. */
	if (ctx->args[2] != TCP_ESTABLISHED || took < least || !read_flow(sk, &flow))
		goto out;
	event = reserve(&events, struct event);
	if (!event)
		goto out;
	event->time = found->time + took;
	event->took = took;
	event->cgroup = found->cgroup;
	event->flow = flow;
	event->pid = found->pid;
	__builtin_memcpy(event->comm, found->comm, sizeof(event->comm));
	bpf_ringbuf_submit(event, 0);
out:
	bpf_map_delete_elem(&started, &sk);
	return 0;
}
