// E2116: too many paths|more open branches
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__u32 hits[4];

SEC("xdp")
int dice(struct xdp_md *ctx)
{
	for (int i = 0; i < 50000; i++) {
		__u32 face = bpf_get_prandom_u32() & 7;

		if (face == 1)
			hits[0]++;
		else if (face == 2)
			hits[1]++;
	}
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
