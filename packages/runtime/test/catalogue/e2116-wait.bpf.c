// E2116: too many paths|more open branches
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__u64 waited;

SEC("tc")
int wait(struct __sk_buff *skb)
{
	__u64 start = bpf_ktime_get_ns();
	__u32 i = 0;

	while (i < 200000) {
		if (bpf_ktime_get_ns() - start > 1000)
			waited++;
		i++;
	}
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
