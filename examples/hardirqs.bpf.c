// SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause)
/*
 * How much time interrupt handlers take, by name.
 *
 * Shows: per-CPU maps, which need no atomic operations; a map key that is a string; and a tracepoint's fields by the
 * layout of the running kernel.
 */
#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct handler {
	char name[32];
};

struct total {
	__u64 count;
	__u64 time; /* nanoseconds */
	__u64 longest;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} started SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 256);
	__type(key, struct handler);
	__type(value, struct total);
} totals SEC(".maps");

SEC("tp_btf/irq_handler_entry")
int BPF_PROG(irq_enter, int irq, struct irqaction *action)
{
	__u32 zero = 0;
	__u64 *start = bpf_map_lookup_elem(&started, &zero);

	if (start)
		*start = bpf_ktime_get_ns();
	return 0;
}

SEC("tp_btf/irq_handler_exit")
int BPF_PROG(irq_exit, int irq, struct irqaction *action)
{
	struct handler handler = {};
	struct total none = {};
	struct total *total;
	__u32 zero = 0;
	__u64 *start, spent;

	start = bpf_map_lookup_elem(&started, &zero);
	if (!start || *start == 0)
		return 0;
	spent = bpf_ktime_get_ns() - *start;
	*start = 0;

	bpf_probe_read_kernel_str(handler.name, sizeof(handler.name), BPF_CORE_READ(action, name));
	total = bpf_map_lookup_elem(&totals, &handler);
	if (!total) {
		bpf_map_update_elem(&totals, &handler, &none, BPF_NOEXIST);
		total = bpf_map_lookup_elem(&totals, &handler);
		if (!total)
			return 0;
	}
	total->count += 1;
	total->time += spent;
	if (spent > total->longest)
		total->longest = spent;
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
