// SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause)
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

/* Two loads from the packet, behind a bounds check. */
SEC("xdp")
int work(struct xdp_md *ctx)
{
	__u32 *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;

	if ((void *)(data + 2) > end)
		return 0;
	return data[0] + data[1];
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
