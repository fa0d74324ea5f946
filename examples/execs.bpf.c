// SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause)
/*
 * Which programs are started, and by whom.
 *
 * Shows: events through a perf buffer (one ring for each CPU), an event built on the stack, and a chain of kernel
 * pointers followed by one BPF_CORE_READ.
 */
#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

struct event {
	__u32 pid;
	__u32 ppid;
	__u32 uid;
	char comm[16];
	char path[128];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} events SEC(".maps");

SEC("tracepoint/syscalls/sys_enter_execve")
int exec_enter(struct trace_event_raw_sys_enter *ctx)
{
	struct event event = {};
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();

	event.pid = bpf_get_current_pid_tgid() >> 32;
	event.uid = (__u32)bpf_get_current_uid_gid();
	event.ppid = BPF_CORE_READ(task, real_parent, tgid);
	bpf_get_current_comm(event.comm, sizeof(event.comm));
	bpf_probe_read_user_str(event.path, sizeof(event.path), (const char *)ctx->args[0]);
	bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, &event, sizeof(event));
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
