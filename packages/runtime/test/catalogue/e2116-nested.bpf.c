// E2116: too many paths
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int checksum(struct xdp_md *ctx)
{
	__u64 sum = bpf_get_prandom_u32();

	for (int i = 0; i < 3000000; i++) {
		sum += i;
		sum ^= sum << 7;
	}
	return sum == 7 ? XDP_DROP : XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
