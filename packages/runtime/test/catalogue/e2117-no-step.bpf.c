// E2117: does not come to an end
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__u32 sum;

SEC("tc")
int again(struct __sk_buff *skb)
{
	for (;;) {
		if (bpf_get_prandom_u32() == 7)
			break;
	}
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
