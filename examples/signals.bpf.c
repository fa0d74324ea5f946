// SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause)
/*
 * Who sends which signal to whom, and whether it worked.
 *
 * Shows: state carried from the entry of a system call to its exit in a hash map keyed by thread.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

struct event {
	__u32 pid;
	__u32 target;
	int signal;
	int ret;
	char comm[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 10240);
	__type(key, __u32); /* thread id */
	__type(value, struct event);
} calls SEC(".maps");

static int remember(__u32 target, int signal)
{
	struct event event = {};
	__u64 id = bpf_get_current_pid_tgid();
	__u32 tid = (__u32)id;

	event.pid = id >> 32;
	event.target = target;
	event.signal = signal;
	bpf_get_current_comm(event.comm, sizeof(event.comm));
	bpf_map_update_elem(&calls, &tid, &event, BPF_ANY);
	return 0;
}

static int report(int ret)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid();
	struct event *event = bpf_map_lookup_elem(&calls, &tid);

	if (!event)
		return 0;
	event->ret = ret;
	bpf_printk("pid %d sends signal %d to %d\n", event->pid, event->signal, event->target);
	bpf_map_delete_elem(&calls, &tid);
	return 0;
}

SEC("tracepoint/syscalls/sys_enter_kill")
int kill_enter(struct trace_event_raw_sys_enter *ctx)
{
	return remember((__u32)ctx->args[0], (int)ctx->args[1]);
}

SEC("tracepoint/syscalls/sys_exit_kill")
int kill_exit(struct trace_event_raw_sys_exit *ctx)
{
	return report((int)ctx->ret);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
