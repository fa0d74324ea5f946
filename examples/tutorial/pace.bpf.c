// SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause)
/*
 * Slows what goes out to so many bytes a second, without a queue of its own: each packet gets the time at which it may
 * leave, and the fq queueing discipline of the interface keeps to it.
 *
 * Shows: earliest departure time (`skb->tstamp`) from a tc program on egress, and state behind a spin lock.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

#define SECOND 1000000000ULL

struct pacing {
	struct bpf_spin_lock lock;
	__u64 next; /* when the link is free again, nanoseconds */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct pacing);
} state SEC(".maps");

const volatile __u64 bytes_per_second = 1000000;
/* Longer than this nothing waits. */
const volatile __u64 horizon = 2 * SECOND;

SEC("tc")
int pace(struct __sk_buff *skb)
{
	__u64 now = bpf_ktime_get_ns(), at, takes = skb->len * SECOND / bytes_per_second;
	struct pacing *pacing;
	__u32 zero = 0;

	pacing = bpf_map_lookup_elem(&state, &zero);
	if (!pacing)
		return TC_ACT_OK;
	bpf_spin_lock(&pacing->lock);
	at = pacing->next > now ? pacing->next : now;
	if (at - now <= horizon)
		pacing->next = at + takes;
	bpf_spin_unlock(&pacing->lock);
	if (at - now > horizon)
		return TC_ACT_SHOT;
	skb->tstamp = at;
	return TC_ACT_OK;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
