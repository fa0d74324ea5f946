// SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause)
/*
 * Which files are deleted, seen from inside the kernel.
 *
 * Shows: a kprobe and a kretprobe on a kernel function, its arguments out of the registers (BPF_KPROBE), and strings
 * read through kernel pointers.
 */
#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

SEC("kprobe/do_unlinkat")
int BPF_KPROBE(unlink_enter, int dfd, struct filename *name)
{
	__u32 pid = bpf_get_current_pid_tgid() >> 32;
	char path[64];

	bpf_probe_read_kernel_str(path, sizeof(path), BPF_CORE_READ(name, name));
	bpf_printk("pid %d deletes %s\n", pid, path);
	return 0;
}

SEC("kretprobe/do_unlinkat")
int BPF_KRETPROBE(unlink_exit, long ret)
{
	__u32 pid = bpf_get_current_pid_tgid() >> 32;

	bpf_printk("pid %d: result %ld\n", pid, ret);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
