// SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause)
/*
 * Sends the header of each TCP segment that comes in to user space, and lets all packets pass.
 *
 * Shows: a parser that hands on what it found, as a record with names.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct event {
	__u32 source;
	__u32 destination;
	__u16 source_port;
	__u16 destination_port;
	__u32 sequence;
	__u8 syn, ack, fin, rst;
	__u16 window;
	__u16 length;
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} events SEC(".maps");

SEC("xdp")
int tcp_headers(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = data + sizeof(*eth);
	struct event *event;
	struct tcphdr *tcp;

	if ((void *)(ip + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP) || ip->protocol != IPPROTO_TCP)
		return XDP_PASS;
	if (ip->ihl < 5)
		return XDP_PASS;
	tcp = (void *)ip + ip->ihl * 4;
	if ((void *)(tcp + 1) > end)
		return XDP_PASS;
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event)
		return XDP_PASS;
	event->source = bpf_ntohl(ip->saddr);
	event->destination = bpf_ntohl(ip->daddr);
	event->source_port = bpf_ntohs(tcp->source);
	event->destination_port = bpf_ntohs(tcp->dest);
	event->sequence = bpf_ntohl(tcp->seq);
	event->syn = tcp->syn;
	event->ack = tcp->ack;
	event->fin = tcp->fin;
	event->rst = tcp->rst;
	event->window = bpf_ntohs(tcp->window);
	event->length = end - data;
	bpf_ringbuf_submit(event, 0);
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
