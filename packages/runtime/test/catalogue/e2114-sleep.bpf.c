// E2114: bpf_copy_from_user
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char path[64];

SEC("tracepoint/syscalls/sys_enter_openat")
int on_open(struct trace_event_raw_sys_enter *ctx)
{
	bpf_copy_from_user(path, sizeof(path), (void *)ctx->args[1]); /* here */
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
