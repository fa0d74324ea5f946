// SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause)
/*
 * How long each process had a processor, and from that what it may have cost: joules are watts times seconds.
 *
 * Shows: accounting at each switch of the scheduler, in a per-CPU array for what runs now and a hash map for the sums.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

struct cost {
	__u64 ns;
	__u64 microjoules;
	char comm[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} since SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 10240);
	__type(key, __u32);
	__type(value, struct cost);
} costs SEC(".maps");

/* What one processor draws when it works; a guess until somebody measures it. */
const volatile __u64 milliwatts = 15000;

SEC("tracepoint/sched/sched_switch")
int switches(struct trace_event_raw_sched_switch *ctx)
{
	__u64 now = bpf_ktime_get_ns(), *start, ran;
	__u32 zero = 0, pid = ctx->prev_pid;
	struct cost empty = {}, *cost;

	start = bpf_map_lookup_elem(&since, &zero);
	if (!start)
		return 0;
	ran = *start ? now - *start : 0;
	*start = now;
	/* 0 is a processor that does nothing. */
	if (!ran || !pid)
		return 0;
	bpf_probe_read_kernel(empty.comm, sizeof(empty.comm), ctx->prev_comm);
	bpf_map_update_elem(&costs, &pid, &empty, BPF_NOEXIST);
	cost = bpf_map_lookup_elem(&costs, &pid);
	if (!cost)
		return 0;
	cost->ns += ran;
	/* mW · us = 10^-9 J */
	cost->microjoules = cost->ns / 1000 * milliwatts / 1000;
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
