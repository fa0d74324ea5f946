// SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause)
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

/* 192 calls of a function that is not inlined. */
static __attribute__((noinline)) __u64 step(__u64 a, __u64 b)
{
	__u64 next = a + b;

	return next % 1000003;
}

SEC("xdp")
int work(struct xdp_md *ctx)
{
	__u64 a = 0, b = 1;

	for (__u32 i = 0; i < 192; i++) {
		__u64 next = step(a, b);

		a = b;
		b = next;
	}
	return b;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
