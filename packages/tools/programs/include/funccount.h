/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* How often places are come by. The places themselves stand in what is generated for a command line. */
#pragma once

/* The number of a place, or the address of a function where one program is for many. */
HASH(counts, 10240, __u64, __u64);

static const __u64 none;

static __always_inline int count(__u64 place)
{
	__u64 *total;

	if (!wanted() || !wanted_cpu())
		return 0;
	total = entry_of(&counts, &place, &none);
	if (total)
		__sync_fetch_and_add(total, 1);
	return 0;
}

#define PLACE(number, section)                                                           \
	SEC(section) int place_##number(void *ctx)                                           \
	{                                                                                    \
		return count(number);                                                            \
	}

#define PLACES(section)                                                                  \
	SEC(section) int places(struct pt_regs *ctx)                                         \
	{                                                                                    \
		return count(bpf_get_func_ip(ctx));                                              \
	}
