// SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause)
/*
 * Ends the processes of one parent that try to trace others.
 *
 * Shows: bpf_send_signal, which acts from inside of the system call, before it does its work.
 */
#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#define SIGKILL 9

struct event {
	__u32 pid;
	char comm[16];
	long error; /* of sending the signal */
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

const volatile __u32 target_ppid = 1;

SEC("tracepoint/syscalls/sys_enter_ptrace")
int traces(void *ctx)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct event *event;
	long error;

	if (BPF_CORE_READ(task, real_parent, tgid) != target_ppid)
		return 0;
	error = bpf_send_signal(SIGKILL);
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event)
		return 0;
	event->pid = bpf_get_current_pid_tgid() >> 32;
	event->error = error;
	bpf_get_current_comm(event->comm, sizeof(event->comm));
	bpf_ringbuf_submit(event, 0);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
