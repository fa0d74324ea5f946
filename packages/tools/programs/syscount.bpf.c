// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* System calls: how many, and how long they take, by number or by process. */
#include "tool.h"

const volatile bool by_process = false;
const volatile bool measure = false;
const volatile bool only_failed = false;
/* Only calls that failed with this errno. */
const volatile __u32 target_errno = 0;
/* Only this call; -1: all. */
const volatile int target_call = -1;
const volatile __u32 target_tid = 0;
const volatile __u32 target_ppid = 0;

struct entry {
	__u64 count;
	__u64 time; /* nanoseconds */
	char comm[16];
};

HASH(started, 16384, __u32, __u64);
HASH(counts, 10240, __u32, struct entry);

static const struct entry zero;

static __always_inline bool meant(void)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();

	if (target_tid && (__u32)bpf_get_current_pid_tgid() != target_tid)
		return false;
	if (target_ppid && BPF_CORE_READ(task, real_parent, tgid) != target_ppid)
		return false;
	return wanted();
}

SEC("?tracepoint/raw_syscalls/sys_enter")
int enter(struct trace_event_raw_sys_enter *ctx)
{
	__u32 tid = bpf_get_current_pid_tgid();
	__u64 now;

	if (!meant())
		return 0;
	now = bpf_ktime_get_ns();
	bpf_map_update_elem(&started, &tid, &now, BPF_ANY);
	return 0;
}

SEC("tracepoint/raw_syscalls/sys_exit")
int leave(struct trace_event_raw_sys_exit *ctx)
{
	__u64 id = bpf_get_current_pid_tgid();
	__u32 tid = id, key = by_process ? id >> 32 : (__u32)ctx->id;
	struct entry *entry;
	__u64 *since = NULL, took = 0;

	/* It came into the world by fork, or returns from a signal: no call that was made. */
	if (ctx->id < 0 || (target_call >= 0 && ctx->id != target_call))
		return 0;
	if (measure) {
		since = bpf_map_lookup_elem(&started, &tid);
		if (!since)
			return 0;
		took = bpf_ktime_get_ns() - *since;
		bpf_map_delete_elem(&started, &tid);
	} else if (!meant()) {
		return 0;
	}
	if (only_failed && ctx->ret >= 0)
		return 0;
	if (target_errno && ctx->ret != -(long)target_errno)
		return 0;
	entry = entry_of(&counts, &key, &zero);
	if (!entry)
		return 0;
	__sync_fetch_and_add(&entry->count, 1);
	__sync_fetch_and_add(&entry->time, took);
	/* Each time: programs change it when they start. */
	if (by_process)
		bpf_get_current_comm(entry->comm, sizeof(entry->comm));
	return 0;
}
