// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Connections that processes accept: the descriptor that accept(2) returns leads to the socket. */
#include "tool.h"
#include "tcp.h"

struct event {
	__u64 time; /* nanoseconds since boot */
	__u64 cgroup;
	struct flow flow;
	__u32 pid;
	char comm[16];
};

RING(events, 1 << 20);

static __always_inline int leave(int fd)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct event *event;
	struct file **files, *file;
	struct socket *socket;
	struct flow flow;
	struct sock *sk;

	if (fd < 0 || !wanted())
		return 0;
	files = BPF_CORE_READ(task, files, fdt, fd);
	if (bpf_probe_read_kernel(&file, sizeof(file), &files[fd]))
		return 0;
	socket = (struct socket *)BPF_CORE_READ(file, private_data);
	sk = BPF_CORE_READ(socket, sk);
	/* Unix sockets are accepted too. */
	if (!read_flow(sk, &flow) || BPF_CORE_READ_BITFIELD_PROBED(sk, sk_protocol) != IPPROTO_TCP)
		return 0;
	event = reserve(&events, struct event);
	if (!event)
		return 0;
	event->time = bpf_ktime_get_ns();
	event->cgroup = bpf_get_current_cgroup_id();
	event->flow = flow;
	event->pid = bpf_get_current_pid_tgid() >> 32;
	bpf_get_current_comm(event->comm, sizeof(event->comm));
	bpf_ringbuf_submit(event, 0);
	return 0;
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
