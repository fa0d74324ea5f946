// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Reads and writes of files, added up by file and thread. */
#include "tool.h"
#include "files.h"

/* Pipes, sockets and devices too. */
const volatile bool all_files = false;
const volatile bool only_reads = false;
const volatile bool only_writes = false;

struct who {
	__u64 inode;
	__u32 device;
	__u32 pid;
	__u32 tid;
	__u32 regular;
	char comm[16];
	char name[NAME_SIZE];
};

struct entry {
	__u64 reads;
	__u64 writes;
	__u64 read_bytes;
	__u64 written_bytes;
};

HASH(entries, 10240, struct who, struct entry);
HASH(pending, 10240, __u32, __u32);

static const struct entry zero;

static __always_inline int enter(__u32 fd)
{
	__u32 tid = bpf_get_current_pid_tgid();

	if (wanted())
		bpf_map_update_elem(&pending, &tid, &fd, BPF_ANY);
	return 0;
}

static __always_inline int leave(long bytes, bool write)
{
	__u64 id = bpf_get_current_pid_tgid();
	__u32 tid = id, *fd = bpf_map_lookup_elem(&pending, &tid);
	struct who who = {};
	struct entry *entry;
	struct file *file;

	if (!fd)
		return 0;
	if (bytes < 0 || (write ? only_reads : only_writes))
		goto out;
	file = file_of(*fd);
	if (!file)
		goto out;
	who.regular = is_regular(file);
	if (!who.regular && !all_files)
		goto out;
	who.inode = BPF_CORE_READ(file, f_inode, i_ino);
	who.device = BPF_CORE_READ(file, f_inode, i_sb, s_dev);
	who.pid = id >> 32;
	who.tid = tid;
	bpf_get_current_comm(who.comm, sizeof(who.comm));
	name_of(file, who.name);
	entry = entry_of(&entries, &who, &zero);
	if (!entry)
		goto out;
	if (write) {
		__sync_fetch_and_add(&entry->writes, 1);
		__sync_fetch_and_add(&entry->written_bytes, bytes);
	} else {
		__sync_fetch_and_add(&entry->reads, 1);
		__sync_fetch_and_add(&entry->read_bytes, bytes);
	}
out:
	bpf_map_delete_elem(&pending, &tid);
	return 0;
}

#define CALL(name, write)                                                                \
	SEC("tracepoint/syscalls/sys_enter_" #name)                                          \
	int name##_enter(struct trace_event_raw_sys_enter *ctx)                              \
	{                                                                                    \
		return enter(ctx->args[0]);                                                      \
	}                                                                                    \
	SEC("tracepoint/syscalls/sys_exit_" #name)                                           \
	int name##_exit(struct trace_event_raw_sys_exit *ctx)                                \
	{                                                                                    \
		return leave(ctx->ret, write);                                                   \
	}

CALL(read, false)
CALL(readv, false)
CALL(pread64, false)
CALL(preadv, false)
CALL(write, true)
CALL(writev, true)
CALL(pwrite64, true)
CALL(pwritev, true)
