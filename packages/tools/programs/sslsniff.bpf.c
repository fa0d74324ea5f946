// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* What goes through OpenSSL, GnuTLS and NSS, before it is encrypted and after it is decrypted. */
#include "tool.h"

#define MOST 8192

/* In the order of the tool's names. */
enum { WRITE, READ, HANDSHAKE };

const volatile __u32 target_uid = -1;

struct start {
	__u64 time;
	const void *buffer;
	const __u64 *size; /* of the calls that give it by address */
};

struct event {
	__u64 time; /* nanoseconds since boot */
	__u64 took; /* nanoseconds */
	__u64 cgroup;
	__u32 pid;
	__u32 tid;
	__u32 uid;
	__u32 operation;
	__u32 size;   /* bytes that were written or read */
	__u32 copied; /* of these, here */
	char comm[16];
	__u8 data[MOST];
};

RING(events, 4 << 20);
HASH(pending, 4096, __u32, struct start);

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct event);
} scratch SEC(".maps");

static __always_inline int enter(const void *buffer, const __u64 *size)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct start start = { bpf_ktime_get_ns(), buffer, size };

	if (target_uid != -1 && (__u32)bpf_get_current_uid_gid() != target_uid)
		return 0;
	if (wanted())
		bpf_map_update_elem(&pending, &tid, &start, BPF_ANY);
	return 0;
}

static __always_inline int leave(__u32 operation, int result)
{
	__u64 id = bpf_get_current_pid_tgid(), now = bpf_ktime_get_ns(), size = 0;
	__u32 tid = id, zero = 0, copied;
	struct start *start = bpf_map_lookup_elem(&pending, &tid);
	struct event *event = bpf_map_lookup_elem(&scratch, &zero);

	if (!start || !event)
		return 0;
	if (start->size)
		bpf_probe_read_user(&size, sizeof(size), start->size);
	else if (result > 0 && operation != HANDSHAKE)
		size = result;
	if (result <= 0 || (size == 0 && operation != HANDSHAKE))
		goto out;
	event->time = now;
	event->took = now - start->time;
	event->cgroup = bpf_get_current_cgroup_id();
	event->pid = id >> 32;
	event->tid = tid;
	event->uid = bpf_get_current_uid_gid();
	event->operation = operation;
	event->size = size;
	bpf_get_current_comm(event->comm, sizeof(event->comm));
	copied = size < MOST ? size : MOST;
	if (bpf_probe_read_user(event->data, copied, start->buffer))
		copied = 0;
	event->copied = copied;
	if (bpf_ringbuf_output(&events, event, __builtin_offsetof(struct event, data) + copied, 0))
		__sync_fetch_and_add(&lost, 1);
out:
	bpf_map_delete_elem(&pending, &tid);
	return 0;
}

#define CALL(library, name, operation)                                                   \
	SEC("uprobe/" library ":" #name)                                                     \
	int BPF_UPROBE(name##_enter, void *connection, const void *buffer)                   \
	{                                                                                    \
		return enter(buffer, NULL);                                                      \
	}                                                                                    \
	SEC("uretprobe/" library ":" #name)                                                  \
	int BPF_URETPROBE(name##_exit, int result)                                           \
	{                                                                                    \
		return leave(operation, result);                                                 \
	}

/* Their younger brothers give the size by address. */
#define CALL_EX(name, operation)                                                         \
	SEC("uprobe/libssl.so.3:" #name)                                                     \
	int BPF_UPROBE(name##_enter, void *ssl, const void *buffer, __u64 most, __u64 *size) \
	{                                                                                    \
		return enter(buffer, size);                                                      \
	}                                                                                    \
	SEC("uretprobe/libssl.so.3:" #name)                                                  \
	int BPF_URETPROBE(name##_exit, int result)                                           \
	{                                                                                    \
		return leave(operation, result);                                                 \
	}

CALL("libssl.so.3", SSL_write, WRITE)
CALL("libssl.so.3", SSL_read, READ)
CALL_EX(SSL_write_ex, WRITE)
CALL_EX(SSL_read_ex, READ)
CALL("libssl.so.3", SSL_do_handshake, HANDSHAKE)

CALL("libgnutls.so.30", gnutls_record_send, WRITE)
CALL("libgnutls.so.30", gnutls_record_recv, READ)

CALL("libnspr4.so", PR_Write, WRITE)
CALL("libnspr4.so", PR_Send, WRITE)
CALL("libnspr4.so", PR_Read, READ)
CALL("libnspr4.so", PR_Recv, READ)
