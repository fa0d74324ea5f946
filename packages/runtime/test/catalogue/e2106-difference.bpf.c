// E2106: has to be between 0 and 31
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u8[32]);
} seen SEC(".maps");

SEC("xdp")
int size(struct xdp_md *ctx)
{
	__u32 key = 0;
	__u8 *slots = bpf_map_lookup_elem(&seen, &key);
	int bucket;

	if (!slots)
		return XDP_PASS;
	bucket = (int)(ctx->ingress_ifindex & 31) - 1;
	slots[bucket] = 1; /* here */
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
