// SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause)
/*
 * Which files a process and its children open, with the result.
 *
 * Shows: two tracepoints that share a hash map, a filter that user space sets before loading (const volatile), fields of
 * kernel structures that are found on any kernel (CO-RE), typed events in a ring buffer, and a counter of lost ones.
 */
#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#define PATH_SIZE 256

/* How a member is to be shown. Only a note in the type information: other compilers and loaders pass over it. */
#define show_as(how) __attribute__((btf_decl_tag("show:" #how)))

/* One opened file, as user space receives it: a column each. */
struct event {
	__u64 time show_as(time); /* nanoseconds since boot */
	__u32 pid;                /* what the kernel calls tgid */
	char comm[16];
	int fd;  /* -1 when the file was not opened, ... */
	int err; /* ... and then the errno */
	int flags show_as(octal); /* O_... */
	char path[PATH_SIZE];
};

/* What the entry knows and the exit needs. */
struct open_args {
	const char *path;
	int flags;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 10240);
	__type(key, __u64); /* pid_tgid */
	__type(value, struct open_args);
} pending SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} events SEC(".maps");

/* Only this process and its children; 0 means every process. */
const volatile __u32 target_tgid = 0;

/* Events that found no room in the ring buffer. */
__u64 lost = 0;

static __always_inline bool wanted(__u32 tgid)
{
	struct task_struct *task;

	if (target_tgid == 0 || tgid == target_tgid)
		return true;
	task = (struct task_struct *)bpf_get_current_task();
	return BPF_CORE_READ(task, real_parent, tgid) == target_tgid;
}

SEC("tracepoint/syscalls/sys_enter_openat")
int open_enter(struct trace_event_raw_sys_enter *ctx)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct open_args args = {};

	if (!wanted(id >> 32))
		return 0;
	args.path = (const char *)ctx->args[1];
	args.flags = (int)ctx->args[2];
	bpf_map_update_elem(&pending, &id, &args, BPF_ANY);
	return 0;
}

SEC("tracepoint/syscalls/sys_exit_openat")
int open_exit(struct trace_event_raw_sys_exit *ctx)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct open_args *args;
	struct event *event;

	args = bpf_map_lookup_elem(&pending, &id);
	if (!args)
		return 0;

	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (event) {
		event->time = bpf_ktime_get_ns();
		event->pid = id >> 32;
		event->fd = ctx->ret < 0 ? -1 : (int)ctx->ret;
		event->err = ctx->ret < 0 ? (int)-ctx->ret : 0;
		event->flags = args->flags;
		bpf_get_current_comm(event->comm, sizeof(event->comm));
		/* The path is read now: at the entry its page may not have been in memory yet. */
		if (bpf_probe_read_user_str(event->path, sizeof(event->path), args->path) < 0)
			event->path[0] = 0;
		bpf_ringbuf_submit(event, 0);
	} else {
		__sync_fetch_and_add(&lost, 1);
	}
	bpf_map_delete_elem(&pending, &id);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
