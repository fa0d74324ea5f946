// E2101: data\[12\]
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int ethertype(struct __sk_buff *skb)
{
	unsigned char *data = (void *)(long)skb->data;

	if (data[12] == 0x08) /* here */
		return TC_ACT_SHOT;
	return TC_ACT_OK;
}

char LICENSE[] SEC("license") = "GPL";
