// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Who has files written to disk, and how long that takes. */
#include "tool.h"

/* In the order of the tool's names. */
enum call { SYNC, FSYNC, FDATASYNC, MSYNC, SYNC_FILE_RANGE, SYNCFS };

struct event {
	__u64 time; /* nanoseconds since boot */
	__u64 took; /* nanoseconds */
	__u64 cgroup;
	__u32 pid;
	__u32 call;
	int result;
	char comm[16];
};

RING(events, 1 << 18);
HASH(started, 10240, __u32, __u64);

static __always_inline int enter(void)
{
	__u32 tid = bpf_get_current_pid_tgid();
	__u64 now = bpf_ktime_get_ns();

	if (wanted())
		bpf_map_update_elem(&started, &tid, &now, BPF_ANY);
	return 0;
}

static __always_inline int leave(__u32 call, int result)
{
	__u64 id = bpf_get_current_pid_tgid(), now = bpf_ktime_get_ns();
	__u32 tid = id;
	__u64 *since = bpf_map_lookup_elem(&started, &tid);
	struct event *event;

	if (!since)
		return 0;
	event = reserve(&events, struct event);
	if (event) {
		event->time = *since;
		event->took = now - *since;
		event->cgroup = bpf_get_current_cgroup_id();
		event->pid = id >> 32;
		event->call = call;
		event->result = result;
		bpf_get_current_comm(event->comm, sizeof(event->comm));
		bpf_ringbuf_submit(event, 0);
	}
	bpf_map_delete_elem(&started, &tid);
	return 0;
}

#define CALL(name, number)                                                               \
	SEC("?tracepoint/syscalls/sys_enter_" #name)                                         \
	int name##_enter(void *ctx)                                                          \
	{                                                                                    \
		return enter();                                                                  \
	}                                                                                    \
	SEC("?tracepoint/syscalls/sys_exit_" #name)                                          \
	int name##_exit(struct trace_event_raw_sys_exit *ctx)                                \
	{                                                                                    \
		return leave(number, ctx->ret);                                                  \
	}

CALL(sync, SYNC)
CALL(fsync, FSYNC)
CALL(fdatasync, FDATASYNC)
CALL(msync, MSYNC)
CALL(sync_file_range, SYNC_FILE_RANGE)
CALL(syncfs, SYNCFS)
