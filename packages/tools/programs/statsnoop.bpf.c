// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Paths that processes ask about: stat(2) and its younger brothers. */
#include "tool.h"

#define PATH_SIZE 256

const volatile bool only_failed = false;

/* In the order of the tool's names. */
enum { newfstatat, statx, newstat, newlstat, statfs };

struct event {
	__u64 time; /* nanoseconds since boot */
	__u64 cgroup;
	__u32 pid;
	int result;
	__u32 call;
	char comm[16];
	char path[PATH_SIZE];
};

RING(events, 1 << 20);
HASH(pending, 10240, __u32, const char *);

static __always_inline int enter(const char *path)
{
	__u32 tid = bpf_get_current_pid_tgid();

	if (wanted())
		bpf_map_update_elem(&pending, &tid, &path, BPF_ANY);
	return 0;
}

static __always_inline int leave(__u32 call, int result)
{
	__u64 id = bpf_get_current_pid_tgid();
	__u32 tid = id;
	const char **path = bpf_map_lookup_elem(&pending, &tid);
	struct event *event;

	if (!path)
		return 0;
	if (only_failed && result >= 0)
		goto out;
	event = reserve(&events, struct event);
	if (!event)
		goto out;
	event->time = bpf_ktime_get_ns();
	event->cgroup = bpf_get_current_cgroup_id();
	event->pid = id >> 32;
	event->result = result;
	event->call = call;
	bpf_get_current_comm(event->comm, sizeof(event->comm));
	if (bpf_probe_read_user_str(event->path, sizeof(event->path), *path) < 0)
		event->path[0] = 0;
	bpf_ringbuf_submit(event, 0);
out:
	bpf_map_delete_elem(&pending, &tid);
	return 0;
}

#define CALL(name, path)                                                                 \
	SEC("?tracepoint/syscalls/sys_enter_" #name)                                         \
	int name##_enter(struct trace_event_raw_sys_enter *ctx)                              \
	{                                                                                    \
		return enter((const char *)ctx->args[path]);                                     \
	}                                                                                    \
	SEC("?tracepoint/syscalls/sys_exit_" #name)                                          \
	int name##_exit(struct trace_event_raw_sys_exit *ctx)                                \
	{                                                                                    \
		return leave(name, ctx->ret);                                                          \
	}

CALL(newfstatat, 1)
CALL(statx, 1)
CALL(newstat, 0)
CALL(newlstat, 0)
CALL(statfs, 0)
