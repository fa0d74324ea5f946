// SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause)
/*
 * The parent of a process, by a function of the kernel that programs may call.
 *
 * Shows: kfuncs, `extern … __ksym`; what one gives has to be given back; weak ones, which a kernel may lack.
 */
#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

extern struct task_struct *bpf_task_from_pid(s32 pid) __ksym;
extern void bpf_task_release(struct task_struct *task) __ksym;
extern int bpf_strstr(const char *text, const char *part) __ksym __weak;

int wanted = 1;
int parent;
bool has_strstr;

SEC("syscall")
int parent_of(void *ctx)
{
	struct task_struct *task = bpf_task_from_pid(wanted);

	has_strstr = bpf_ksym_exists(bpf_strstr);
	if (!task)
		return -1;
	parent = BPF_CORE_READ(task, real_parent, tgid);
	bpf_task_release(task);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
