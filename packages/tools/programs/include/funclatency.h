/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* How long functions take. The functions themselves stand in what is generated for a command line. */
#pragma once

const volatile bool each = false; /* a histogram for each function */
const volatile __u64 unit = 1;    /* nanoseconds */

/* A function may call itself: so many calls, one within the other, are timed. */
#ifndef LEVELS
#define LEVELS 1
#endif

struct place_of_thread {
	__u64 place;
	__u64 tid;
};

/* Calls that have not returned: how many there are, and the outermost of them. */
struct calls {
	__u64 depth;
	struct {
		__u64 stack;
		__u64 since;
	} of[LEVELS];
};

struct entry {
	__u64 sum;
	__u64 count;
	struct histogram histogram;
};

HASH(started, 16384, struct place_of_thread, struct calls);
HASH(histograms, 4096, __u64, struct entry);

static const struct entry zero;
static const struct calls none;

static __always_inline int enter(struct pt_regs *ctx, __u64 place)
{
	struct place_of_thread key = { place, bpf_get_current_pid_tgid() };
	__u64 stack = PT_REGS_SP(ctx), depth;
	struct calls *calls;

	if (!wanted())
		return 0;
	calls = entry_of(&started, &key, &none);
	if (!calls)
		return 0;
	/* What lies above this call in the stack is over: the kernel has missed its return. */
	depth = calls->depth;
	for (int level = 0; level < LEVELS && level < depth; level++) {
		if (calls->of[level].stack <= stack)
			depth = level;
	}
	if (depth < LEVELS) {
		calls->of[depth].stack = stack;
		calls->of[depth].since = bpf_ktime_get_ns();
	}
	calls->depth = depth + 1;
	return 0;
}

static __always_inline int leave(__u64 place)
{
	struct place_of_thread thread = { place, bpf_get_current_pid_tgid() };
	struct calls *calls = bpf_map_lookup_elem(&started, &thread);
	__u64 key = each ? place : 0, depth, took;
	struct entry *entry;

	if (!calls)
		return 0;
	depth = calls->depth - 1;
	calls->depth = depth;
	if (depth >= LEVELS)
		return 0;
	took = (bpf_ktime_get_ns() - calls->of[depth].since) / unit;
	if (depth == 0)
		bpf_map_delete_elem(&started, &thread);
	entry = entry_of(&histograms, &key, &zero);
	if (!entry)
		return 0;
	__sync_fetch_and_add(&entry->sum, took);
	__sync_fetch_and_add(&entry->count, 1);
	histogram_add(&entry->histogram, took);
	return 0;
}

#define PLACE(number, entry_section, return_section)                                     \
	SEC(entry_section) int enter_##number(struct pt_regs *ctx)                           \
	{                                                                                    \
		return enter(ctx, number);                                                       \
	}                                                                                    \
	SEC(return_section) int leave_##number(void *ctx)                                    \
	{                                                                                    \
		return leave(number);                                                            \
	}

#define PLACES(entry_section, return_section)                                            \
	SEC(entry_section) int enter_all(struct pt_regs *ctx)                                \
	{                                                                                    \
		return enter(ctx, bpf_get_func_ip(ctx));                                         \
	}                                                                                    \
	SEC(return_section) int leave_all(struct pt_regs *ctx)                               \
	{                                                                                    \
		return leave(bpf_get_func_ip(ctx));                                              \
	}
