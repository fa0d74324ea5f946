// E2111: `len` may be 0
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int head(struct __sk_buff *skb)
{
	char buf[32];
	__u32 len = skb->len;

	if (len > sizeof(buf))
		len = sizeof(buf);
	bpf_skb_load_bytes(skb, 0, buf, len); /* here */
	return buf[0] == 0 ? 2 : 0;
}

char LICENSE[] SEC("license") = "GPL";
