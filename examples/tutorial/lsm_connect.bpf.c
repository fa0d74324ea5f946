// SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause)
/*
 * Lets nobody connect to one IPv4 address: the kernel's security modules ask this program before each connection.
 *
 * Shows: an LSM hook, whose negative result becomes the error of the system call, and a kernel pointer that is read like
 * any other because the verifier knows its type.
 */
#include "vmlinux.h"
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define AF_INET 2
#define EPERM 1

/* 192.0.2.1, an address of nobody's (RFC 5737). */
const volatile __u32 denied = 0xc0000201;
__u64 refused = 0;

SEC("lsm/socket_connect")
int BPF_PROG(before_connect, struct socket *socket, struct sockaddr *address, int length, int ret)
{
	struct sockaddr_in *ipv4 = (struct sockaddr_in *)address;

	if (ret || address->sa_family != AF_INET)
		return ret;
	if (bpf_ntohl(ipv4->sin_addr.s_addr) != denied)
		return 0;
	__sync_fetch_and_add(&refused, 1);
	return -EPERM;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
