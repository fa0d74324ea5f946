// E2122: .
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int choose(struct __sk_buff *skb)
{
	struct __sk_buff none = {};
	struct __sk_buff *from = bpf_get_prandom_u32() & 1 ? skb : &none;

	return from->mark; /* here */
}

char LICENSE[] SEC("license") = "GPL";
