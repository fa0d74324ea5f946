// E2123: .
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int aligned(struct __sk_buff *skb)
{
	unsigned char *data = (void *)(long)skb->data;
	void *data_end = (void *)(long)skb->data_end;
	__u32 *word = (__u32 *)((long)data & ~3L); /* here */

	if ((void *)(word + 1) > data_end)
		return 0;
	return *word;
}

char LICENSE[] SEC("license") = "GPL";
