// SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause)
/*
 * The first step towards opens.bpf.c: one tracepoint, one global that user space sets, one line of trace output.
 *
 * Shows: fields of a tracepoint's context, and read-only globals, which cost nothing at run time.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

const volatile int target_pid = 1;

SEC("tracepoint/syscalls/sys_enter_openat")
int open_enter(struct trace_event_raw_sys_enter *ctx)
{
	char path[64];
	int pid = bpf_get_current_pid_tgid() >> 32;

	if (target_pid && pid != target_pid)
		return 0;
	if (bpf_probe_read_user_str(path, sizeof(path), (const void *)ctx->args[1]) < 0)
		return 0;
	bpf_printk("pid %d opens %s\n", pid, path);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
