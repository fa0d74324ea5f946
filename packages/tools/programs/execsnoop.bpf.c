// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Programs that are started: the system call has the arguments, its exit the result. */
#include "tool.h"

#define MOST_ARGS 60
#define ARG_SIZE 128
#define ARGS_SIZE (MOST_ARGS * ARG_SIZE)

const volatile bool also_failed = false;
const volatile __u32 target_uid = -1;
const volatile __u32 target_ppid = 0;
const volatile __u32 most_args = 20;

struct event {
	__u64 time; /* nanoseconds since boot */
	__u64 cgroup;
	__u32 pid;
	__u32 ppid;
	__u32 uid;
	__u32 cpu;
	int result;
	__u32 args_count;
	__u32 args_size;
	char comm[16];
	char pcomm[16]; /* of the parent */
	__u8 args[ARGS_SIZE]; /* one behind the other, each with its zero */
};

/* Too large for the stack, and gathered over two system call events. */
HASH(pending, 1024, __u32, struct event);

static const struct event zero;

RING(events, 4 << 20);

static __always_inline int enter(const char *path, const char *const *args)
{
	__u64 id = bpf_get_current_pid_tgid();
	__u32 tid = id, uid = bpf_get_current_uid_gid();
	struct task_struct *task;
	struct event *event;
	long size;

	if (target_uid != -1 && uid != target_uid)
		return 0;
	if (!wanted())
		return 0;
	task = (struct task_struct *)bpf_get_current_task();
	if (target_ppid && BPF_CORE_READ(task, real_parent, tgid) != target_ppid)
		return 0;
	if (bpf_map_update_elem(&pending, &tid, &zero, BPF_ANY))
		return 0;
	event = bpf_map_lookup_elem(&pending, &tid);
	if (!event)
		return 0;
	event->pid = id >> 32;
	event->uid = uid;
	event->ppid = BPF_CORE_READ(task, real_parent, tgid);
	bpf_probe_read_kernel_str(event->pcomm, sizeof(event->pcomm), BPF_CORE_READ(task, real_parent)->comm);

	size = bpf_probe_read_user_str(event->args, ARG_SIZE, path);
	if (size > 0 && size <= ARG_SIZE)
		event->args_size = size;
	event->args_count = 1;
	for (__u32 i = 1; i < MOST_ARGS; i++) {
		const char *arg = NULL;
		__u32 at = event->args_size;

		if (i >= most_args)
			break;
		bpf_probe_read_user(&arg, sizeof(arg), &args[i]);
		if (!arg)
			break;
		if (at > ARGS_SIZE - ARG_SIZE)
			break;
		size = bpf_probe_read_user_str(&event->args[at], ARG_SIZE, arg);
		if (size <= 0 || size > ARG_SIZE)
			break;
		event->args_size = at + size;
		event->args_count++;
	}
	return 0;
}

static __always_inline int leave(int result)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct event *event = bpf_map_lookup_elem(&pending, &tid);
	__u32 size;

	if (!event)
		return 0;
	if (result < 0 && !also_failed)
		goto out;
	event->time = bpf_ktime_get_ns();
	event->cgroup = bpf_get_current_cgroup_id();
	event->result = result;
	event->cpu = bpf_get_smp_processor_id();
	bpf_get_current_comm(event->comm, sizeof(event->comm));
	size = event->args_size;
	if (size <= ARGS_SIZE &&
	    bpf_ringbuf_output(&events, event, __builtin_offsetof(struct event, args) + size, 0) < 0)
		__sync_fetch_and_add(&lost, 1);
out:
	bpf_map_delete_elem(&pending, &tid);
	return 0;
}

SEC("tracepoint/syscalls/sys_enter_execve")
int execve_enter(struct trace_event_raw_sys_enter *ctx)
{
	return enter((const char *)ctx->args[0], (const char *const *)ctx->args[1]);
}

SEC("tracepoint/syscalls/sys_exit_execve")
int execve_exit(struct trace_event_raw_sys_exit *ctx)
{
	return leave(ctx->ret);
}

SEC("tracepoint/syscalls/sys_enter_execveat")
int execveat_enter(struct trace_event_raw_sys_enter *ctx)
{
	return enter((const char *)ctx->args[1], (const char *const *)ctx->args[2]);
}

SEC("tracepoint/syscalls/sys_exit_execveat")
int execveat_exit(struct trace_event_raw_sys_exit *ctx)
{
	return leave(ctx->ret);
}
