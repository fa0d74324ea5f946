/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* How long functions take. The functions themselves stand in what is generated for a command line. */
#pragma once

const volatile bool each = false; /* a histogram for each function */
const volatile __u64 unit = 1;    /* nanoseconds */

struct call {
	__u64 place;
	__u64 tid;
};

struct entry {
	__u64 sum;
	__u64 count;
	struct histogram histogram;
};

HASH(started, 16384, struct call, __u64);
HASH(histograms, 4096, __u64, struct entry);

static const struct entry zero;

static __always_inline int enter(__u64 place)
{
	struct call call = { place, bpf_get_current_pid_tgid() };
	__u64 now;

	if (!wanted())
		return 0;
	now = bpf_ktime_get_ns();
	/* Of a function that calls itself, the outermost call counts. */
	bpf_map_update_elem(&started, &call, &now, BPF_NOEXIST);
	return 0;
}

static __always_inline int leave(__u64 place)
{
	struct call call = { place, bpf_get_current_pid_tgid() };
	__u64 *since = bpf_map_lookup_elem(&started, &call), key = each ? place : 0, took;
	struct entry *entry;

	if (!since)
		return 0;
	took = (bpf_ktime_get_ns() - *since) / unit;
	bpf_map_delete_elem(&started, &call);
	entry = entry_of(&histograms, &key, &zero);
	if (!entry)
		return 0;
	__sync_fetch_and_add(&entry->sum, took);
	__sync_fetch_and_add(&entry->count, 1);
	histogram_add(&entry->histogram, took);
	return 0;
}

#define PLACE(number, entry_section, return_section)                                     \
	SEC(entry_section) int enter_##number(void *ctx)                                     \
	{                                                                                    \
		return enter(number);                                                            \
	}                                                                                    \
	SEC(return_section) int leave_##number(void *ctx)                                    \
	{                                                                                    \
		return leave(number);                                                            \
	}

#define PLACES(entry_section, return_section)                                            \
	SEC(entry_section) int enter_all(struct pt_regs *ctx)                                \
	{                                                                                    \
		return enter(bpf_get_func_ip(ctx));                                              \
	}                                                                                    \
	SEC(return_section) int leave_all(struct pt_regs *ctx)                               \
	{                                                                                    \
		return leave(bpf_get_func_ip(ctx));                                              \
	}
