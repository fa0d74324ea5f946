// E2133: no such field
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

struct sock___older {
	int sk_colour;
} __attribute__((preserve_access_index));

SEC("kprobe/tcp_close")
int on_close(struct pt_regs *ctx)
{
	struct sock___older *sk = (void *)ctx->di;
	int colour;

	colour = BPF_CORE_READ(sk, sk_colour); /* here */
	return colour == 0;
}

char LICENSE[] SEC("license") = "GPL";
