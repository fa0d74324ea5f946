// E2125: of stack
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

static __attribute__((noinline)) int third(struct xdp_md *ctx)
{
	unsigned char c[200];

	return bpf_xdp_load_bytes(ctx, 8, c, sizeof(c)) ? 0 : c[3];
}

static __attribute__((noinline)) int second(struct xdp_md *ctx)
{
	unsigned char b[200];

	return bpf_xdp_load_bytes(ctx, 4, b, sizeof(b)) ? 0 : b[2] + third(ctx);
}

SEC("xdp")
int chain(struct xdp_md *ctx)
{
	unsigned char a[200];

	if (bpf_xdp_load_bytes(ctx, 0, a, sizeof(a)))
		return XDP_PASS;
	return a[1] + second(ctx) ? XDP_PASS : XDP_DROP;
}

char LICENSE[] SEC("license") = "GPL";
