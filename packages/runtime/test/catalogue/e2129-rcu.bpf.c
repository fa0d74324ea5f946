// E2129: RCU section is open
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

extern void bpf_rcu_read_lock(void) __ksym;
extern void bpf_rcu_read_unlock(void) __ksym;

int prio;

SEC("tp_btf/task_newtask")
int BPF_PROG(on_fork, struct task_struct *task)
{
	struct task_struct *parent;

	bpf_rcu_read_lock();
	parent = task->real_parent;
	if (parent)
		prio = parent->prio;
	return 0; /* here */
}

char LICENSE[] SEC("license") = "GPL";
