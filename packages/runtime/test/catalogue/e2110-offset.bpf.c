// E2110: added to a pointer
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, char[512]);
} scratch SEC(".maps");

SEC("tracepoint/syscalls/sys_enter_openat")
int on_open(struct trace_event_raw_sys_enter *ctx)
{
	__u32 key = 0;
	char *buf = bpf_map_lookup_elem(&scratch, &key);
	long off = ctx->args[0];

	if (!buf)
		return 0;
	buf[off] = 0; /* here */
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
