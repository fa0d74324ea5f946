// E2114: xdp programs cannot call bpf_skb_load_bytes
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int head(struct xdp_md *ctx)
{
	unsigned char mac[6];

	if (bpf_skb_load_bytes((void *)ctx, 0, mac, sizeof(mac))) /* here */
		return XDP_PASS;
	return mac[0] & 1 ? XDP_DROP : XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
