// E2116: .
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__u32 total;

SEC("xdp")
int sample(struct xdp_md *ctx)
{
	__u32 heads = 0;

	for (int i = 0; i < 100000; i++) {
		if (bpf_get_prandom_u32() & 1)
			heads++;
	}
	total = heads;
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
