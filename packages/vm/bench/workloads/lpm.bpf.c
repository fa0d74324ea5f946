// SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause)
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

/* Eight lookups in a table of a thousand routes. */
struct route {
	__u32 length;
	__u32 address;
};

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 2048);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct route);
	__type(value, __u32);
} routes SEC(".maps");

SEC("xdp")
int work(struct xdp_md *ctx)
{
	__u32 *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	__u32 sum = 0;

	if ((void *)(data + 8) > end)
		return 0;
	for (__u32 i = 0; i < 8; i++) {
		struct route key = { .length = 32, .address = data[i] & 0xffffff0f };
		__u32 *value = bpf_map_lookup_elem(&routes, &key);

		if (value)
			sum += *value;
	}
	return sum;
}

SEC("xdp")
int setup(struct xdp_md *ctx)
{
	__u32 seed = 12345;

	for (__u32 i = 0; i < 1000; i++) {
		struct route key;
		__u32 value = i + 1;

		seed = seed * 1103515245 + 12345;
		key.length = 8 + (seed >> 16) % 17;
		seed = seed * 1103515245 + 12345;
		key.address = (seed & 0xffffff00) | (i & 15);
		bpf_map_update_elem(&routes, &key, &value, 0);
	}
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
