// E2115: bpf_cpumask_missing
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

extern void bpf_cpumask_missing(void) __ksym __weak;
int seen;

SEC("tracepoint/sched/sched_switch")
int on_switch(void *ctx)
{
	seen++;
	if (seen & 1)
		bpf_cpumask_missing(); /* here */
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
