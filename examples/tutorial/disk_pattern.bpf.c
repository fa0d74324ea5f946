// SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause)
/*
 * Whether disks are read in a row or here and there.
 *
 * Shows: state for each device in a hash map, and a verdict that is counted where it is made.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

struct pattern {
	__u64 next_sector; /* where the request before ended */
	__u64 sequential;
	__u64 random;
	__u64 bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, __u32); /* dev_t */
	__type(value, struct pattern);
} patterns SEC(".maps");

SEC("tracepoint/block/block_rq_complete")
int completed(struct trace_event_raw_block_rq_completion *ctx)
{
	struct pattern empty = {}, *pattern;
	__u64 sector = ctx->sector;
	__u32 sectors = ctx->nr_sector, device = ctx->dev;

	bpf_map_update_elem(&patterns, &device, &empty, BPF_NOEXIST);
	pattern = bpf_map_lookup_elem(&patterns, &device);
	if (!pattern)
		return 0;
	if (pattern->next_sector == sector)
		__sync_fetch_and_add(&pattern->sequential, 1);
	else if (pattern->next_sector)
		__sync_fetch_and_add(&pattern->random, 1);
	__sync_fetch_and_add(&pattern->bytes, (__u64)sectors * 512);
	pattern->next_sector = sector + sectors;
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
