// SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause)
/*
 * The same as unlink_kprobe, through a trampoline: cheaper, and the arguments have their C types.
 *
 * Shows: fentry and fexit (BPF_PROG), where kernel pointers are followed like any pointer; only text is copied by a helper.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define MOST 64

SEC("fentry/do_unlinkat")
int BPF_PROG(unlink_enter, int dfd, struct filename *name)
{
	__u32 pid = bpf_get_current_pid_tgid() >> 32;
	char path[MOST];

	bpf_probe_read_kernel_str(path, sizeof(path), name->name);
	bpf_printk("pid %d deletes %s\n", pid, path);
	return 0;
}

SEC("fexit/do_unlinkat")
int BPF_PROG(unlink_exit, int dfd, struct filename *name, long ret)
{
	__u32 pid = bpf_get_current_pid_tgid() >> 32;
	char path[MOST];

	bpf_probe_read_kernel_str(path, sizeof(path), name->name);
	bpf_printk("pid %d: result %ld for %s\n", pid, ret, path);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
