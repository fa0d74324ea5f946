// E2121: .
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

__u32 which;

SEC("tracepoint/syscalls/sys_enter_write")
int on_write(struct trace_event_raw_sys_enter *ctx)
{
	__u32 i = which;

	if (i > 5)
		return 0;
	return ctx->args[i] == 0; /* here */
}

char LICENSE[] SEC("license") = "GPL";
