/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Facts of the scheduler that differ between kernels. */
#pragma once

/* `state` was renamed in Linux 5.14. */
struct task_struct___before_5_14 {
	volatile long state;
} __attribute__((preserve_access_index));

/* 0 is TASK_RUNNING: the task was put off, and waits for a processor. */
static __always_inline long state_of(struct task_struct *task)
{
	if (bpf_core_field_exists(task->__state))
		return BPF_CORE_READ(task, __state);
	return BPF_CORE_READ((struct task_struct___before_5_14 *)task, state);
}
