// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Connections that processes accept: the descriptor that accept(2) returns leads to the socket. */
#include "tool.h"
#include "accepted.h"

static __always_inline int leave(int fd)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct file **files, *file;
	struct socket *socket;

	if (fd < 0 || !wanted())
		return 0;
	files = BPF_CORE_READ(task, files, fdt, fd);
	if (bpf_probe_read_kernel(&file, sizeof(file), &files[fd]))
		return 0;
	socket = (struct socket *)BPF_CORE_READ(file, private_data);
	return accepted(BPF_CORE_READ(socket, sk));
}

SEC("tracepoint/syscalls/sys_exit_accept")
int accept_exit(struct trace_event_raw_sys_exit *ctx)
{
	return leave(ctx->ret);
}

SEC("tracepoint/syscalls/sys_exit_accept4")
int accept4_exit(struct trace_event_raw_sys_exit *ctx)
{
	return leave(ctx->ret);
}
