// E2107: .
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct config {
	__u32 slot;
	__u32 limit[8];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct config);
} configs SEC(".maps");

SEC("xdp")
int limited(struct xdp_md *ctx)
{
	__u32 key = 0;
	struct config *c = bpf_map_lookup_elem(&configs, &key);

	if (!c)
		return XDP_PASS;
	if (c->slot > 8)
		return XDP_PASS;
	return c->limit[c->slot] ? XDP_DROP : XDP_PASS; /* here */
}

char LICENSE[] SEC("license") = "GPL";
