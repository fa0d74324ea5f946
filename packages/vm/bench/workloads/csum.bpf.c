// SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause)
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

/* The Internet checksum of 1480 bytes, 16 bits at a time. */
SEC("xdp")
int work(struct xdp_md *ctx)
{
	__u16 *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	__u32 sum = 0;

	if ((void *)(data + 740) > end)
		return 0;
	for (__u32 i = 0; i < 740; i++)
		sum += data[i];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)~sum;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
