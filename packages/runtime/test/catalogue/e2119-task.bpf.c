// E2119: bpf_task_from_pid
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

extern struct task_struct *bpf_task_from_pid(s32 pid) __ksym;
extern void bpf_task_release(struct task_struct *p) __ksym;

int found;

SEC("tp_btf/task_newtask")
int on_fork(u64 *ctx)
{
	struct task_struct *init = bpf_task_from_pid(1);

	if (init)
		found = init->prio;
	return 0; /* here */
}

char LICENSE[] SEC("license") = "GPL";
