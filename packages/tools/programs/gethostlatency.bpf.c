// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* How long name resolution takes: the functions of the C library that do it. */
#include "tool.h"

#define HOST_SIZE 80

struct start {
	__u64 time;
	char host[HOST_SIZE];
};

struct event {
	__u64 time; /* nanoseconds since boot */
	__u64 took; /* nanoseconds */
	__u64 cgroup;
	__u32 pid;
	char comm[16];
	char host[HOST_SIZE];
};

RING(events, 1 << 18);
HASH(pending, 4096, __u32, struct start);

static __always_inline int enter(const char *host)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct start start = {};

	if (!wanted() || !host)
		return 0;
	start.time = bpf_ktime_get_ns();
	bpf_probe_read_user_str(start.host, sizeof(start.host), host);
	bpf_map_update_elem(&pending, &tid, &start, BPF_ANY);
	return 0;
}

static __always_inline int leave(void)
{
	__u64 id = bpf_get_current_pid_tgid(), now = bpf_ktime_get_ns();
	__u32 tid = id;
	struct start *start = bpf_map_lookup_elem(&pending, &tid);
	struct event *event;

	if (!start)
		return 0;
	event = reserve(&events, struct event);
	if (event) {
		event->time = start->time;
		event->took = now - start->time;
		event->cgroup = bpf_get_current_cgroup_id();
		event->pid = id >> 32;
		bpf_get_current_comm(event->comm, sizeof(event->comm));
		__builtin_memcpy(event->host, start->host, sizeof(event->host));
		bpf_ringbuf_submit(event, 0);
	}
	bpf_map_delete_elem(&pending, &tid);
	return 0;
}

#define CALL(name)                                                                       \
	SEC("uprobe/libc.so.6:" #name)                                                       \
	int BPF_UPROBE(name##_enter, const char *host)                                       \
	{                                                                                    \
		return enter(host);                                                              \
	}                                                                                    \
	SEC("uretprobe/libc.so.6:" #name)                                                    \
	int name##_exit(void *ctx)                                                           \
	{                                                                                    \
		return leave();                                                                  \
	}

CALL(getaddrinfo)
CALL(gethostbyname)
CALL(gethostbyname2)
