// E2102: a number to the verifier
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

SEC("tracepoint/sched/sched_process_exec")
int on_exec(void *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	bpf_printk("parent %d", task->real_parent->tgid); /* here */
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
