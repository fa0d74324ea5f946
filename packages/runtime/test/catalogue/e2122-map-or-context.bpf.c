// E2122: .
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct xdp_md saved;

SEC("xdp")
int queue(struct xdp_md *ctx)
{
	struct xdp_md *from = bpf_ktime_get_ns() & 1 ? ctx : &saved;

	return from->rx_queue_index ? XDP_PASS : XDP_DROP; /* here */
}

char LICENSE[] SEC("license") = "GPL";
