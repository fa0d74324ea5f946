// SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause)
/*
 * What a program asks of its GPU: calls of the CUDA library, with the bytes that are asked for and how long they take.
 *
 * Shows: uprobe and uretprobe of a library; the arguments of the call, kept until it returns.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct call {
	__u64 bytes;
	__u64 since;
};

struct event {
	__u32 pid;
	char comm[16];
	__u64 bytes;
	int error;
	__u64 ns;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct call);
} calls SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 16);
} events SEC(".maps");

SEC("uprobe/libcudart.so:cudaMalloc")
int BPF_UPROBE(malloc_begins, void **where, __u64 bytes)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct call call = { .bytes = bytes, .since = bpf_ktime_get_ns() };

	bpf_map_update_elem(&calls, &tid, &call, BPF_ANY);
	return 0;
}

SEC("uretprobe/libcudart.so:cudaMalloc")
int BPF_URETPROBE(malloc_ends, int error)
{
	__u64 id = bpf_get_current_pid_tgid();
	__u32 tid = id;
	struct call *call = bpf_map_lookup_elem(&calls, &tid);
	struct event *event;

	if (!call)
		return 0;
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (event) {
		event->pid = id >> 32;
		event->bytes = call->bytes;
		event->error = error;
		event->ns = bpf_ktime_get_ns() - call->since;
		bpf_get_current_comm(event->comm, sizeof(event->comm));
		bpf_ringbuf_submit(event, 0);
	}
	bpf_map_delete_elem(&calls, &tid);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
