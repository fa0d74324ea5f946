// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Connections that processes ask for: the socket leaves CLOSE for SYN_SENT while they are current. */
#include "tool.h"
#include "files.h"
#include "tcp.h"

const volatile __u32 target_uid = -1;
/* Also the port here, which is chosen a little later. */
const volatile bool with_local_port = false;

/* Numbers in place of events. */
const volatile bool count = false;
const volatile bool by_source_port = false;

struct event {
	__u64 time; /* nanoseconds since boot */
	__u64 cgroup;
	struct flow flow;
	__u32 pid;
	__u32 uid;
	char comm[16];
};

RING(events, 1 << 20);
HASH(pending, 10240, __u32, struct sock *);
HASH(counts, 10240, struct flow, __u64);

static const __u64 none;

static __always_inline int send(struct sock *sk)
{
	struct event *event;
	struct flow flow;
	__u64 *total;

	if (!read_flow(sk, &flow))
		return 0;
	if (count) {
		if (!by_source_port)
			flow.local_port = 0;
		total = entry_of(&counts, &flow, &none);
		if (total)
			__sync_fetch_and_add(total, 1);
		return 0;
	}
	event = reserve(&events, struct event);
	if (!event)
		return 0;
	event->time = bpf_ktime_get_ns();
	event->cgroup = bpf_get_current_cgroup_id();
	event->flow = flow;
	event->pid = bpf_get_current_pid_tgid() >> 32;
	event->uid = bpf_get_current_uid_gid();
	bpf_get_current_comm(event->comm, sizeof(event->comm));
	bpf_ringbuf_submit(event, 0);
	return 0;
}

SEC("raw_tp/inet_sock_set_state")
int set_state(struct bpf_raw_tracepoint_args *ctx)
{
	struct sock *sk = (struct sock *)ctx->args[0];
	__u32 tid = bpf_get_current_pid_tgid();

	if (ctx->args[1] != TCP_CLOSE || ctx->args[2] != TCP_SYN_SENT)
		return 0;
	if (target_uid != -1 && (__u32)bpf_get_current_uid_gid() != target_uid)
		return 0;
	if (!wanted())
		return 0;
	if (!with_local_port)
		return send(sk);
	bpf_map_update_elem(&pending, &tid, &sk, BPF_ANY);
	return 0;
}

SEC("tracepoint/syscalls/sys_exit_connect")
int connect_exit(struct trace_event_raw_sys_exit *ctx)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct sock **sk = bpf_map_lookup_elem(&pending, &tid);

	if (!sk)
		return 0;
	send(*sk);
	bpf_map_delete_elem(&pending, &tid);
	return 0;
}

#include "dns.h"
