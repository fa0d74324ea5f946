// SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause)
/*
 * The smallest useful program: says hello whenever one process writes.
 *
 * Shows: a tracepoint, a filter that user space sets, and bpf_printk, which writes to
 * /sys/kernel/tracing/trace_pipe.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

/* The process to greet; a hello for every write on the system would be too many. */
const volatile __u32 target_tgid = 1;

SEC("tracepoint/syscalls/sys_enter_write")
int hello(void *ctx)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;

	if (tgid != target_tgid)
		return 0;
	bpf_printk("hello from process %d\n", tgid);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
