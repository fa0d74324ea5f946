// SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause)
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

/* The logarithm of 128 numbers of 64 bits, by halving. */
SEC("xdp")
int work(struct xdp_md *ctx)
{
	__u64 *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	__u32 sum = 0;

	if ((void *)(data + 128) > end)
		return 0;
	for (__u32 i = 0; i < 128; i++) {
		__u64 v = data[i];
		__u32 r = 0, shift;

		r = (v > 0xffffffff) << 5;
		v >>= r;
		shift = (v > 0xffff) << 4;
		v >>= shift;
		r |= shift;
		shift = (v > 0xff) << 3;
		v >>= shift;
		r |= shift;
		shift = (v > 0xf) << 2;
		v >>= shift;
		r |= shift;
		shift = (v > 0x3) << 1;
		v >>= shift;
		r |= shift;
		r |= v >> 1;
		sum += r;
	}
	return sum;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
