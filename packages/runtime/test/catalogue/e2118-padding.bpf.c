// E2118 unprivileged: never written
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct key {
	__u8 protocol;
	__u32 address;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, struct key);
	__type(value, __u64);
} flows SEC(".maps");

SEC("socket")
int count(struct __sk_buff *skb)
{
	struct key k;
	__u64 one = 1;

	k.protocol = 6;
	k.address = skb->len;
	bpf_map_update_elem(&flows, &k, &one, BPF_ANY); /* here */
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
