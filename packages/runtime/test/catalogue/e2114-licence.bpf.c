// E2114: compatible with the GPL
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

SEC("tracepoint/sched/sched_switch")
int on_switch(void *ctx)
{
	bpf_printk("switch"); /* here */
	return 0;
}

char LICENSE[] SEC("license") = "MIT";
