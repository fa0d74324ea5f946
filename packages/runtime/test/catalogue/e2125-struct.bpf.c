// E2125: bytes of stack
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

struct event {
	__u32 pid;
	char comm[16];
	char path[240];
};

static __attribute__((noinline)) int read_path(void *from)
{
	struct event e = {};

	e.pid = bpf_get_current_pid_tgid() >> 32;
	bpf_probe_read_user_str(e.path, sizeof(e.path), from);
	return e.path[0] + e.pid;
}

SEC("tracepoint/syscalls/sys_enter_openat")
int on_open(struct trace_event_raw_sys_enter *ctx)
{
	char copy[300];

	bpf_probe_read_user_str(copy, sizeof(copy), (void *)ctx->args[1]);
	return read_path((void *)ctx->args[1]) + copy[0];
}

char LICENSE[] SEC("license") = "GPL";
