// E2102: a number to the verifier
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

SEC("kprobe/tcp_v4_connect")
int BPF_KPROBE(on_connect, struct sock *sk)
{
	__u16 family = sk->__sk_common.skc_family; /* here */

	bpf_printk("family %d", family);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
