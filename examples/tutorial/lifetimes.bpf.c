// SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause)
/*
 * Which programs run for how long: one row when a process starts a program, one when it ends.
 *
 * Shows: two tracepoints of the scheduler, a hash map between them, a threshold that is set before loading, and one kind
 * of record for both events.
 */
#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

struct event {
	__u32 pid;
	__u32 ppid;
	char comm[16];
	__u32 ended;
	int exit_code;   /* of those that ended */
	__u64 lived_ns;
	char program[64]; /* of those that started */
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, __u32);
	__type(value, __u64);
} started SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
} events SEC(".maps");

/* Only this process and its children; 0 means every process. */
const volatile __u32 target_tgid = 0;
/* Processes that lived shorter are not shown, and neither is their start. */
const volatile __u64 least_ns = 0;

static __always_inline bool wanted(__u32 pid)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();

	return !target_tgid || pid == target_tgid || BPF_CORE_READ(task, real_parent, tgid) == target_tgid;
}

static __always_inline struct event *row(__u32 pid, __u32 ended)
{
	struct event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();

	if (!event)
		return NULL;
	event->pid = pid;
	event->ppid = BPF_CORE_READ(task, real_parent, tgid);
	event->ended = ended;
	event->exit_code = 0;
	event->lived_ns = 0;
	event->program[0] = 0;
	bpf_get_current_comm(event->comm, sizeof(event->comm));
	return event;
}

SEC("tracepoint/sched/sched_process_exec")
int starts(struct trace_event_raw_sched_process_exec *ctx)
{
	__u32 pid = bpf_get_current_pid_tgid() >> 32;
	__u64 now = bpf_ktime_get_ns();
	struct event *event;

	if (!wanted(pid))
		return 0;
	bpf_map_update_elem(&started, &pid, &now, BPF_ANY);
	if (least_ns)
		return 0;
	event = row(pid, 0);
	if (!event)
		return 0;
	bpf_probe_read_kernel_str(event->program, sizeof(event->program),
				  (void *)ctx + (ctx->__data_loc_filename & 0xffff));
	bpf_ringbuf_submit(event, 0);
	return 0;
}

SEC("tracepoint/sched/sched_process_exit")
int ends(void *ctx)
{
	__u64 id = bpf_get_current_pid_tgid();
	__u32 pid = id >> 32;
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct event *event;
	__u64 lived, *start;

	/* Threads end too; the process does with its leader. */
	if (pid != (__u32)id || !wanted(pid))
		return 0;
	start = bpf_map_lookup_elem(&started, &pid);
	lived = start ? bpf_ktime_get_ns() - *start : 0;
	bpf_map_delete_elem(&started, &pid);
	if (least_ns && lived < least_ns)
		return 0;
	event = row(pid, 1);
	if (!event)
		return 0;
	event->exit_code = BPF_CORE_READ(task, exit_code) >> 8 & 0xff;
	event->lived_ns = lived;
	bpf_ringbuf_submit(event, 0);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
