// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Bytes that TCP connections carry, by process. */
#include "tool.h"
#include "tcp.h"

struct key {
	struct flow flow;
	__u32 pid;
	char comm[16];
};

struct entry {
	__u64 sent; /* bytes */
	__u64 received;
};

HASH(entries, 10240, struct key, struct entry);

static const struct entry zero;

static __always_inline int add(struct sock *sk, __u64 sent, __u64 received)
{
	struct key key = {};
	struct entry *entry;

	if (!wanted() || !read_flow(sk, &key.flow))
		return 0;
	if (BPF_CORE_READ_BITFIELD_PROBED(sk, sk_protocol) != IPPROTO_TCP)
		return 0;
	key.pid = bpf_get_current_pid_tgid() >> 32;
	bpf_get_current_comm(key.comm, sizeof(key.comm));
	entry = entry_of(&entries, &key, &zero);
	if (!entry)
		return 0;
	__sync_fetch_and_add(&entry->sent, sent);
	__sync_fetch_and_add(&entry->received, received);
	return 0;
}

/* Since Linux 6.3: the socket, the result, the flags. */
SEC("?raw_tp/sock_send_length")
int send_length(struct bpf_raw_tracepoint_args *ctx)
{
	int bytes = ctx->args[1];

	return bytes > 0 ? add((struct sock *)ctx->args[0], bytes, 0) : 0;
}

SEC("?raw_tp/sock_recv_length")
int recv_length(struct bpf_raw_tracepoint_args *ctx)
{
	int bytes = ctx->args[1];

	/* MSG_PEEK: they are read once more. */
	return bytes > 0 && !(ctx->args[2] & 2) ? add((struct sock *)ctx->args[0], 0, bytes) : 0;
}

SEC("?kprobe/tcp_sendmsg")
int BPF_KPROBE(sendmsg, struct sock *sk, struct msghdr *message, size_t size)
{
	return add(sk, size, 0);
}

SEC("?kprobe/tcp_cleanup_rbuf")
int BPF_KPROBE(received, struct sock *sk, int copied)
{
	return copied > 0 ? add(sk, 0, copied) : 0;
}
