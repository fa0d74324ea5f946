// SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause)
/*
 * How long reads of files take inside of the kernel, as a histogram by powers of two.
 *
 * Shows: a pair of fentry and fexit with a map between them; and how the pair becomes one program on newer kernels, which
 * have sessions.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define SLOTS 32

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 10240);
	__type(key, __u64); /* pid_tgid */
	__type(value, __u64);
} started SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SLOTS);
	__type(key, __u32); /* n: what took from 2^n to 2^(n+1) nanoseconds */
	__type(value, __u64);
} slots SEC(".maps");

SEC("fentry/vfs_read")
int BPF_PROG(read_begins)
{
	__u64 id = bpf_get_current_pid_tgid(), now = bpf_ktime_get_ns();

	bpf_map_update_elem(&started, &id, &now, BPF_ANY);
	return 0;
}

SEC("fexit/vfs_read")
int BPF_PROG(read_ends)
{
	__u64 id = bpf_get_current_pid_tgid(), *start, *count, took;
	__u32 slot = 0;

	start = bpf_map_lookup_elem(&started, &id);
	if (!start)
		return 0;
	took = bpf_ktime_get_ns() - *start;
	bpf_map_delete_elem(&started, &id);
	for (int i = 0; i < SLOTS - 1; i++) {
		took >>= 1;
		if (!took)
			break;
		slot = i + 1;
	}
	count = bpf_map_lookup_elem(&slots, &slot);
	if (count)
		__sync_fetch_and_add(count, 1);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
