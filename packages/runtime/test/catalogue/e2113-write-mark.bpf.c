// E2113: cannot write `skb->tc_index`
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("cgroup_skb/egress")
int mark(struct __sk_buff *skb)
{
	skb->tc_index = 7; /* here */
	return 1;
}

char LICENSE[] SEC("license") = "GPL";
