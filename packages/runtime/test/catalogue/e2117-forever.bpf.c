// E2117: does not come to an end
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

volatile __u32 ready;

SEC("xdp")
int wait(struct xdp_md *ctx)
{
	while (!ready)
		;
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
