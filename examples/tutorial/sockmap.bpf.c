// SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause)
/*
 * Hands what one local process sends directly to the socket of the other: no TCP between the two.
 *
 * Shows: two programs and a map of sockets. sockops sees connections come about and puts both ends into the map; sk_msg
 * runs for each send and names the socket that gets it.
 */
#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define LOOPBACK bpf_htonl(0x7f000001)

struct flow {
	__u32 local_ip, remote_ip;
	__u32 local_port, remote_port; /* host byte order */
};

struct {
	__uint(type, BPF_MAP_TYPE_SOCKHASH);
	__uint(max_entries, 65535);
	__type(key, struct flow);
	__type(value, __u64);
} sockets SEC(".maps");

SEC("sockops")
int connections(struct bpf_sock_ops *ctx)
{
	struct flow flow = {};

	if (ctx->op != BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB && ctx->op != BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB)
		return 0;
	if (ctx->local_ip4 != LOOPBACK || ctx->remote_ip4 != LOOPBACK)
		return 0;
	flow.local_ip = ctx->local_ip4;
	flow.remote_ip = ctx->remote_ip4;
	flow.local_port = ctx->local_port;
	flow.remote_port = bpf_ntohl(ctx->remote_port);
	bpf_sock_hash_update(ctx, &sockets, &flow, BPF_NOEXIST);
	return 0;
}

SEC("sk_msg")
int sends(struct sk_msg_md *msg)
{
	struct flow other = {};

	other.local_ip = msg->remote_ip4;
	other.remote_ip = msg->local_ip4;
	other.local_port = bpf_ntohl(msg->remote_port);
	other.remote_port = msg->local_port;
	bpf_msg_redirect_hash(msg, &sockets, &other, BPF_F_INGRESS);
	/* Where the other end is not known the message takes the usual way. */
	return SK_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
