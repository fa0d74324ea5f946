// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* How long tasks that could run wait for a processor: from wake-up, or from being put off, to the switch. */
#include "tool.h"
#include "run-queue.h"

/* What histograms are kept for: nothing, each process, each thread, each pid namespace. */
enum { BY_NOTHING, BY_PROCESS, BY_THREAD, BY_NAMESPACE };

const volatile __u32 by = BY_NOTHING;
const volatile bool milliseconds = false;

struct entry {
	struct histogram histogram;
	char comm[16];
};

HASH(histograms, 10240, __u32, struct entry);

static const struct entry zero;

static __always_inline __u32 namespace_of(struct task_struct *task)
{
	return BPF_CORE_READ(task, nsproxy, pid_ns_for_children, ns.inum);
}

SEC("raw_tp/sched_switch")
int sched_switch(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *previous = (struct task_struct *)ctx->args[1];
	struct task_struct *next = (struct task_struct *)ctx->args[2];
	__u32 tid = BPF_CORE_READ(next, pid);
	struct entry *entry;
	__u64 *since, waited;
	__u32 key = 0;

	/* It was put off, and waits again. */
	if (state_of(previous) == 0)
		enqueue(previous);

	since = bpf_map_lookup_elem(&queued, &tid);
	if (!since)
		return 0;
	waited = bpf_ktime_get_ns() - *since;
	bpf_map_delete_elem(&queued, &tid);
	if ((__s64)waited < 0)
		return 0;

	if (by == BY_PROCESS)
		key = BPF_CORE_READ(next, tgid);
	else if (by == BY_THREAD)
		key = tid;
	else if (by == BY_NAMESPACE)
		key = namespace_of(next);
	entry = entry_of(&histograms, &key, &zero);
	if (!entry)
		return 0;
	/* Each time: programs change it when they start. */
	if (by != BY_NOTHING)
		bpf_probe_read_kernel_str(entry->comm, sizeof(entry->comm), next->comm);
	histogram_add(&entry->histogram, waited / (milliseconds ? 1000000 : 1000));
	return 0;
}
