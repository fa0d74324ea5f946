// E2113: xdp programs cannot read
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int index(struct xdp_md *ctx)
{
	__u64 queue = *(__u64 *)&ctx->rx_queue_index; /* here */

	return queue ? XDP_PASS : XDP_DROP;
}

char LICENSE[] SEC("license") = "GPL";
