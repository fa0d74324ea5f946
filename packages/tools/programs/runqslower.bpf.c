// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Tasks that waited for a processor longer than a limit. */
#include "tool.h"
#include "run-queue.h"

/* Microseconds. */
const volatile __u64 least = 10000;

struct event {
	__u64 time; /* nanoseconds since boot */
	__u64 waited; /* microseconds */
	__u32 pid;
	__u32 tid;
	__u32 previous_tid;
	char comm[16];
	char previous[16];
};

RING(events, 1 << 18);

SEC("raw_tp/sched_switch")
int sched_switch(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *previous = (struct task_struct *)ctx->args[1];
	struct task_struct *next = (struct task_struct *)ctx->args[2];
	__u32 tid = BPF_CORE_READ(next, pid);
	struct event *event;
	__u64 *since, now, waited;

	if (state_of(previous) == 0)
		enqueue(previous);
	since = bpf_map_lookup_elem(&queued, &tid);
	if (!since)
		return 0;
	now = bpf_ktime_get_ns();
	waited = now > *since ? (now - *since) / 1000 : 0;
	bpf_map_delete_elem(&queued, &tid);
	if (waited < least)
		return 0;
	event = reserve(&events, struct event);
	if (!event)
		return 0;
	event->time = now;
	event->waited = waited;
	event->pid = BPF_CORE_READ(next, tgid);
	event->tid = tid;
	event->previous_tid = BPF_CORE_READ(previous, pid);
	bpf_probe_read_kernel_str(event->comm, sizeof(event->comm), next->comm);
	bpf_probe_read_kernel_str(event->previous, sizeof(event->previous), previous->comm);
	bpf_ringbuf_submit(event, 0);
	return 0;
}
