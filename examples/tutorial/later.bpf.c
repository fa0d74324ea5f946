// SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause)
/*
 * Work that is not done in the probe: it is put off to a thread of the kernel, which may sleep.
 *
 * Shows: a work queue item inside of a map's value (bpf_wq, Linux 6.10).
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

struct element {
	struct bpf_wq work;
	__u64 asked; /* nanoseconds */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct element);
} elements SEC(".maps");

extern int bpf_wq_init(struct bpf_wq *wq, void *map, unsigned int flags) __ksym;
extern int bpf_wq_start(struct bpf_wq *wq, unsigned int flags) __ksym;
extern int bpf_wq_set_callback_impl(struct bpf_wq *wq, int (*callback)(void *map, int *key, void *value),
				    unsigned int flags, void *aux) __ksym;

__u64 done = 0;
__u64 waited = 0; /* nanoseconds, all together */

static int work(void *map, int *key, void *value)
{
	struct element *element = value;

	waited += bpf_ktime_get_ns() - element->asked;
	done += 1;
	return 0;
}

SEC("tc")
int later(struct __sk_buff *skb)
{
	struct element *element;
	__u32 zero = 0;

	element = bpf_map_lookup_elem(&elements, &zero);
	if (!element)
		return 0;
	element->asked = bpf_ktime_get_ns();
	if (bpf_wq_init(&element->work, &elements, 0))
		return 0;
	if (bpf_wq_set_callback_impl(&element->work, work, 0, NULL))
		return 0;
	bpf_wq_start(&element->work, 0);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
