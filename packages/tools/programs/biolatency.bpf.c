// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* How long requests to block devices take: from the queue or from their issue to their completion. */
#include "tool.h"
#include "block.h"

const volatile bool from_queue = false;
const volatile bool by_disk = false;
const volatile bool by_flags = false;
const volatile bool milliseconds = false;
const volatile __u32 target_device = 0;

struct key {
	__u32 device;
	__u32 flags;
};

HASH(started, 10240, struct request *, __u64);
HASH(histograms, 4096, struct key, struct histogram);

static const struct histogram zero;

static __always_inline int start(struct request *request, bool issued)
{
	__u64 now = bpf_ktime_get_ns();

	if (target_device && device_of(request) != target_device)
		return 0;
	/* What was merged into another or never queued starts when it is issued. */
	bpf_map_update_elem(&started, &request, &now, issued && from_queue ? BPF_NOEXIST : BPF_ANY);
	return 0;
}

SEC("raw_tp/block_rq_insert")
int block_rq_insert(struct bpf_raw_tracepoint_args *ctx)
{
	return from_queue ? start(request_of(ctx), false) : 0;
}

SEC("raw_tp/block_rq_issue")
int block_rq_issue(struct bpf_raw_tracepoint_args *ctx)
{
	return start(request_of(ctx), true);
}

SEC("raw_tp/block_rq_complete")
int block_rq_complete(struct bpf_raw_tracepoint_args *ctx)
{
	struct request *request = (struct request *)ctx->args[0];
	struct histogram *histogram;
	struct key key = {};
	__u64 *since, took;

	since = bpf_map_lookup_elem(&started, &request);
	if (!since)
		return 0;
	took = bpf_ktime_get_ns() - *since;
	bpf_map_delete_elem(&started, &request);
	if ((__s64)took < 0)
		return 0;
	if (by_disk)
		key.device = device_of(request);
	if (by_flags)
		key.flags = BPF_CORE_READ(request, cmd_flags);
	histogram = entry_of(&histograms, &key, &zero);
	if (histogram)
		histogram_add(histogram, took / (milliseconds ? 1000000 : 1000));
	return 0;
}
