// E2115: bpf_no_such_function
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

extern int bpf_no_such_function(int number) __weak __ksym;

SEC("tp_btf/task_newtask")
int on_fork(u64 *ctx)
{
	bpf_no_such_function(1); /* here */
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
