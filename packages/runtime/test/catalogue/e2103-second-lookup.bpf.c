// E2103: may be NULL
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct stats {
	__u64 packets;
	__u64 bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct stats);
} flows SEC(".maps");

SEC("xdp")
int flow(struct xdp_md *ctx)
{
	__u32 key = ctx->rx_queue_index;
	struct stats zero = {};
	struct stats *s = bpf_map_lookup_elem(&flows, &key);

	if (!s) {
		bpf_map_update_elem(&flows, &key, &zero, BPF_ANY);
		s = bpf_map_lookup_elem(&flows, &key);
	}
	s->packets += 1; /* here */
	s->bytes += ctx->data_end - ctx->data;
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
