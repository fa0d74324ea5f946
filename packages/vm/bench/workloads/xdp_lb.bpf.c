// SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause)
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

/*
 * A load balancer: the service by address and port, its flow, else a server from the consistent hashing ring; the
 * packet's addresses are rewritten with the checksum, and each CPU counts. Five maps.
 */
struct vip_key {
	__u32 address;
	__u16 port;
	__u8 protocol;
	__u8 pad;
};

struct vip {
	__u32 number;
	__u32 flags;
};

struct flow {
	__u32 source;
	__u32 destination;
	__u16 source_port;
	__u16 destination_port;
	__u32 protocol;
};

struct server {
	__u32 address;
	__u8 mac[6];
	__u8 pad[2];
};

struct stats {
	__u64 packets;
	__u64 bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, struct vip_key);
	__type(value, struct vip);
} vips SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, struct flow);
	__type(value, __u32);
} flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u32);
} ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, struct server);
} servers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, struct stats);
} counts SEC(".maps");

static __always_inline __u32 mix(__u32 h, __u32 v)
{
	h ^= v;
	h *= 0x9e3779b1;
	return h ^ (h >> 15);
}

SEC("xdp")
int work(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = data + 14;
	__u16 *ports = data + 34;

	if (data + 42 > end)
		return 2;
	if (eth->h_proto != 0x0008 || ip->ihl != 5 || (ip->frag_off & 0xff3f) != 0)
		return 2;
	if (ip->protocol != 6 && ip->protocol != 17)
		return 2;

	struct vip_key key = { .address = ip->daddr, .port = ports[1], .protocol = ip->protocol };
	struct vip *vip = bpf_map_lookup_elem(&vips, &key);

	if (!vip)
		return 2;

	struct flow flow = {
		.source = ip->saddr,
		.destination = ip->daddr,
		.source_port = ports[0],
		.destination_port = ports[1],
		.protocol = ip->protocol,
	};
	__u32 *known = bpf_map_lookup_elem(&flows, &flow);
	__u32 number;

	if (known) {
		number = *known;
	} else {
		__u32 slot = mix(mix(vip->number, flow.source), ((__u32)flow.source_port << 16) | flow.destination_port) & 1023;
		__u32 *entry = bpf_map_lookup_elem(&ring, &slot);

		if (!entry)
			return 1;
		number = *entry;
		bpf_map_update_elem(&flows, &flow, &number, 0);
	}

	struct server *server = bpf_map_lookup_elem(&servers, &number);

	if (!server)
		return 1;

	__u32 sum = (__u16)~ip->check;
	__u32 old = ip->daddr, now = server->address;

	sum += (__u16)~old + (__u16)~(old >> 16) + (__u16)now + (now >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	/* The packet stays as it is for the next run: what is written is what a real one would get, and back. */
	ip->check = ~sum;
	ip->tos = now & 3;
	for (__u32 i = 0; i < 6; i++)
		eth->h_dest[i] = server->mac[i];

	__u32 index = vip->number;
	struct stats *stats = bpf_map_lookup_elem(&counts, &index);

	if (stats) {
		stats->packets += 1;
		stats->bytes += (long)end - (long)data;
	}
	return 3;
}

SEC("xdp")
int setup(struct xdp_md *ctx)
{
	for (__u32 i = 0; i < 1024; i++) {
		__u32 slot = i, number = (i * 7) % 64;

		bpf_map_update_elem(&ring, &slot, &number, 0);
	}
	for (__u32 i = 0; i < 64; i++) {
		__u32 slot = i;
		struct server server = { .address = 0x0a000000 + i, .mac = { 2, 0, 0, 0, 0, i } };
		struct vip_key key = { .address = 0x0100000a + i, .port = 0x5000, .protocol = 6 };
		struct vip vip = { .number = i };

		bpf_map_update_elem(&servers, &slot, &server, 0);
		bpf_map_update_elem(&vips, &key, &vip, 0);
	}
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
