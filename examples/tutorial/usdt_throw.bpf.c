// SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause)
/*
 * Which programs throw C++ exceptions: a place in a library that its authors marked for probes.
 *
 * Shows: static probes (USDT), whose arguments lie where a note in the binary says.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/usdt.bpf.h>

struct event {
	__u32 pid;
	char comm[16];
	__u64 object;
	__u64 type; /* std::type_info of what is thrown */
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 16);
} events SEC(".maps");

SEC("usdt/libstdc++.so.6:libstdcxx:throw")
int BPF_USDT(throws, void *object, void *type)
{
	struct event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

	if (!event)
		return 0;
	event->pid = bpf_get_current_pid_tgid() >> 32;
	event->object = (__u64)object;
	event->type = (__u64)type;
	bpf_get_current_comm(event->comm, sizeof(event->comm));
	bpf_ringbuf_submit(event, 0);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
