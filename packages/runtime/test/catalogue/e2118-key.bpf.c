// E2118 unprivileged: `&key`
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct name {
	char text[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, struct name);
	__type(value, __u64);
} names SEC(".maps");

SEC("socket")
int named(struct __sk_buff *skb)
{
	struct name key;

	key.text[0] = 'a';
	key.text[1] = 0;
	return bpf_map_lookup_elem(&names, &key) != 0; /* here */
}

char LICENSE[] SEC("license") = "GPL";
