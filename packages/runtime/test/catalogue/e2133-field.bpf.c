// E2133: no such field
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

struct task_struct___old {
	long state_of_old_kernels;
} __attribute__((preserve_access_index));

SEC("tracepoint/sched/sched_switch")
int on_switch(void *ctx)
{
	struct task_struct___old *task = (void *)bpf_get_current_task();

	return BPF_CORE_READ(task, state_of_old_kernels) == 0; /* here */
}

char LICENSE[] SEC("license") = "GPL";
