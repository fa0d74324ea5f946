/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Requests to block devices, whose structures changed their shape several times. */
#pragma once

extern int LINUX_KERNEL_VERSION __kconfig;

/* Moved from the request to its queue in Linux 5.17. */
struct request___before_5_17 {
	struct gendisk *rq_disk;
} __attribute__((preserve_access_index));

/* The device of a request, `major << 20 | minor`; 0 when it has none. */
static __always_inline __u32 device_of(struct request *request)
{
	struct request___before_5_17 *before = (void *)request;
	struct gendisk *disk;

	if (bpf_core_field_exists(before->rq_disk))
		disk = BPF_CORE_READ(before, rq_disk);
	else
		disk = BPF_CORE_READ(request, q, disk);
	return disk ? BPF_CORE_READ(disk, major) << 20 | BPF_CORE_READ(disk, first_minor) : 0;
}

/* Of the tracepoints for insertion and issue: until Linux 5.10 the queue came first. */
static __always_inline struct request *request_of(struct bpf_raw_tracepoint_args *ctx)
{
	return (struct request *)(LINUX_KERNEL_VERSION < KERNEL_VERSION(5, 11, 0) ? ctx->args[1] : ctx->args[0]);
}
