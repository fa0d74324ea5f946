// SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause)
/*
 * Takes numbers that user space sends, whenever its test run asks for it.
 *
 * Shows: a ring buffer in the other direction: user space writes, a callback in the program reads.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

struct sample {
	__u64 value;
};

struct {
	__uint(type, BPF_MAP_TYPE_USER_RINGBUF);
	__uint(max_entries, 4096);
} samples SEC(".maps");

__u64 sum = 0;
__u64 taken = 0;

static long take(struct bpf_dynptr *record, void *context)
{
	struct sample sample;

	if (bpf_dynptr_read(&sample, sizeof(sample), record, 0, 0))
		return 0;
	sum += sample.value;
	taken += 1;
	return 0;
}

SEC("raw_tp/sched_process_exec")
int drain(void *ctx)
{
	bpf_user_ringbuf_drain(&samples, take, NULL, 0);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
