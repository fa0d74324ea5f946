// E2111: `size` may be 0
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int copy(struct xdp_md *ctx)
{
	unsigned char first[16];
	__u32 size = ctx->rx_queue_index & 15;

	if (bpf_xdp_load_bytes(ctx, 0, first, size)) /* here */
		return XDP_PASS;
	return first[0] ? XDP_PASS : XDP_DROP;
}

char LICENSE[] SEC("license") = "GPL";
