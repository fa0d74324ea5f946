// E2108: multiple
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

struct record {
	__u8 kind;
	__u64 value;
} __attribute__((packed));

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct record);
} records SEC(".maps");

SEC("tracepoint/sched/sched_switch")
int on_switch(void *ctx)
{
	__u32 key = 0;
	struct record *r = bpf_map_lookup_elem(&records, &key);

	if (!r)
		return 0;
	__sync_fetch_and_add(&r->value, 1); /* here */
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
