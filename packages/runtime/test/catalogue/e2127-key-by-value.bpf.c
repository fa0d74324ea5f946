// E2127: argument 2 of bpf_map_lookup_elem\(\) is a number
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, __u64);
	__type(value, __u64);
} ports SEC(".maps");

SEC("xdp")
int known(struct xdp_md *ctx)
{
	__u64 port = ctx->rx_queue_index;

	return bpf_map_lookup_elem(&ports, (void *)port) ? XDP_DROP : XDP_PASS; /* here */
}

char LICENSE[] SEC("license") = "GPL";
