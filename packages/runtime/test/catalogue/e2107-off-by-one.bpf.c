// E2107: .
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

struct names {
	char text[64];
	__u32 used;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct names);
} last SEC(".maps");

SEC("tracepoint/sched/sched_switch")
int on_switch(void *ctx)
{
	__u32 key = 0;
	struct names *n = bpf_map_lookup_elem(&last, &key);
	__u32 at;

	if (!n)
		return 0;
	at = bpf_get_prandom_u32();
	if (at > 70)
		return 0;
	n->text[at] = 'x'; /* here */
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
