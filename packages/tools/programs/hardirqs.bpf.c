// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Time that processors spend in the handlers of interrupts, by handler. */
#include "tool.h"

const volatile bool distribution = false;
const volatile bool nanoseconds = false;

struct key {
	char name[32];
};

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

HASH(entries, 256, struct key, struct entry);

static const struct entry zero;

SEC("raw_tp/irq_handler_entry")
int entry(struct bpf_raw_tracepoint_args *ctx)
{
	__u32 key = 0;
	__u64 now = bpf_ktime_get_ns();

	if (wanted_cpu())
		bpf_map_update_elem(&started, &key, &now, BPF_ANY);
	return 0;
}

SEC("raw_tp/irq_handler_exit")
int exit(struct bpf_raw_tracepoint_args *ctx)
{
	struct irqaction *action = (struct irqaction *)ctx->args[1];
	__u32 zero_key = 0;
	__u64 *since = bpf_map_lookup_elem(&started, &zero_key);
	struct key key = {};
	struct entry *entry;
	__u64 took;

	if (!since || *since == 0)
		return 0;
	took = bpf_ktime_get_ns() - *since;
	*since = 0;
	bpf_probe_read_kernel_str(key.name, sizeof(key.name), BPF_CORE_READ(action, name));
	entry = entry_of(&entries, &key, &zero);
	if (!entry)
		return 0;
	__sync_fetch_and_add(&entry->count, 1);
	__sync_fetch_and_add(&entry->time, took);
	if (distribution)
		histogram_add(&entry->histogram, nanoseconds ? took : took / 1000);
	return 0;
}
