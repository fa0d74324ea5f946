/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What the tools for TCP share: the ends of a connection. */
#pragma once
#include <bpf/bpf_endian.h>

#define AF_INET 2
#define AF_INET6 10

/* Only this one; 0 means every one. */
const volatile __u16 target_family = 0;

/* Only ports that are in the map. */
const volatile bool by_local_port = false;
const volatile bool by_remote_port = false;

enum { LOCAL, REMOTE };

struct port {
	__u16 side;
	__u16 port;
};

HASH(ports, 512, struct port, __u8);

static __always_inline bool listed(__u16 side, __u16 number)
{
	struct port port = { side, number };

	return bpf_map_lookup_elem(&ports, &port) != NULL;
}

struct flow {
	__u8 local[16]; /* of IPv4 the first four bytes */
	__u8 remote[16];
	__u16 local_port;
	__u16 remote_port;
	__u16 family;
	__u16 unused;
};

static __always_inline bool wanted_flow(const struct flow *flow)
{
	if (flow->family != AF_INET && flow->family != AF_INET6)
		return false;
	if (target_family && flow->family != target_family)
		return false;
	if (by_local_port && !listed(LOCAL, flow->local_port))
		return false;
	return !by_remote_port || listed(REMOTE, flow->remote_port);
}

/* The ends of a socket's connection; false when they are not asked for. */
static __always_inline bool read_flow(struct sock *sk, struct flow *flow)
{
	__builtin_memset(flow, 0, sizeof(*flow));
	flow->family = BPF_CORE_READ(sk, __sk_common.skc_family);
	/* `skc_num` is taken away before the state is CLOSE; this stays. */
	flow->local_port = bpf_ntohs(BPF_CORE_READ((struct inet_sock *)sk, inet_sport));
	if (!flow->local_port)
		flow->local_port = BPF_CORE_READ(sk, __sk_common.skc_num);
	flow->remote_port = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
	if (!wanted_flow(flow))
		return false;
	if (flow->family == AF_INET) {
		BPF_CORE_READ_INTO((__u32 *)flow->local, sk, __sk_common.skc_rcv_saddr);
		BPF_CORE_READ_INTO((__u32 *)flow->remote, sk, __sk_common.skc_daddr);
	} else {
		BPF_CORE_READ_INTO((struct in6_addr *)flow->local, sk, __sk_common.skc_v6_rcv_saddr);
		BPF_CORE_READ_INTO((struct in6_addr *)flow->remote, sk, __sk_common.skc_v6_daddr);
	}
	return true;
}
