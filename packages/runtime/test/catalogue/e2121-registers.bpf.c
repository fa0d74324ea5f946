// E2121: .
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

__u32 number;

SEC("kprobe/vfs_read")
int on_read(struct pt_regs *ctx)
{
	__u32 n = number & 7;
	unsigned long *regs = (unsigned long *)ctx;

	return regs[n] == 0; /* here */
}

char LICENSE[] SEC("license") = "GPL";
