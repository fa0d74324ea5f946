// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Processes that end: how long they lived, and with which exit code or signal. */
#include "tool.h"

const volatile bool only_failed = false;
/* Each thread, not only the last of its process. */
const volatile bool threads = false;

struct event {
	__u64 time;  /* nanoseconds since boot */
	__u64 start; /* the same */
	__u64 cgroup;
	__u32 pid;
	__u32 tid;
	__u32 ppid;
	int exit_code; /* as wait(2) gives it: the code in bits 8 to 15, a signal below */
	char comm[16];
};

RING(events, 1 << 20);

/* Before Linux 5.5. */
struct task_struct___before {
	__u64 real_start_time;
} __attribute__((preserve_access_index));

SEC("tracepoint/sched/sched_process_exit")
int process_exit(void *ctx)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	__u64 id = bpf_get_current_pid_tgid();
	__u32 pid = id >> 32, tid = id;
	int code = BPF_CORE_READ(task, exit_code);
	struct event *event;

	if (pid != tid && !threads)
		return 0;
	if (only_failed && code == 0)
		return 0;
	if (!wanted())
		return 0;
	event = reserve(&events, struct event);
	if (!event)
		return 0;
	event->time = bpf_ktime_get_ns();
	if (bpf_core_field_exists(task->start_boottime))
		event->start = BPF_CORE_READ(task, start_time);
	else
		event->start = BPF_CORE_READ((struct task_struct___before *)task, real_start_time);
	event->cgroup = bpf_get_current_cgroup_id();
	event->pid = pid;
	event->tid = tid;
	event->ppid = BPF_CORE_READ(task, real_parent, tgid);
	event->exit_code = code;
	bpf_get_current_comm(event->comm, sizeof(event->comm));
	bpf_ringbuf_submit(event, 0);
	return 0;
}
