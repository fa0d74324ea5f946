// E2109: nothing limits `size`
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 65536);
} events SEC(".maps");

struct message {
	__u32 length;
	char text[252];
};

struct message message;

SEC("tc")
int send(struct __sk_buff *skb)
{
	__u64 size = message.length;

	bpf_ringbuf_output(&events, &message, size, 0); /* here */
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
