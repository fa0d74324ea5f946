// SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause)
/*
 * A linked list whose nodes a program and its user side share: both follow the same pointers.
 *
 * Shows: arenas, pages that programs ask for, pointers of their own address space.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

#define __arena __attribute__((address_space(1)))

struct {
	__uint(type, BPF_MAP_TYPE_ARENA);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 4); /* pages */
} arena SEC(".maps");

struct node {
	struct node __arena *next;
	__u64 value;
};

void __arena *bpf_arena_alloc_pages(void *map, void __arena *where, __u32 pages, int numa, __u64 flags) __ksym;

struct node __arena *head;
/* In the arena itself, as everything is that both sides see. */
__u64 __arena total;
__u64 sum;

SEC("syscall")
int fill(void *ctx)
{
	struct node __arena *nodes = bpf_arena_alloc_pages(&arena, NULL, 1, -1, 0);

	if (!nodes)
		return -1;
	for (int i = 0; i < 8; i++) {
		nodes[i].value = i + 1;
		nodes[i].next = head;
		head = &nodes[i];
	}
	return 0;
}

SEC("syscall")
int add_up(void *ctx)
{
	struct node __arena *node = head;

	total = 0;
	for (int i = 0; i < 64 && node; i++) {
		total += node->value;
		node = node->next;
	}
	sum = total;
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
