// SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause)
/*
 * Spreads TCP connections to one address over two machines, and their answers back: a load balancer.
 *
 * Shows: rewriting packets, a checksum that is corrected rather than computed again, and XDP_TX, which sends a packet
 * back out of the interface that it came in by.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct backend {
	__u32 address; /* network byte order */
	__u8 mac[6];
	__u8 pad[2];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct backend);
} backends SEC(".maps");

const volatile __u32 service = 0x0a00000a; /* 10.0.0.10, host byte order */

/* RFC 1624, equation 3, for one word of 32 bits. */
static __always_inline __u16 corrected(__u16 check, __u32 before, __u32 after)
{
	__u64 sum = (__u16)~check;

	sum += (__u16)~before + (__u16)~(before >> 16);
	sum += (__u16)after + (__u16)(after >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

SEC("xdp")
int balance(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = data + sizeof(*eth);
	struct tcphdr *tcp = (void *)(ip + 1);
	struct backend *backend;
	__u32 which, before;

	if ((void *)(tcp + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	if (ip->ihl != 5 || ip->protocol != IPPROTO_TCP || ip->daddr != bpf_htonl(service))
		return XDP_PASS;

	/* The same connection always goes to the same machine. */
	which = (bpf_ntohl(ip->saddr) ^ bpf_ntohs(tcp->source)) & 1;
	backend = bpf_map_lookup_elem(&backends, &which);
	if (!backend || !backend->address)
		return XDP_PASS;

	before = ip->daddr;
	ip->daddr = backend->address;
	ip->check = corrected(ip->check, before, ip->daddr);
	tcp->check = corrected(tcp->check, before, ip->daddr);
	__builtin_memcpy(eth->h_source, eth->h_dest, ETH_ALEN);
	__builtin_memcpy(eth->h_dest, backend->mac, ETH_ALEN);
	return XDP_TX;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
