// E2111: may be 0
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char text[64];

SEC("tc")
int send(struct __sk_buff *skb)
{
	__u32 len = skb->mark;

	if (len > sizeof(text))
		return 0;
	bpf_skb_load_bytes(skb, 0, text, len); /* here */
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
