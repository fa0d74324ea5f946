// E2123: .
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__u32 table[64];

SEC("xdp")
int entry(struct xdp_md *ctx)
{
	__u32 *at = (__u32 *)((long)table | 4); /* here */

	return *at ? XDP_PASS : XDP_DROP;
}

char LICENSE[] SEC("license") = "GPL";
