// E2133: no such field
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

struct file___older {
	unsigned int f_shade;
} __attribute__((preserve_access_index));

SEC("tracepoint/sched/sched_switch")
int on_switch(void *ctx)
{
	struct file___older *file = (void *)bpf_get_current_task();
	int seen = 0;

	if (BPF_CORE_READ(file, f_shade) > 3) /* here */
		seen = 1;
	return seen;
}

char LICENSE[] SEC("license") = "GPL";
