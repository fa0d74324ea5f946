// E2110: has to be between 0 and 15
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

int weights[16];

SEC("tc")
int weight(struct __sk_buff *skb)
{
	int slot = skb->mark;

	if (slot >= 16)
		return 0;
	return weights[slot]; /* here */
}

char LICENSE[] SEC("license") = "GPL";
