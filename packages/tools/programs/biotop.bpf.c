// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Requests to block devices, added up by process and disk. */
#include "tool.h"
#include "block.h"

struct who {
	__u32 pid;
	__u32 device;
	__u32 write;
	char comm[16];
};

struct start {
	__u64 time;
	__u64 bytes;
	struct who who;
};

struct entry {
	__u64 count;
	__u64 bytes;
	__u64 time; /* nanoseconds */
};

HASH(started, 10240, struct request *, struct start);
HASH(entries, 10240, struct who, struct entry);

static const struct entry zero;

static __always_inline int begin(struct request *request)
{
	struct start start = {}, *found = bpf_map_lookup_elem(&started, &request);

	if (found) {
		found->time = bpf_ktime_get_ns();
		return 0;
	}
	if (!wanted())
		return 0;
	start.time = bpf_ktime_get_ns();
	start.bytes = BPF_CORE_READ(request, __data_len);
	start.who.pid = bpf_get_current_pid_tgid() >> 32;
	start.who.device = device_of(request);
	start.who.write = (BPF_CORE_READ(request, cmd_flags) & 0xff) != 0;
	bpf_get_current_comm(start.who.comm, sizeof(start.who.comm));
	bpf_map_update_elem(&started, &request, &start, BPF_ANY);
	return 0;
}

SEC("raw_tp/block_rq_insert")
int block_rq_insert(struct bpf_raw_tracepoint_args *ctx)
{
	return begin(request_of(ctx));
}

SEC("raw_tp/block_rq_issue")
int block_rq_issue(struct bpf_raw_tracepoint_args *ctx)
{
	return begin(request_of(ctx));
}

SEC("raw_tp/block_rq_complete")
int block_rq_complete(struct bpf_raw_tracepoint_args *ctx)
{
	struct request *request = (struct request *)ctx->args[0];
	struct start *start = bpf_map_lookup_elem(&started, &request);
	struct entry *entry;

	if (!start)
		return 0;
	entry = entry_of(&entries, &start->who, &zero);
	if (entry) {
		__sync_fetch_and_add(&entry->count, 1);
		__sync_fetch_and_add(&entry->bytes, start->bytes);
		__sync_fetch_and_add(&entry->time, bpf_ktime_get_ns() - start->time);
	}
	bpf_map_delete_elem(&started, &request);
	return 0;
}
