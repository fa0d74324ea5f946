/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Since when tasks wait for a processor: from their wake-up, or from when they were put off. */
#pragma once
#include "sched.h"

HASH(queued, 16384, __u32, __u64); /* nanoseconds since boot, by thread */

static __always_inline void enqueue(struct task_struct *task)
{
	__u32 tid = BPF_CORE_READ(task, pid);
	__u64 now;

	if (tid == 0 || !wanted_task(task))
		return;
	now = bpf_ktime_get_ns();
	bpf_map_update_elem(&queued, &tid, &now, BPF_ANY);
}

SEC("raw_tp/sched_wakeup")
int wakeup(struct bpf_raw_tracepoint_args *ctx)
{
	enqueue((struct task_struct *)ctx->args[0]);
	return 0;
}

SEC("raw_tp/sched_wakeup_new")
int wakeup_new(struct bpf_raw_tracepoint_args *ctx)
{
	enqueue((struct task_struct *)ctx->args[0]);
	return 0;
}
