// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Files that processes open: the entry of the system call knows the path, its exit the result. */
#include "tool.h"
#include "files.h"
#include "folder.h"

#define PATH_SIZE 256

const volatile bool only_failed = false;
const volatile __u32 target_tid = 0;
const volatile __u32 target_uid = -1;
/* Also where relative paths start. */
const volatile bool full_path = false;

struct event {
	__u64 time; /* nanoseconds since boot */
	__u64 cgroup;
	__u32 pid;
	__u32 tid;
	__u32 uid;
	int result; /* a descriptor, or minus an errno */
	int flags;
	char comm[16];
	char path[PATH_SIZE];
};

/* With full_path. */
struct placed {
	struct event event;
	struct folder base;
};

struct args {
	int base;
	int flags;
	const char *path;
};

RING(events, 1 << 20);
HASH(pending, 10240, __u32, struct args);

static __always_inline int enter(int base, const char *path, int flags)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct args args = { base, flags, path };

	if (target_tid && tid != target_tid)
		return 0;
	if (target_uid != -1 && (__u32)bpf_get_current_uid_gid() != target_uid)
		return 0;
	if (wanted())
		bpf_map_update_elem(&pending, &tid, &args, BPF_ANY);
	return 0;
}

static __always_inline int leave(long result)
{
	__u64 id = bpf_get_current_pid_tgid();
	__u32 tid = id;
	struct args *args = bpf_map_lookup_elem(&pending, &tid);
	struct placed *placed = NULL;
	struct event *event;

	if (!args)
		return 0;
	if (only_failed && result >= 0)
		goto out;
	if (full_path) {
		placed = bpf_ringbuf_reserve(&events, sizeof(*placed), 0);
		event = &placed->event;
	} else {
		event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	}
	if (!event) {
		__sync_fetch_and_add(&lost, 1);
		goto out;
	}
	event->time = bpf_ktime_get_ns();
	event->cgroup = bpf_get_current_cgroup_id();
	event->pid = id >> 32;
	event->tid = tid;
	event->uid = bpf_get_current_uid_gid();
	event->result = result;
	event->flags = args->flags;
	bpf_get_current_comm(event->comm, sizeof(event->comm));
	/* The path is read now: at the entry its page may not have been in memory yet. */
	if (bpf_probe_read_user_str(event->path, sizeof(event->path), args->path) < 0)
		event->path[0] = 0;
	if (placed)
		read_folder(args->base, &placed->base);
	bpf_ringbuf_submit(event, 0);
out:
	bpf_map_delete_elem(&pending, &tid);
	return 0;
}

SEC("?tracepoint/syscalls/sys_enter_open")
int open_enter(struct trace_event_raw_sys_enter *ctx)
{
	return enter(AT_FDCWD, (const char *)ctx->args[0], ctx->args[1]);
}

SEC("tracepoint/syscalls/sys_enter_openat")
int openat_enter(struct trace_event_raw_sys_enter *ctx)
{
	return enter(ctx->args[0], (const char *)ctx->args[1], ctx->args[2]);
}

SEC("tracepoint/syscalls/sys_enter_openat2")
int openat2_enter(struct trace_event_raw_sys_enter *ctx)
{
	__u64 flags = 0;

	bpf_probe_read_user(&flags, sizeof(flags), &((struct open_how *)ctx->args[2])->flags);
	return enter(ctx->args[0], (const char *)ctx->args[1], flags);
}

SEC("?tracepoint/syscalls/sys_exit_open")
int open_exit(struct trace_event_raw_sys_exit *ctx)
{
	return leave(ctx->ret);
}

SEC("tracepoint/syscalls/sys_exit_openat")
int openat_exit(struct trace_event_raw_sys_exit *ctx)
{
	return leave(ctx->ret);
}

SEC("tracepoint/syscalls/sys_exit_openat2")
int openat2_exit(struct trace_event_raw_sys_exit *ctx)
{
	return leave(ctx->ret);
}
