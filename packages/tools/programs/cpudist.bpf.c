// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* How long tasks have a processor before they give it up, or, with `off`, how long they are without one. */
#include "tool.h"
#include "sched.h"

enum { BY_NOTHING, BY_PROCESS, BY_THREAD };

const volatile __u32 by = BY_NOTHING;
const volatile bool milliseconds = false;
const volatile bool off = false;
/* The idle tasks of the processors, too. */
const volatile bool with_idle = false;
/* Averages are asked for. */
const volatile bool sums = false;

struct entry {
	struct histogram histogram;
	__u64 sum;
	__u64 count;
	char comm[16];
};

/* By thread; of idle tasks, which are all thread 0, by processor. */
HASH(started, 16384, __u32, __u64);
HASH(histograms, 10240, __u32, struct entry);

static const struct entry zero;

#define IDLE 0x80000000

static __always_inline __u32 key_of(__u32 tid)
{
	return tid ? tid : IDLE | bpf_get_smp_processor_id();
}

static __always_inline void start(struct task_struct *task, __u64 now)
{
	__u32 tid = BPF_CORE_READ(task, pid), key = key_of(tid);

	if ((tid != 0 || with_idle) && wanted_task(task))
		bpf_map_update_elem(&started, &key, &now, BPF_ANY);
}

static __always_inline void end(struct task_struct *task, __u64 now)
{
	__u32 tid = BPF_CORE_READ(task, pid), which = key_of(tid), key = 0;
	__u64 *since = bpf_map_lookup_elem(&started, &which);
	struct entry *entry;
	__u64 took;

	if (!since)
		return;
	took = now > *since ? now - *since : 0;
	bpf_map_delete_elem(&started, &which);
	if (by == BY_PROCESS)
		key = BPF_CORE_READ(task, tgid);
	else if (by == BY_THREAD)
		key = tid;
	entry = entry_of(&histograms, &key, &zero);
	if (!entry)
		return;
	/* Each time: programs change it when they start. */
	if (by != BY_NOTHING)
		bpf_probe_read_kernel_str(entry->comm, sizeof(entry->comm), task->comm);
	took /= milliseconds ? 1000000 : 1000;
	histogram_add(&entry->histogram, took);
	if (sums) {
		__sync_fetch_and_add(&entry->sum, took);
		__sync_fetch_and_add(&entry->count, 1);
	}
}

SEC("raw_tp/sched_switch")
int sched_switch(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *previous = (struct task_struct *)ctx->args[1];
	struct task_struct *next = (struct task_struct *)ctx->args[2];
	__u64 now = bpf_ktime_get_ns();

	end(off ? next : previous, now);
	start(off ? previous : next, now);
	return 0;
}
