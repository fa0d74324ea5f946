// E2110: `i` is added
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__u32 table[256];

SEC("xdp")
int random(struct xdp_md *ctx)
{
	long i = bpf_ktime_get_ns();

	return table[i]; /* here */
}

char LICENSE[] SEC("license") = "GPL";
