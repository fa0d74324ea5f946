// E2115: bpf_task_from_pid_v2
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

extern struct task_struct *bpf_task_from_pid_v2(s32 pid) __weak __ksym;
extern void bpf_task_release(struct task_struct *p) __ksym;

SEC("tp_btf/task_newtask")
int on_fork(u64 *ctx)
{
	struct task_struct *init = bpf_task_from_pid_v2(1); /* here */

	if (init)
		bpf_task_release(init);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
