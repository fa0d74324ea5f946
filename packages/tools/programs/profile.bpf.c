// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* What processors do: the stacks they are found in, so many times a second. */
#include "tool.h"
#include "stacks.h"

const volatile bool only_user = false;
const volatile bool only_kernel = false;
const volatile bool with_idle = false;
const volatile __u32 target_tid = 0;

struct key {
	__u32 pid;
	__u32 tid;
	int user;   /* the number of a stack, or minus an errno */
	int kernel;
	char comm[16];
};

HASH(counts, 40960, struct key, __u64);

static const __u64 none;

SEC("perf_event")
int sample(struct bpf_perf_event_data *ctx)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct key key = {};
	__u64 *count;

	key.pid = id >> 32;
	key.tid = id;
	if (!with_idle && key.tid == 0)
		return 0;
	if (target_tid && key.tid != target_tid)
		return 0;
	if (!wanted() || !wanted_cpu())
		return 0;
	bpf_get_current_comm(key.comm, sizeof(key.comm));
	key.user = only_kernel ? -1 : bpf_get_stackid(ctx, &stacks, BPF_F_USER_STACK);
	key.kernel = only_user ? -1 : bpf_get_stackid(ctx, &stacks, 0);
	count = entry_of(&counts, &key, &none);
	if (count)
		__sync_fetch_and_add(count, 1);
	return 0;
}
