// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* How long requests to block devices take: from the queue or from their issue to their completion. */
#include "tool.h"
#include "block.h"

const volatile bool from_queue = false;
const volatile bool by_disk = false;
const volatile bool by_flags = false;
const volatile bool milliseconds = false;
/* Averages are asked for. */
const volatile bool sums = false;
const volatile __u32 target_device = 0;

struct key {
	__u32 device;
	__u32 flags;
};

struct entry {
	struct histogram histogram;
	__u64 sum;
	__u64 count;
};

HASH(started, 10240, struct request *, __u64);
HASH(histograms, 4096, struct key, struct entry);

static const struct entry zero;

/* Whoever is current when a request is queued, or issued without a queue, is most often who wants it. */
static __always_inline bool meant(struct request *request)
{
	return (!target_device || device_of(request) == target_device) && wanted();
}

SEC("raw_tp/block_rq_insert")
int block_rq_insert(struct bpf_raw_tracepoint_args *ctx)
{
	struct request *request = request_of(ctx);
	__u64 now = bpf_ktime_get_ns();

	if (meant(request))
		bpf_map_update_elem(&started, &request, &now, BPF_ANY);
	return 0;
}

SEC("raw_tp/block_rq_issue")
int block_rq_issue(struct bpf_raw_tracepoint_args *ctx)
{
	struct request *request = request_of(ctx);
	__u64 now = bpf_ktime_get_ns(), *since = bpf_map_lookup_elem(&started, &request);

	if (since) {
		if (!from_queue)
			*since = now;
	} else if (meant(request)) {
		bpf_map_update_elem(&started, &request, &now, BPF_ANY);
	}
	return 0;
}

SEC("raw_tp/block_rq_complete")
int block_rq_complete(struct bpf_raw_tracepoint_args *ctx)
{
	struct request *request = (struct request *)ctx->args[0];
	struct entry *entry;
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
	entry = entry_of(&histograms, &key, &zero);
	if (!entry)
		return 0;
	took /= milliseconds ? 1000000 : 1000;
	histogram_add(&entry->histogram, took);
	if (sums) {
		__sync_fetch_and_add(&entry->sum, took);
		__sync_fetch_and_add(&entry->count, 1);
	}
	return 0;
}
