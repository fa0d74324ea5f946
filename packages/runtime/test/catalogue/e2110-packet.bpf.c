// E2110: added to a pointer
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} offsets SEC(".maps");

SEC("xdp")
int at_offset(struct xdp_md *ctx)
{
	__u32 key = 0;
	unsigned char *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	__u64 *off = bpf_map_lookup_elem(&offsets, &key);
	unsigned char *p;
	__u64 n;

	if (!off)
		return XDP_PASS;
	n = *off;
	p = data + n; /* here */
	if ((void *)(p + 1) > data_end)
		return XDP_PASS;
	return *p ? XDP_PASS : XDP_DROP;
}

char LICENSE[] SEC("license") = "GPL";
