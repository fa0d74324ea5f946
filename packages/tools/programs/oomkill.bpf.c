// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Processes that the kernel kills for want of memory. */
#include "tool.h"

struct event {
	__u64 time;   /* nanoseconds since boot */
	__u64 cgroup; /* of the process on whose behalf memory was wanted */
	__u32 by;
	__u32 victim;
	__u64 pages;  /* allowed; 0 where the kernel does not say */
	__u64 anonymous_kb;
	__u64 file_kb;
	char by_comm[16];
	char comm[16];
};

RING(events, 1 << 16);

static __always_inline struct event *begin(void)
{
	struct event *event = reserve(&events, struct event);

	if (!event)
		return NULL;
	event->time = bpf_ktime_get_ns();
	event->cgroup = bpf_get_current_cgroup_id();
	event->by = bpf_get_current_pid_tgid() >> 32;
	bpf_get_current_comm(event->by_comm, sizeof(event->by_comm));
	event->pages = event->anonymous_kb = event->file_kb = 0;
	return event;
}

SEC("?kprobe/oom_kill_process")
int BPF_KPROBE(oom_kill_process, struct oom_control *control)
{
	struct task_struct *chosen = BPF_CORE_READ(control, chosen);
	struct event *event = begin();

	if (!event)
		return 0;
	event->victim = BPF_CORE_READ(chosen, tgid);
	event->pages = BPF_CORE_READ(control, totalpages);
	bpf_probe_read_kernel_str(event->comm, sizeof(event->comm), chosen->comm);
	bpf_ringbuf_submit(event, 0);
	return 0;
}

SEC("?raw_tp/mark_victim")
int mark_victim(struct bpf_raw_tracepoint_args *ctx)
{
	struct event *event = begin();
	struct task_struct *task;

	if (!event)
		return 0;
	event->comm[0] = 0;
	/* The task since Linux 6.9, before it only its pid. */
	if (ctx->args[0] >> 32) {
		task = (struct task_struct *)ctx->args[0];
		event->victim = BPF_CORE_READ(task, tgid);
		bpf_probe_read_kernel_str(event->comm, sizeof(event->comm), task->comm);
	} else {
		event->victim = ctx->args[0];
	}
	bpf_ringbuf_submit(event, 0);
	return 0;
}
