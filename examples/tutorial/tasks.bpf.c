// SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause)
/*
 * Lists the threads of the machine, as a file that is made when it is read.
 *
 * Shows: an iterator, which walks the kernel's own lists and prints text; no probe, and nothing runs until it is read.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

SEC("iter/task")
int tasks(struct bpf_iter__task *ctx)
{
	struct seq_file *seq = ctx->meta->seq;
	struct task_struct *task = ctx->task;

	if (!task)
		return 0;
	if (ctx->meta->seq_num == 0)
		BPF_SEQ_PRINTF(seq, "%8s %8s %s\n", "TGID", "PID", "COMM");
	BPF_SEQ_PRINTF(seq, "%8d %8d %s\n", task->tgid, task->pid, task->comm);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
