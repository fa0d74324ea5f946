/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What name servers answer: the datagrams from port 53 that processes receive. Needs files.h and a ring `events`. */
#pragma once
#include <bpf/bpf_endian.h>

#define DNS_PORT 53
#define DNS_HEADER 12
#define ANSWER_SIZE 1024
#define S_IFSOCK 0140000

struct answer {
	__u32 size; /* bytes of the message, of which the first are here */
	__u8 message[ANSWER_SIZE];
};

struct receiving {
	void *buffer;
	void *from; /* where the kernel writes whom it is from; NULL where the socket is connected */
};

HASH(datagrams, 10240, __u32, struct receiving);

/* Of a struct user_msghdr. */
struct message {
	void *name;
	int name_size;
	struct iovec *parts;
};

static __always_inline int receive(int fd, void *buffer, void *from)
{
	struct file *file = file_of(fd);
	__u32 tid = bpf_get_current_pid_tgid();
	struct receiving receiving = { buffer, NULL };
	struct socket *socket;
	struct sock *sk;
	__u16 family, port;

	if (!file || (BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) != S_IFSOCK)
		return 0;
	socket = (struct socket *)BPF_CORE_READ(file, private_data);
	sk = BPF_CORE_READ(socket, sk);
	family = BPF_CORE_READ(sk, __sk_common.skc_family);
	port = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
	if (family != AF_INET && family != AF_INET6)
		return 0;
	if (BPF_CORE_READ_BITFIELD_PROBED(sk, sk_protocol) != IPPROTO_UDP)
		return 0;
	if (port == 0 && from)
		receiving.from = from;
	else if (port != DNS_PORT)
		return 0;
	bpf_map_update_elem(&datagrams, &tid, &receiving, BPF_ANY);
	return 0;
}

static __always_inline int receive_message(int fd, const void *header)
{
	struct message message = {};
	struct iovec part = {};

	if (bpf_probe_read_user(&message, sizeof(message), header))
		return 0;
	if (bpf_probe_read_user(&part, sizeof(part), message.parts))
		return 0;
	return receive(fd, part.iov_base, message.name);
}

static __always_inline int received(long size)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct receiving *receiving = bpf_map_lookup_elem(&datagrams, &tid);
	struct answer *answer;
	void *buffer;
	__u16 port = bpf_htons(DNS_PORT);

	if (!receiving)
		return 0;
	buffer = receiving->buffer;
	/* Behind the family, for IPv4 and IPv6. */
	if (receiving->from)
		bpf_probe_read_user(&port, sizeof(port), receiving->from + sizeof(__u16));
	bpf_map_delete_elem(&datagrams, &tid);
	if (size <= DNS_HEADER || port != bpf_htons(DNS_PORT))
		return 0;
	answer = reserve(&events, struct answer);
	if (!answer)
		return 0;
	answer->size = size;
	if (size > ANSWER_SIZE)
		size = ANSWER_SIZE;
	if (bpf_probe_read_user(answer->message, size, buffer))
		bpf_ringbuf_discard(answer, 0);
	else
		bpf_ringbuf_submit(answer, 0);
	return 0;
}

#define RECEIVES(name, begin)                                                            \
	SEC("tracepoint/syscalls/sys_enter_" #name)                                          \
	int name##_enter(struct trace_event_raw_sys_enter *ctx)                              \
	{                                                                                    \
		return begin;                                                                    \
	}                                                                                    \
	SEC("tracepoint/syscalls/sys_exit_" #name)                                           \
	int name##_exit(struct trace_event_raw_sys_exit *ctx)                                \
	{                                                                                    \
		return received(ctx->ret);                                                       \
	}

RECEIVES(recvfrom, receive(ctx->args[0], (void *)ctx->args[1], (void *)ctx->args[4]))
RECEIVES(recvmsg, receive_message(ctx->args[0], (void *)ctx->args[1]))
RECEIVES(read, receive(ctx->args[0], (void *)ctx->args[1], NULL))
