/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What the programs of all tools share: who is meant, and how what they find is sent. */
#pragma once
#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "wanted.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Events for which the ring had no room. */
__u64 lost = 0;

/* Room for an event in the ring `events`, or NULL, which is counted. */
#define reserve(ring, type)                                                              \
	({                                                                                   \
		type *room = bpf_ringbuf_reserve(ring, sizeof(type), 0);                         \
		if (!room)                                                                       \
			__sync_fetch_and_add(&lost, 1);                                              \
		room;                                                                            \
	})

/* Events that are read while more arrive. */
#define RING(name, bytes)                                                                \
	struct {                                                                             \
		__uint(type, BPF_MAP_TYPE_RINGBUF);                                              \
		__uint(max_entries, bytes);                                                      \
	} name SEC(".maps")

#define HASH(name, entries, key_type, value_type)                                        \
	struct {                                                                             \
		__uint(type, BPF_MAP_TYPE_HASH);                                                 \
		__uint(max_entries, entries);                                                    \
		__type(key, key_type);                                                           \
		__type(value, value_type);                                                       \
	} name SEC(".maps")

/* The number of the highest bit that is set: the slot of a log2 histogram, slot 0 for 0 and 1. */
static __always_inline __u32 log2_slot(__u64 value)
{
	__u32 slot = 0;

	if (value >> 32) {
		value >>= 32;
		slot += 32;
	}
	if (value >> 16) {
		value >>= 16;
		slot += 16;
	}
	if (value >> 8) {
		value >>= 8;
		slot += 8;
	}
	if (value >> 4) {
		value >>= 4;
		slot += 4;
	}
	if (value >> 2) {
		value >>= 2;
		slot += 2;
	}
	return slot + (value >> 1 & 1);
}

#define SLOTS 64

/* A histogram as maps hold it: how many values fell into each slot. */
struct histogram {
	__u32 slots[SLOTS];
};

static __always_inline void histogram_add(struct histogram *histogram, __u64 value)
{
	__sync_fetch_and_add(&histogram->slots[log2_slot(value) & (SLOTS - 1)], 1);
}

/* The entry of a key, made from zeros when there is none yet; NULL when the map is full. */
#define entry_of(map, key, zero)                                                         \
	({                                                                                   \
		void *entry_found = bpf_map_lookup_elem(map, key);                               \
		if (!entry_found) {                                                              \
			bpf_map_update_elem(map, key, zero, BPF_NOEXIST);                            \
			entry_found = bpf_map_lookup_elem(map, key);                                 \
		}                                                                                \
		entry_found;                                                                     \
	})
