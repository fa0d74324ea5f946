// SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause)
/*
 * Ends the TCP connections to one port, in the middle of whatever they do.
 *
 * Shows: an iterator over sockets that acts instead of printing, through a function of the kernel (bpf_sock_destroy,
 * Linux 6.5).
 */
#include "vmlinux.h"
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define TCP_LISTEN 10

extern int bpf_sock_destroy(struct sock_common *sock) __ksym;

const volatile __u16 port = 0;

SEC("iter/tcp")
int quarantine(struct bpf_iter__tcp *ctx)
{
	struct sock_common *sock = ctx->sk_common;

	if (!sock || sock->skc_state == TCP_LISTEN)
		return 0;
	if (sock->skc_dport != bpf_htons(port))
		return 0;
	if (bpf_sock_destroy(sock) == 0)
		BPF_SEQ_PRINTF(ctx->meta->seq, "ended a connection to port %d\n", port);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
