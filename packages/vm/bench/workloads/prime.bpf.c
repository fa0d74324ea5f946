// SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause)
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

/* Counts primes below 500 by trial division. */
SEC("xdp")
int work(struct xdp_md *ctx)
{
	__u32 count = 0;

	for (__u32 n = 2; n < 500; n++) {
		__u32 prime = 1;

		for (__u32 d = 2; d < 32; d++) {
			if (d * d > n)
				break;
			if (n % d == 0) {
				prime = 0;
				break;
			}
		}
		count += prime;
	}
	return count;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
