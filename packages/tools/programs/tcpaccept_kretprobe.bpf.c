// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Connections that processes accept, by whatever call: the kernel's function for it returns the socket. */
#include "tool.h"
#include "accepted.h"

SEC("kretprobe/inet_csk_accept")
int BPF_KRETPROBE(leave, struct sock *sk)
{
	return sk && wanted() ? accepted(sk) : 0;
}
