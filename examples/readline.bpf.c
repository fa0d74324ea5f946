// SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause)
/*
 * What people type into bash.
 *
 * Shows: a probe on the return of a function of a program (uretprobe), and a string read from user memory.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define LINE_SIZE 128

struct event {
	__u32 pid;
	char comm[16];
	char line[LINE_SIZE];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
} events SEC(".maps");

SEC("uretprobe//bin/bash:readline")
int BPF_KRETPROBE(line_read, const void *line)
{
	struct event *event;

	if (!line)
		return 0;
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event)
		return 0;
	event->pid = bpf_get_current_pid_tgid() >> 32;
	bpf_get_current_comm(&event->comm, sizeof(event->comm));
	bpf_probe_read_user_str(&event->line, sizeof(event->line), line);
	bpf_ringbuf_submit(event, 0);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
