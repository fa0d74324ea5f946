// SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause)
/*
 * Which processes end, after how long, with which exit code or signal.
 *
 * Shows: the scheduler's tracepoint at a process's end, fields of the task by CO-RE, and a ring buffer.
 */
#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

struct event {
	__u64 duration; /* nanoseconds */
	__u32 pid;
	__u32 ppid;
	__u32 exit_code;
	__u32 signal;
	char comm[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
} events SEC(".maps");

SEC("tp/sched/sched_process_exit")
int process_exit(void *ctx)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct task_struct *task;
	struct event *event;
	int code;

	/* The end of a thread is not the end of its process. */
	if ((__u32)id != id >> 32)
		return 0;
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event)
		return 0;
	task = (struct task_struct *)bpf_get_current_task();
	code = BPF_CORE_READ(task, exit_code);
	event->duration = bpf_ktime_get_ns() - BPF_CORE_READ(task, start_time);
	event->pid = id >> 32;
	event->ppid = BPF_CORE_READ(task, real_parent, tgid);
	event->exit_code = (code >> 8) & 0xff;
	event->signal = code & 0x7f;
	bpf_get_current_comm(&event->comm, sizeof(event->comm));
	bpf_ringbuf_submit(event, 0);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
