// E2113: skb->data
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("socket")
int first(struct __sk_buff *skb)
{
	unsigned char *data = (void *)(long)skb->data; /* here */
	void *data_end = (void *)(long)skb->data_end;

	if ((void *)(data + 1) > data_end)
		return 0;
	return data[0];
}

char LICENSE[] SEC("license") = "GPL";
