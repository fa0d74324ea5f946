// E2122: .
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__u32 stored[64];

SEC("socket")
int length(struct __sk_buff *skb)
{
	struct __sk_buff *from = skb->mark ? skb : (void *)stored;

	return from->len; /* here */
}

char LICENSE[] SEC("license") = "GPL";
