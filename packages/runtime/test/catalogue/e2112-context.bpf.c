// E2112: length_of\(\) is a global function
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__attribute__((noinline)) int length_of(struct __sk_buff *skb)
{
	return skb->len;
}

SEC("tc")
int classify(struct __sk_buff *skb)
{
	struct __sk_buff *other = (void *)(long)skb->hash;

	return length_of(other); /* here */
}

char LICENSE[] SEC("license") = "GPL";
