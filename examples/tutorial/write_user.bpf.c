// SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause)
/*
 * Replaces the first letter of what one process reads: what a process is told by the kernel can be changed on the way.
 *
 * Shows: bpf_probe_write_user, which kernels with lockdown refuse and others log, and a buffer that is known when a system
 * call begins and filled when it ends. Only a process that is named before loading is touched.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, __u64); /* pid_tgid */
	__type(value, __u64);
} buffers SEC(".maps");

const volatile __u32 target_tgid = 1;
__u64 changed = 0;

SEC("tracepoint/syscalls/sys_enter_read")
int read_begins(struct trace_event_raw_sys_enter *ctx)
{
	__u64 id = bpf_get_current_pid_tgid(), buffer = ctx->args[1];

	if (id >> 32 == target_tgid)
		bpf_map_update_elem(&buffers, &id, &buffer, BPF_ANY);
	return 0;
}

SEC("tracepoint/syscalls/sys_exit_read")
int read_ends(struct trace_event_raw_sys_exit *ctx)
{
	__u64 id = bpf_get_current_pid_tgid(), *buffer;
	char letter = '*';

	buffer = bpf_map_lookup_elem(&buffers, &id);
	if (!buffer)
		return 0;
	if (ctx->ret > 0 && bpf_probe_write_user((void *)*buffer, &letter, 1) == 0)
		__sync_fetch_and_add(&changed, 1);
	bpf_map_delete_elem(&buffers, &id);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
