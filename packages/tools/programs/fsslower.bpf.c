// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Calls on files that take long, or how long all of them take: reads, writes, opens, syncs, by file system. */
#include "tool.h"
#include "files.h"

/* In the order of the tool's names. */
enum { READ, WRITE, OPEN, FSYNC, OPERATIONS };

/* Nanoseconds. */
const volatile __u64 least = 10000000;
/* The magic number of a file system, from its superblock; 0 means every one. */
const volatile __u64 target_magic = 0;
/* Pipes, sockets and devices too. */
const volatile bool all_files = false;
/* Histograms in place of events. */
const volatile bool distribution = false;
const volatile bool milliseconds = false;

struct start {
	__u64 time;
	__u64 offset; /* bytes */
	int fd;
};

struct event {
	__u64 time; /* nanoseconds since boot */
	__u64 took; /* nanoseconds */
	__u64 cgroup;
	__u64 offset;
	__s64 bytes;
	__u32 pid;
	__u32 operation;
	char comm[16];
	char name[NAME_SIZE];
};

RING(events, 1 << 20);
HASH(pending, 10240, __u32, struct start);

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, OPERATIONS);
	__type(key, __u32);
	__type(value, struct histogram);
} histograms SEC(".maps");

static __always_inline int enter(int fd)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct start start = { bpf_ktime_get_ns(), 0, fd };
	struct file *file;

	if (!wanted())
		return 0;
	file = file_of(fd);
	if (file)
		start.offset = BPF_CORE_READ(file, f_pos);
	bpf_map_update_elem(&pending, &tid, &start, BPF_ANY);
	return 0;
}

static __always_inline int leave(__u32 operation, long result)
{
	__u64 id = bpf_get_current_pid_tgid(), took;
	__u32 tid = id;
	struct start *start = bpf_map_lookup_elem(&pending, &tid);
	struct histogram *histogram;
	struct event *event;
	struct file *file;

	if (!start)
		return 0;
	took = bpf_ktime_get_ns() - start->time;
	if (result < 0 || (!distribution && took < least))
		goto out;
	file = file_of(operation == OPEN ? (int)result : start->fd);
	if (!file || (!all_files && !is_regular(file)))
		goto out;
	if (target_magic && BPF_CORE_READ(file, f_inode, i_sb, s_magic) != target_magic)
		goto out;
	if (distribution) {
		histogram = bpf_map_lookup_elem(&histograms, &operation);
		if (histogram)
			histogram_add(histogram, took / (milliseconds ? 1000000 : 1000));
		goto out;
	}
	event = reserve(&events, struct event);
	if (!event)
		goto out;
	event->time = start->time + took;
	event->took = took;
	event->cgroup = bpf_get_current_cgroup_id();
	event->offset = start->offset;
	event->bytes = operation == READ || operation == WRITE ? result : 0;
	event->pid = id >> 32;
	event->operation = operation;
	bpf_get_current_comm(event->comm, sizeof(event->comm));
	name_of(file, event->name);
	bpf_ringbuf_submit(event, 0);
out:
	bpf_map_delete_elem(&pending, &tid);
	return 0;
}

#define CALL(name, operation, fd)                                                        \
	SEC("tracepoint/syscalls/sys_enter_" #name)                                          \
	int name##_enter(struct trace_event_raw_sys_enter *ctx)                              \
	{                                                                                    \
		return enter(fd);                                                                \
	}                                                                                    \
	SEC("tracepoint/syscalls/sys_exit_" #name)                                           \
	int name##_exit(struct trace_event_raw_sys_exit *ctx)                                \
	{                                                                                    \
		return leave(operation, ctx->ret);                                               \
	}

CALL(read, READ, ctx->args[0])
CALL(readv, READ, ctx->args[0])
CALL(pread64, READ, ctx->args[0])
CALL(preadv, READ, ctx->args[0])
CALL(write, WRITE, ctx->args[0])
CALL(writev, WRITE, ctx->args[0])
CALL(pwrite64, WRITE, ctx->args[0])
CALL(pwritev, WRITE, ctx->args[0])
CALL(openat, OPEN, -1)
CALL(openat2, OPEN, -1)
CALL(fsync, FSYNC, ctx->args[0])
CALL(fdatasync, FSYNC, ctx->args[0])
