// E2121: .
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int slot(struct __sk_buff *skb)
{
	__u32 i = skb->mark & 3;

	return skb->cb[i] == 1; /* here */
}

char LICENSE[] SEC("license") = "GPL";
