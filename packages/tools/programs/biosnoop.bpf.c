// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Requests to block devices: for whom, where, how large, how long. */
#include "tool.h"
#include "block.h"

const volatile __u32 target_device = 0;

struct start {
	__u64 queued; /* nanoseconds since boot; 0 when it was not */
	__u64 issued;
	__u64 cgroup;
	__u64 sector;
	__u32 bytes;
	__u32 flags;
	__u32 pid;
	char comm[16];
};

struct event {
	__u64 time;    /* of its completion, nanoseconds since boot */
	__u64 took;    /* nanoseconds since it was issued */
	__u64 waited;  /* nanoseconds in the queue before */
	__u64 cgroup;
	__u64 sector;
	__u32 bytes;
	__u32 flags;
	__u32 pid;
	__u32 device;
	int error;
	char comm[16];
};

RING(events, 1 << 20);
HASH(started, 10240, struct request *, struct start);

static __always_inline int begin(struct request *request, bool issued)
{
	__u64 now = bpf_ktime_get_ns();
	struct start start = {}, *found;

	if (target_device && device_of(request) != target_device)
		return 0;
	found = bpf_map_lookup_elem(&started, &request);
	if (found) {
		if (issued)
			found->issued = now;
		return 0;
	}
	/* Whoever is current when a request is made is most often who wants it. */
	if (!wanted())
		return 0;
	start.queued = issued ? 0 : now;
	start.issued = now;
	start.cgroup = bpf_get_current_cgroup_id();
	start.sector = BPF_CORE_READ(request, __sector);
	start.bytes = BPF_CORE_READ(request, __data_len);
	start.flags = BPF_CORE_READ(request, cmd_flags);
	start.pid = bpf_get_current_pid_tgid() >> 32;
	bpf_get_current_comm(start.comm, sizeof(start.comm));
	bpf_map_update_elem(&started, &request, &start, BPF_ANY);
	return 0;
}

SEC("raw_tp/block_rq_insert")
int block_rq_insert(struct bpf_raw_tracepoint_args *ctx)
{
	return begin(request_of(ctx), false);
}

SEC("raw_tp/block_rq_issue")
int block_rq_issue(struct bpf_raw_tracepoint_args *ctx)
{
	return begin(request_of(ctx), true);
}

SEC("raw_tp/block_rq_complete")
int block_rq_complete(struct bpf_raw_tracepoint_args *ctx)
{
	struct request *request = (struct request *)ctx->args[0];
	struct start *start = bpf_map_lookup_elem(&started, &request);
	struct event *event;
	__u64 now = bpf_ktime_get_ns();

	if (!start)
		return 0;
	event = reserve(&events, struct event);
	if (!event)
		goto out;
	event->time = now;
	event->took = now - start->issued;
	event->waited = start->queued ? start->issued - start->queued : 0;
	event->cgroup = start->cgroup;
	event->sector = start->sector;
	event->bytes = start->bytes;
	event->flags = start->flags;
	event->pid = start->pid;
	event->device = device_of(request);
	event->error = (int)ctx->args[1];
	__builtin_memcpy(event->comm, start->comm, sizeof(event->comm));
	bpf_ringbuf_submit(event, 0);
out:
	bpf_map_delete_elem(&started, &request);
	return 0;
}
