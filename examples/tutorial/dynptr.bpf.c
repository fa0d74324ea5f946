// SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause)
/*
 * Reads the Ethernet type of a packet through a dynptr, and writes a record as long as the packet wants.
 *
 * Shows: pointers that carry their bounds with them: they are checked when they are used, and a length need not be known
 * when the program is loaded.
 */
#include "vmlinux.h"
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define MOST 256

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 16);
} packets SEC(".maps");

extern int bpf_dynptr_from_skb(struct __sk_buff *skb, __u64 flags, struct bpf_dynptr *ptr) __ksym;
extern void *bpf_dynptr_slice(const struct bpf_dynptr *ptr, __u32 offset, void *buffer, __u32 length) __ksym;

SEC("tc")
int dynptr(struct __sk_buff *skb)
{
	struct bpf_dynptr packet, record;
	char head[14], *header;
	__u32 length = skb->len < MOST ? skb->len : MOST;

	if (bpf_dynptr_from_skb(skb, 0, &packet))
		return 0;
	header = bpf_dynptr_slice(&packet, 0, head, sizeof(head));
	if (!header || header[12] != 8 || header[13] != 0)
		return 0;
	/* A reserved dynptr has to be given back, even when there was no room. */
	if (bpf_ringbuf_reserve_dynptr(&packets, length, 0, &record)) {
		bpf_ringbuf_discard_dynptr(&record, 0);
		return 0;
	}
	bpf_dynptr_write(&record, 0, header, sizeof(head), 0);
	bpf_ringbuf_submit_dynptr(&record, 0);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
