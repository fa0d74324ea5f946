// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Time that processors spend in soft interrupts, by kind. */
#include "tool.h"

const volatile bool distribution = false;
const volatile bool nanoseconds = false;

struct entry {
	__u64 count;
	__u64 time; /* nanoseconds */
	struct histogram histogram;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} started SEC(".maps");

HASH(entries, 16, __u32, struct entry);

static const struct entry zero;

SEC("tracepoint/irq/softirq_entry")
int entry(void *ctx)
{
	__u32 key = 0;
	__u64 now = bpf_ktime_get_ns();

	if (wanted_cpu())
		bpf_map_update_elem(&started, &key, &now, BPF_ANY);
	return 0;
}

SEC("tracepoint/irq/softirq_exit")
int exit(struct trace_event_raw_softirq *ctx)
{
	__u32 key = 0, vec = ctx->vec;
	__u64 *since = bpf_map_lookup_elem(&started, &key);
	struct entry *entry;
	__u64 took;

	/* It was running when the tool was started. */
	if (!since || *since == 0)
		return 0;
	took = bpf_ktime_get_ns() - *since;
	*since = 0;
	entry = entry_of(&entries, &vec, &zero);
	if (!entry)
		return 0;
	__sync_fetch_and_add(&entry->count, 1);
	__sync_fetch_and_add(&entry->time, took);
	if (distribution)
		histogram_add(&entry->histogram, nanoseconds ? took : took / 1000);
	return 0;
}
