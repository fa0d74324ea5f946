// E2106: has to be between 0 and 127
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char weights[128];

SEC("tc")
int weight(struct __sk_buff *skb)
{
	signed char *data = (void *)(long)skb->data;
	void *data_end = (void *)(long)skb->data_end;
	int slot;

	if ((void *)(data + 4) > data_end)
		return 0;
	slot = data[3];
	return weights[slot]; /* here */
}

char LICENSE[] SEC("license") = "GPL";
