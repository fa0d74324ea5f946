// SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause)
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

/* Nothing at all: what a run costs by itself. */
SEC("xdp")
int work(struct xdp_md *ctx)
{
	return 2;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
