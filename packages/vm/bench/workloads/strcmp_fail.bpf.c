// SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause)
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

/* Compares two strings of 511 characters that differ in the hundredth. */
SEC("xdp")
int work(struct xdp_md *ctx)
{
	char *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;

	if ((void *)(data + 1024) > end)
		return 0;
	for (__u32 i = 0; i < 512; i++) {
		char a = data[i], b = data[512 + i];

		if (a != b)
			return 2 + i;
		if (a == 0)
			break;
	}
	return 1;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
