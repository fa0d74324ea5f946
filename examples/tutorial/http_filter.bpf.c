// SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause)
/*
 * Keeps, of everything that a socket would get, the TCP segments that begin an HTTP request or answer.
 *
 * Shows: a socket filter, whose result is how many bytes go on, and reading a packet that need not lie in one piece,
 * from its network header on (bpf_skb_load_bytes_relative).
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define NOTHING 0
#define EVERYTHING -1

static __always_inline long load(struct __sk_buff *skb, __u32 at, void *to, __u32 size)
{
	return bpf_skb_load_bytes_relative(skb, at, to, size, BPF_HDR_START_NET);
}

SEC("socket")
int http(struct __sk_buff *skb)
{
	struct iphdr ip;
	struct tcphdr tcp;
	__u32 at = 0;
	char begin[4];

	if (skb->protocol != bpf_htons(ETH_P_IP) || load(skb, at, &ip, sizeof(ip)) < 0)
		return NOTHING;
	if (ip.protocol != IPPROTO_TCP)
		return NOTHING;
	at += ip.ihl * 4;
	if (load(skb, at, &tcp, sizeof(tcp)) < 0)
		return NOTHING;
	at += tcp.doff * 4;
	if (load(skb, at, begin, sizeof(begin)) < 0)
		return NOTHING;
	if (!__builtin_memcmp(begin, "GET ", 4) || !__builtin_memcmp(begin, "POST", 4) ||
	    !__builtin_memcmp(begin, "HTTP", 4))
		return EVERYTHING;
	return NOTHING;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
