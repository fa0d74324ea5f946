/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* A connection that the current process has accepted, sent. */
#pragma once
#include "tcp.h"

struct event {
	__u64 time; /* nanoseconds since boot */
	__u64 cgroup;
	struct flow flow;
	__u32 pid;
	char comm[16];
};

RING(events, 1 << 20);

static __always_inline int accepted(struct sock *sk)
{
	struct event *event;
	struct flow flow;

	/* Unix sockets are accepted too. */
	if (!read_flow(sk, &flow) || BPF_CORE_READ_BITFIELD_PROBED(sk, sk_protocol) != IPPROTO_TCP)
		return 0;
	event = reserve(&events, struct event);
	if (!event)
		return 0;
	event->time = bpf_ktime_get_ns();
	event->cgroup = bpf_get_current_cgroup_id();
	event->flow = flow;
	event->pid = bpf_get_current_pid_tgid() >> 32;
	bpf_get_current_comm(event->comm, sizeof(event->comm));
	bpf_ringbuf_submit(event, 0);
	return 0;
}
