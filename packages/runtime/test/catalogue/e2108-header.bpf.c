// E2108: multiple
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct counters {
	__u32 version;
	__u64 total;
} __attribute__((packed));

struct counters counters;

SEC("xdp")
int count(struct xdp_md *ctx)
{
	__sync_fetch_and_add(&counters.total, 1); /* here */
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
