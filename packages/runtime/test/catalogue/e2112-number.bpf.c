// E2112: first_byte\(\) is a global function
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__attribute__((noinline)) int first_byte(unsigned char *p __arg_nonnull)
{
	return *p;
}

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, __u64);
} bytes SEC(".maps");

SEC("xdp")
int look(struct xdp_md *ctx)
{
	__u32 key = ctx->rx_queue_index;
	unsigned char *value = bpf_map_lookup_elem(&bytes, &key);

	return first_byte(value) ? XDP_PASS : XDP_DROP; /* here */
}

char LICENSE[] SEC("license") = "GPL";
