// SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause)
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

/* Copies 1024 bytes inside the packet, word by word. */
SEC("xdp")
int work(struct xdp_md *ctx)
{
	__u64 *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;

	if ((void *)(data + 256) > end)
		return 0;
	for (__u32 i = 0; i < 128; i++)
		*(volatile __u64 *)&data[128 + i] = data[i];
	return data[255] & 0x7fffffff;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
