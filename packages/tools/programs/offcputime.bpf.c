// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Where tasks wait: the stacks with which they leave the processor, and for how long. */
#include "tool.h"
#include "sched.h"
#include "stacks.h"

const volatile bool only_user = false;
const volatile bool only_kernel = false;
const volatile bool user_threads = false;
const volatile bool kernel_threads = false;
const volatile __u32 target_tid = 0;
const volatile __u32 target_state = -1;
/* Microseconds. */
const volatile __u64 least = 1;
const volatile __u64 most = ~0ULL;

#define PF_KTHREAD 0x00200000

struct key {
	__u32 pid;
	__u32 tid;
	int user;
	int kernel;
	char comm[16];
};

struct start {
	__u64 time;
	struct key key;
};

HASH(started, 16384, __u32, struct start);
HASH(times, 40960, struct key, __u64); /* microseconds */

static const __u64 none;

static __always_inline bool meant(struct task_struct *task)
{
	__u32 flags = BPF_CORE_READ(task, flags);

	if (target_tid && BPF_CORE_READ(task, pid) != target_tid)
		return false;
	if (user_threads && (flags & PF_KTHREAD))
		return false;
	if (kernel_threads && !(flags & PF_KTHREAD))
		return false;
	if (target_state != -1 && state_of(task) != target_state)
		return false;
	return wanted_task(task);
}

SEC("raw_tp/sched_switch")
int sched_switch(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *previous = (struct task_struct *)ctx->args[1];
	struct task_struct *next = (struct task_struct *)ctx->args[2];
	__u32 tid = BPF_CORE_READ(previous, pid);
	struct start *found, start = {};
	__u64 now = bpf_ktime_get_ns(), took, *total;

	/* The current task is still the previous one: the stacks are its own. */
	if (tid != 0 && meant(previous)) {
		start.time = now;
		start.key.pid = BPF_CORE_READ(previous, tgid);
		start.key.tid = tid;
		bpf_probe_read_kernel_str(start.key.comm, sizeof(start.key.comm), previous->comm);
		start.key.user = only_kernel ? -1 : bpf_get_stackid(ctx, &stacks, BPF_F_USER_STACK);
		start.key.kernel = only_user ? -1 : bpf_get_stackid(ctx, &stacks, 0);
		bpf_map_update_elem(&started, &tid, &start, BPF_ANY);
	}

	tid = BPF_CORE_READ(next, pid);
	found = bpf_map_lookup_elem(&started, &tid);
	if (!found)
		return 0;
	took = now > found->time ? (now - found->time) / 1000 : 0;
	if (took >= least && took <= most) {
		total = entry_of(&times, &found->key, &none);
		if (total)
			__sync_fetch_and_add(total, took);
	}
	bpf_map_delete_elem(&started, &tid);
	return 0;
}
