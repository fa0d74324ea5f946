// E2106: `len` may be negative
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 65536);
} events SEC(".maps");

char text[256];
long used;

SEC("tc")
int send(struct __sk_buff *skb)
{
	long len = used;

	if (len > 256)
		len = 256;
	bpf_ringbuf_output(&events, text, len, 0); /* here */
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
