// SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause)
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

/* TCP to port 80 or 443, through a VLAN tag or not: 1 drops, 2 passes. */
struct vlan {
	__u16 tag;
	__u16 protocol;
};

SEC("xdp")
int work(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	__u16 protocol;

	if ((void *)(eth + 1) > end)
		return 2;
	protocol = eth->h_proto;
	data = eth + 1;
	if (protocol == 0x0081) {
		struct vlan *vlan = data;

		if ((void *)(vlan + 1) > end)
			return 2;
		protocol = vlan->protocol;
		data = vlan + 1;
	}
	if (protocol != 0x0008)
		return 2;

	struct iphdr *ip = data;

	if ((void *)(ip + 1) > end || ip->protocol != 6 || (ip->frag_off & 0xff1f) != 0)
		return 2;

	__u32 length = ip->ihl * 4;

	if (length < 20)
		return 2;

	struct tcphdr *tcp = data + length;

	if ((void *)(tcp + 1) > end)
		return 2;
	if (tcp->dest == 0x5000 || tcp->dest == 0xbb01)
		return tcp->syn && !tcp->ack ? 2 : 1;
	return 2;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
