// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* TCP connections when they end: whose they were, how long they lasted, how much they carried. */
#include "tool.h"
#include "tcp.h"

struct event {
	__u64 time; /* nanoseconds since boot */
	__u64 took; /* nanoseconds */
	__u64 cgroup;
	__u64 received; /* bytes */
	__u64 sent;
	struct flow flow;
	__u32 pid;
	char comm[16];
};

/* Whose it is: whoever asked for it, or whoever closes it; others only lend their time. */
struct owner {
	__u64 cgroup;
	__u32 pid;
	__u32 wanted;
	char comm[16];
};

RING(events, 1 << 20);
HASH(born, 16384, struct sock *, __u64);
HASH(owners, 16384, struct sock *, struct owner);

static __always_inline void current_owner(struct owner *owner)
{
	owner->cgroup = bpf_get_current_cgroup_id();
	owner->pid = bpf_get_current_pid_tgid() >> 32;
	owner->wanted = wanted();
	bpf_get_current_comm(owner->comm, sizeof(owner->comm));
}

SEC("raw_tp/inet_sock_set_state")
int set_state(struct bpf_raw_tracepoint_args *ctx)
{
	struct sock *sk = (struct sock *)ctx->args[0];
	int after = ctx->args[2];
	__u64 now = bpf_ktime_get_ns(), *start;
	struct owner here = {}, *owner;
	struct event *event;
	struct flow flow;

	if (BPF_CORE_READ_BITFIELD_PROBED(sk, sk_protocol) != IPPROTO_TCP)
		return 0;
	/* A new one: SYN_SENT by connect(2), or ESTABLISHED by somebody else's. */
	if (after < TCP_FIN_WAIT1)
		bpf_map_update_elem(&born, &sk, &now, after == TCP_SYN_SENT ? BPF_ANY : BPF_NOEXIST);
	if (after == TCP_SYN_SENT || after == TCP_FIN_WAIT1 || after == TCP_LAST_ACK) {
		current_owner(&here);
		bpf_map_update_elem(&owners, &sk, &here, after == TCP_SYN_SENT ? BPF_ANY : BPF_NOEXIST);
	}
	if (after != TCP_CLOSE)
		return 0;

	start = bpf_map_lookup_elem(&born, &sk);
	owner = bpf_map_lookup_elem(&owners, &sk);
	if (!start)
		goto out;
	if (!owner) {
		current_owner(&here);
		owner = &here;
	}
	if (!owner->wanted || !read_flow(sk, &flow))
		goto out;
	event = reserve(&events, struct event);
	if (!event)
		goto out;
	event->time = now;
	event->took = now - *start;
	event->cgroup = owner->cgroup;
	event->received = BPF_CORE_READ((struct tcp_sock *)sk, bytes_received);
	event->sent = BPF_CORE_READ((struct tcp_sock *)sk, bytes_acked);
	event->flow = flow;
	event->pid = owner->pid;
	__builtin_memcpy(event->comm, owner->comm, sizeof(event->comm));
	bpf_ringbuf_submit(event, 0);
out:
	bpf_map_delete_elem(&born, &sk);
	bpf_map_delete_elem(&owners, &sk);
	return 0;
}
