// SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause)
/*
 * Counts packets and bytes by IP protocol, IPv4 and IPv6, through VLAN tags.
 *
 * Shows: per-CPU counters, a bounded loop over headers, and a parser that moves a cursor through the packet.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define MAX_VLANS 2

struct counter {
	__u64 packets;
	__u64 bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 256); /* by protocol number: 1 ICMP, 6 TCP, 17 UDP ... */
	__type(key, __u32);
	__type(value, struct counter);
} counters SEC(".maps");

struct vlan_header {
	__be16 tag;
	__be16 protocol;
};

struct cursor {
	void *at;
	void *end;
};

/* The Ethernet protocol behind the VLAN tags, or -1 when the packet is too short. */
static __always_inline int parse_ethernet(struct cursor *cursor)
{
	struct ethhdr *eth = cursor->at;
	__be16 protocol;

	if ((void *)(eth + 1) > cursor->end)
		return -1;
	cursor->at = eth + 1;
	protocol = eth->h_proto;
	for (int i = 0; i < MAX_VLANS; i++) {
		struct vlan_header *vlan = cursor->at;

		if (protocol != bpf_htons(ETH_P_8021Q) && protocol != bpf_htons(ETH_P_8021AD))
			break;
		if ((void *)(vlan + 1) > cursor->end)
			return -1;
		protocol = vlan->protocol;
		cursor->at = vlan + 1;
	}
	return bpf_ntohs(protocol);
}

SEC("xdp")
int xdp_count(struct xdp_md *ctx)
{
	struct cursor cursor = {
		.at = (void *)(long)ctx->data,
		.end = (void *)(long)ctx->data_end,
	};
	__u64 bytes = ctx->data_end - ctx->data;
	struct counter *counter;
	__u32 key;

	switch (parse_ethernet(&cursor)) {
	case ETH_P_IP: {
		struct iphdr *ip = cursor.at;

		if ((void *)(ip + 1) > cursor.end)
			return XDP_PASS;
		key = ip->protocol;
		break;
	}
	case ETH_P_IPV6: {
		struct ipv6hdr *ip = cursor.at;

		if ((void *)(ip + 1) > cursor.end)
			return XDP_PASS;
		key = ip->nexthdr;
		break;
	}
	default:
		return XDP_PASS;
	}

	counter = bpf_map_lookup_elem(&counters, &key);
	if (counter) {
		counter->packets += 1;
		counter->bytes += bytes;
	}
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
