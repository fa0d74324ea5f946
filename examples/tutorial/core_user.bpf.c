// SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause)
/*
 * Adds up two members of a structure that a program gives to one of its functions, wherever that version of it keeps them.
 *
 * Shows: CO-RE with the types of a program in place of the kernel's.
 */
#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

/* What is needed of it; another version may have more between them. */
struct order {
	int pieces;
	int price;
} __attribute__((preserve_access_index));

struct event {
	__u32 pid;
	int pieces;
	int price;
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 16);
} events SEC(".maps");

SEC("uprobe/./shop:place_order")
int BPF_UPROBE(place_order, struct order *order)
{
	struct event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

	if (!event)
		return 0;
	event->pid = bpf_get_current_pid_tgid() >> 32;
	event->pieces = BPF_CORE_READ_USER(order, pieces);
	event->price = BPF_CORE_READ_USER(order, price);
	bpf_ringbuf_submit(event, 0);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
