// SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause)
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

/* Counts in sixteen entries of a hash table. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, __u32);
	__type(value, __u64);
} counters SEC(".maps");

SEC("xdp")
int work(struct xdp_md *ctx)
{
	__u32 *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	__u32 found = 0;

	if ((void *)(data + 16) > end)
		return 0;
	for (__u32 i = 0; i < 16; i++) {
		__u32 key = data[i] & 255;
		__u64 *value = bpf_map_lookup_elem(&counters, &key);

		if (value) {
			*value += 1;
			found += 1;
		}
	}
	return found;
}

SEC("xdp")
int setup(struct xdp_md *ctx)
{
	for (__u32 i = 0; i < 256; i++) {
		__u32 key = i;
		__u64 zero = 0;

		bpf_map_update_elem(&counters, &key, &zero, 0);
	}
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
