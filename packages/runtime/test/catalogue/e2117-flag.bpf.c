// E2117: does not come to an end
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} flags SEC(".maps");

SEC("xdp")
int wait(struct xdp_md *ctx)
{
	__u32 key = 0;
	volatile __u32 *flag = bpf_map_lookup_elem(&flags, &key);

	if (!flag)
		return XDP_PASS;
	for (;;) {
		if (*flag)
			break;
	}
	return XDP_DROP;
}

char LICENSE[] SEC("license") = "GPL";
