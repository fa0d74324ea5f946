// E2127: argument 2
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, int);
	__type(value, __u64);
} prios SEC(".maps");

SEC("tp_btf/task_newtask")
int BPF_PROG(on_fork, struct task_struct *task)
{
	return bpf_map_lookup_elem(&prios, &task->prio) != 0; /* here */
}

char LICENSE[] SEC("license") = "GPL";
