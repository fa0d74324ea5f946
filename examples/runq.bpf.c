// SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause)
/*
 * How long threads wait for a CPU, as a histogram.
 *
 * Shows: BTF-typed tracepoints, a histogram by powers of two kept inside the kernel, and a field whose name changed
 * between kernel versions.
 */
#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define SLOTS 27
#define TASK_RUNNING 0

struct histogram {
	__u32 slots[SLOTS]; /* slot n counts waits of 2^n to 2^(n+1) - 1 microseconds */
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 10240);
	__type(key, __u32); /* thread id */
	__type(value, __u64);
} runnable_since SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct histogram);
} waits SEC(".maps");

/* The field's name before Linux 5.14. */
struct task_struct___before_5_14 {
	volatile long state;
} __attribute__((preserve_access_index));

static __always_inline __u32 state_of(struct task_struct *task)
{
	struct task_struct___before_5_14 *old = (void *)task;

	if (bpf_core_field_exists(task->__state))
		return BPF_CORE_READ(task, __state);
	return (__u32)BPF_CORE_READ(old, state);
}

static __always_inline __u32 log2_of(__u64 value)
{
	__u32 log = 0;

	for (int shift = 32; shift > 0; shift >>= 1) {
		if (value >> shift) {
			value >>= shift;
			log += shift;
		}
	}
	return log;
}

static __always_inline void start_waiting(__u32 tid)
{
	__u64 now = bpf_ktime_get_ns();

	if (tid != 0)
		bpf_map_update_elem(&runnable_since, &tid, &now, BPF_ANY);
}

SEC("tp_btf/sched_wakeup")
int BPF_PROG(wakeup, struct task_struct *task)
{
	start_waiting(task->pid);
	return 0;
}

SEC("tp_btf/sched_wakeup_new")
int BPF_PROG(wakeup_new, struct task_struct *task)
{
	start_waiting(task->pid);
	return 0;
}

SEC("tp_btf/sched_switch")
int BPF_PROG(switched, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	struct histogram *histogram;
	__u32 tid, slot, zero = 0;
	__u64 *since, waited;

	/* It was put aside, yet it could run: it waits from now on. */
	if (state_of(prev) == TASK_RUNNING)
		start_waiting(prev->pid);

	tid = next->pid;
	since = bpf_map_lookup_elem(&runnable_since, &tid);
	if (!since)
		return 0;
	waited = bpf_ktime_get_ns() - *since;
	bpf_map_delete_elem(&runnable_since, &tid);

	histogram = bpf_map_lookup_elem(&waits, &zero);
	if (!histogram)
		return 0;
	slot = log2_of(waited / 1000);
	if (slot >= SLOTS)
		slot = SLOTS - 1;
	__sync_fetch_and_add(&histogram->slots[slot], 1);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
