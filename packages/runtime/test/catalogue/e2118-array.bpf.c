// E2118: .
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int lookup(struct __sk_buff *skb)
{
	__u32 table[8] = {};
	__u32 i = skb->mark;

	if (i > 8)
		return 0;
	table[i] = skb->len; /* here */
	return table[i & 3];
}

char LICENSE[] SEC("license") = "GPL";
