// E2107: `idx` has to be between 0 and 15
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__u64 seen[16];

SEC("xdp")
int by_protocol(struct xdp_md *ctx)
{
	unsigned char *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	__u8 idx;

	if ((void *)(data + 24) > data_end)
		return XDP_PASS;
	idx = data[23];
	seen[idx] += 1; /* here */
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
