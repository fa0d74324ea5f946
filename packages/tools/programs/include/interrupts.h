/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Time that processors spend in interrupts of a kind. */
#pragma once

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

static const struct entry zero;

static __always_inline int begin(void)
{
	__u32 key = 0;
	__u64 now = bpf_ktime_get_ns();

	if (wanted_cpu())
		bpf_map_update_elem(&started, &key, &now, BPF_ANY);
	return 0;
}

/* Nanoseconds since it began; 0 when it was running before the tool was started. */
static __always_inline __u64 ended(void)
{
	__u32 key = 0;
	__u64 *since = bpf_map_lookup_elem(&started, &key), took;

	if (!since || *since == 0)
		return 0;
	took = bpf_ktime_get_ns() - *since;
	*since = 0;
	return took;
}

static __always_inline void add(struct entry *entry, __u64 took)
{
	__sync_fetch_and_add(&entry->count, 1);
	__sync_fetch_and_add(&entry->time, took);
	if (distribution)
		histogram_add(&entry->histogram, nanoseconds ? took : took / 1000);
}
