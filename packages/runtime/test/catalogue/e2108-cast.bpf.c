// E2108: multiple
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

struct sample {
	__u8 cpu;
	__u64 runs;
} __attribute__((packed));

SEC("tracepoint/sched/sched_switch")
int on_switch(void *ctx)
{
	struct sample s = {};

	__sync_fetch_and_add(&s.runs, 1); /* here */
	return s.runs;
}

char LICENSE[] SEC("license") = "GPL";
