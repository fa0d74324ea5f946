// E2112: add_bytes\(\) is a global function
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct flow {
	__u64 bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, struct flow);
} flows SEC(".maps");

__attribute__((noinline)) int add_bytes(struct flow *f __arg_nonnull, __u32 n)
{
	f->bytes += n;
	return 0;
}

SEC("tc")
int count(struct __sk_buff *skb)
{
	__u32 key = skb->mark;
	struct flow *f = bpf_map_lookup_elem(&flows, &key);

	add_bytes(f, skb->len); /* here */
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
