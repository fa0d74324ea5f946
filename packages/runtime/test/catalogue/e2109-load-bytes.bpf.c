// E2109: nothing limits `want`
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

SEC("tracepoint/syscalls/sys_enter_execve")
int on_exec(struct trace_event_raw_sys_enter *ctx)
{
	char path[64];
	unsigned long want = bpf_get_prandom_u32();

	if (bpf_probe_read_user_str(path, want, (void *)ctx->args[0]) < 0) /* here */
		return 0;
	return path[0] == '/';
}

char LICENSE[] SEC("license") = "GPL";
