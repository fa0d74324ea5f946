// E2109: nothing limits `len`
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

SEC("tracepoint/syscalls/sys_enter_write")
int on_write(struct trace_event_raw_sys_enter *ctx)
{
	char buf[128];
	__u64 len = ctx->args[2];

	bpf_probe_read_user(buf, len, (void *)ctx->args[1]); /* here */
	return buf[0] == 'x';
}

char LICENSE[] SEC("license") = "GPL";
