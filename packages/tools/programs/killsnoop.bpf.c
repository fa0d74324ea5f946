// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Signals that processes send by kill(2), tkill(2) and tgkill(2), with the result. */
#include "tool.h"

const volatile bool only_failed = false;
const volatile __u32 target_signal = 0;

struct event {
	__u64 time; /* nanoseconds since boot */
	__u64 cgroup;
	__u32 pid;
	__u32 uid;
	int target;
	int signal;
	int result;
	char comm[16];
};

struct args {
	int target;
	int signal;
};

RING(events, 1 << 18);
HASH(pending, 10240, __u32, struct args);

static __always_inline int enter(int target, int signal)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct args args = { target, signal };

	if (target_signal && signal != target_signal)
		return 0;
	if (wanted())
		bpf_map_update_elem(&pending, &tid, &args, BPF_ANY);
	return 0;
}

static __always_inline int leave(int result)
{
	__u64 id = bpf_get_current_pid_tgid();
	__u32 tid = id;
	struct args *args = bpf_map_lookup_elem(&pending, &tid);
	struct event *event;

	if (!args)
		return 0;
	if (only_failed && result >= 0)
		goto out;
	event = reserve(&events, struct event);
	if (!event)
		goto out;
	event->time = bpf_ktime_get_ns();
	event->cgroup = bpf_get_current_cgroup_id();
	event->pid = id >> 32;
	event->uid = bpf_get_current_uid_gid();
	event->target = args->target;
	event->signal = args->signal;
	event->result = result;
	bpf_get_current_comm(event->comm, sizeof(event->comm));
	bpf_ringbuf_submit(event, 0);
out:
	bpf_map_delete_elem(&pending, &tid);
	return 0;
}

SEC("tracepoint/syscalls/sys_enter_kill")
int kill_enter(struct trace_event_raw_sys_enter *ctx)
{
	return enter(ctx->args[0], ctx->args[1]);
}

SEC("tracepoint/syscalls/sys_exit_kill")
int kill_exit(struct trace_event_raw_sys_exit *ctx)
{
	return leave(ctx->ret);
}

SEC("tracepoint/syscalls/sys_enter_tkill")
int tkill_enter(struct trace_event_raw_sys_enter *ctx)
{
	return enter(ctx->args[0], ctx->args[1]);
}

SEC("tracepoint/syscalls/sys_exit_tkill")
int tkill_exit(struct trace_event_raw_sys_exit *ctx)
{
	return leave(ctx->ret);
}

SEC("tracepoint/syscalls/sys_enter_tgkill")
int tgkill_enter(struct trace_event_raw_sys_enter *ctx)
{
	return enter(ctx->args[1], ctx->args[2]);
}

SEC("tracepoint/syscalls/sys_exit_tgkill")
int tgkill_exit(struct trace_event_raw_sys_exit *ctx)
{
	return leave(ctx->ret);
}
