// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* The page cache: what was found in it, what was not, what was written to it. */
#include "tool.h"

enum { ACCESSED, ADDED, DIRTIED, BUFFERS_DIRTIED, LOOKED_UP, COUNTERS };

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, COUNTERS);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

static __always_inline int add(__u32 counter, __u64 count)
{
	__u64 *total;

	if (!wanted())
		return 0;
	total = bpf_map_lookup_elem(&counts, &counter);
	if (total)
		*total += count;
	return 0;
}

/* Until Linux 5.15 pages, then folios. */
SEC("?kprobe/mark_page_accessed")
int page_accessed(void *ctx)
{
	return add(ACCESSED, 1);
}

SEC("?kprobe/folio_mark_accessed")
int folio_accessed(void *ctx)
{
	return add(ACCESSED, 1);
}

SEC("?kprobe/add_to_page_cache_lru")
int page_added(void *ctx)
{
	return add(ADDED, 1);
}

SEC("?kprobe/filemap_add_folio")
int folio_added(void *ctx)
{
	return add(ADDED, 1);
}

SEC("?kprobe/mark_buffer_dirty")
int buffer_dirtied(void *ctx)
{
	return add(BUFFERS_DIRTIED, 1);
}

SEC("?tracepoint/writeback/writeback_dirty_folio")
int folio_dirtied(void *ctx)
{
	return add(DIRTIED, 1);
}

SEC("?tracepoint/writeback/writeback_dirty_page")
int page_dirtied(void *ctx)
{
	return add(DIRTIED, 1);
}

SEC("?tracepoint/filemap/mm_filemap_add_to_page_cache")
int added(void *ctx)
{
	return add(ADDED, 1);
}

/* Since Linux 6.12. */
SEC("?raw_tp/mm_filemap_get_pages")
int get_pages(struct bpf_raw_tracepoint_args *ctx)
{
	/* The mapping, the first page, the one behind the last. */
	return add(LOOKED_UP, ctx->args[2] > ctx->args[1] ? ctx->args[2] - ctx->args[1] : 1);
}
