// SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause)
/*
 * Lets the processes of one cgroup connect to nothing but port 443 and their own machine.
 *
 * Shows: a policy that follows processes instead of addresses, and needs neither LSM nor kprobes.
 */
#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define REFUSE 0
#define ALLOW 1

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);   /* IPv4 address, network byte order */
	__type(value, __u64); /* how often it was asked for in vain */
} refused SEC(".maps");

SEC("cgroup/connect4")
int connects(struct bpf_sock_addr *ctx)
{
	__u32 address = ctx->user_ip4;
	__u64 one = 1, *count;

	if (bpf_ntohl(address) >> 24 == 127 || ctx->user_port == bpf_htons(443))
		return ALLOW;
	count = bpf_map_lookup_elem(&refused, &address);
	if (count)
		__sync_fetch_and_add(count, 1);
	else
		bpf_map_update_elem(&refused, &address, &one, BPF_NOEXIST);
	return REFUSE;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
