/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* With which stacks places are come by. The places themselves stand in what is generated for a command line. */
#pragma once
#include "stacks.h"

const volatile bool only_user = false;
const volatile bool only_kernel = false;
const volatile bool by_process = false;

struct key {
	__u64 place;
	__u32 pid;
	int user;
	int kernel;
	char comm[16];
};

HASH(counts, 40960, struct key, __u64);

static const __u64 none;

static __always_inline int count(void *ctx, __u64 place)
{
	struct key key = {};
	__u64 *total;

	if (!wanted() || !wanted_cpu())
		return 0;
	key.place = place;
	/* Addresses of a process mean nothing in another one. */
	if (by_process || !only_kernel) {
		key.pid = bpf_get_current_pid_tgid() >> 32;
		bpf_get_current_comm(key.comm, sizeof(key.comm));
	}
	key.user = only_kernel ? -1 : bpf_get_stackid(ctx, &stacks, BPF_F_USER_STACK);
	key.kernel = only_user ? -1 : bpf_get_stackid(ctx, &stacks, 0);
	total = entry_of(&counts, &key, &none);
	if (total)
		__sync_fetch_and_add(total, 1);
	return 0;
}

#define PLACE(number, section)                                                           \
	SEC(section) int place_##number(void *ctx)                                           \
	{                                                                                    \
		return count(ctx, number);                                                       \
	}

#define PLACES(section)                                                                  \
	SEC(section) int places(struct pt_regs *ctx)                                         \
	{                                                                                    \
		return count(ctx, bpf_get_func_ip(ctx));                                         \
	}
