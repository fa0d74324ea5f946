/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Who is meant: -p, -c and --cgroup. Needs vmlinux.h, bpf_helpers.h and bpf_core_read.h in front of it. */
#pragma once

/* Only this process and what descends from it; 0 means every process. */
const volatile __u32 target_tgid = 0;
/* And these; a 0 ends them. */
#define MORE_TGIDS 31
const volatile __u32 more_tgids[MORE_TGIDS] = {};
/* The PID namespace in which they have these numbers, by its inode; 0 is the machine's. */
const volatile __u32 target_pidns = 0;
/* Only processes of this cgroup; 0 means of every one. */
const volatile __u64 target_cgroup = 0;

/* Only on this processor; -1 means on every one. For those that ask. */
const volatile int target_cpu = -1;

static __always_inline bool wanted_cpu(void)
{
	return target_cpu < 0 || bpf_get_smp_processor_id() == target_cpu;
}

/* How far up a process's ancestors are looked for: more generations than people start. */
#define GENERATIONS 12

static __always_inline bool is_target(__u32 tgid)
{
	if (tgid == target_tgid)
		return true;
	for (int i = 0; i < MORE_TGIDS && more_tgids[i]; i++)
		if (tgid == more_tgids[i])
			return true;
	return false;
}

/* How many PID namespaces lie within each other: more than containers in containers have. */
#define PID_LEVELS 5

/* The number of its process in the namespace that is meant; 0 where it has none. */
static __always_inline __u32 tgid_of(struct task_struct *task)
{
	struct upid number = {};
	struct pid *pid;

	if (!target_pidns)
		return BPF_CORE_READ(task, tgid);
	pid = BPF_CORE_READ(task, group_leader, thread_pid);
	for (__u32 i = 0; i < PID_LEVELS && i <= BPF_CORE_READ(pid, level); i++) {
		bpf_core_read(&number, sizeof(number), &pid->numbers[i]);
		if (BPF_CORE_READ(number.ns, ns.inum) == target_pidns)
			return number.nr;
	}
	return 0;
}

static __always_inline bool descends(struct task_struct *task)
{
	for (int i = 0; i < GENERATIONS; i++) {
		__u32 own = tgid_of(task);

		if (is_target(own))
			return true;
		if (own <= 1)
			return false;
		task = BPF_CORE_READ(task, real_parent);
	}
	return false;
}

/* Whether the current process is one that the user asked for. */
static __always_inline bool wanted(void)
{
	if (target_cgroup != 0 && bpf_get_current_cgroup_id() != target_cgroup)
		return false;
	if (target_tgid == 0)
		return true;
	if (!target_pidns && bpf_get_current_pid_tgid() >> 32 == target_tgid)
		return true;
	return descends((struct task_struct *)bpf_get_current_task());
}

/* The same of another task than the current one. */
static __always_inline bool wanted_task(struct task_struct *task)
{
	if (target_cgroup != 0 && BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id) != target_cgroup)
		return false;
	return target_tgid == 0 || descends(task);
}
