// E2125: of stack
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

static __attribute__((noinline)) int fill(struct __sk_buff *skb, int at)
{
	char inner[300];

	bpf_skb_load_bytes(skb, at, inner, sizeof(inner));
	return inner[at & 31];
}

SEC("tc")
int outer(struct __sk_buff *skb)
{
	char first[300];

	bpf_skb_load_bytes(skb, 0, first, sizeof(first));
	return fill(skb, first[0]) + first[1];
}

char LICENSE[] SEC("license") = "GPL";
