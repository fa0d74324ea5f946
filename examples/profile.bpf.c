// SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause)
/*
 * Where the CPU time goes: samples of the kernel's and the program's stack, counted.
 *
 * Shows: a program on a perf event (a timer), stack traces kept in a map, and a map key made of their ids.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

#define STACK_DEPTH 127

struct stacks_of {
	__u32 pid;
	int kernel_stack; /* an id in the map stacks, or a negative errno */
	int user_stack;
	char comm[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_STACK_TRACE);
	__uint(max_entries, 16384);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, STACK_DEPTH * sizeof(__u64));
} stacks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, struct stacks_of);
	__type(value, __u64);
} counts SEC(".maps");

/* Only this process; 0 means every process. */
const volatile __u32 target_tgid = 0;

SEC("perf_event")
int sample(struct bpf_perf_event_data *ctx)
{
	struct stacks_of key = {};
	__u64 one = 1, *count;

	key.pid = bpf_get_current_pid_tgid() >> 32;
	if (key.pid == 0 || (target_tgid != 0 && key.pid != target_tgid))
		return 0;
	bpf_get_current_comm(key.comm, sizeof(key.comm));
	key.kernel_stack = bpf_get_stackid(ctx, &stacks, 0);
	key.user_stack = bpf_get_stackid(ctx, &stacks, BPF_F_USER_STACK);

	count = bpf_map_lookup_elem(&counts, &key);
	if (count)
		__sync_fetch_and_add(count, 1);
	else
		bpf_map_update_elem(&counts, &key, &one, BPF_NOEXIST);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
