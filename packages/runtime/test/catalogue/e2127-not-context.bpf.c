// E2127: argument 1 of bpf_skb_load_bytes
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int head(struct __sk_buff *skb)
{
	unsigned char mac[6];
	void *data = (void *)(long)skb->data;

	if (bpf_skb_load_bytes(data, 0, mac, sizeof(mac))) /* here */
		return 0;
	return mac[0] & 1;
}

char LICENSE[] SEC("license") = "GPL";
