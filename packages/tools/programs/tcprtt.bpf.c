// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Round-trip times of TCP connections, smoothed as the kernel has them, when segments arrive. */
#include "tool.h"
#include "tcp.h"

enum { BY_NOTHING, BY_LOCAL, BY_REMOTE };

const volatile __u32 by = BY_NOTHING;
const volatile bool milliseconds = false;

struct key {
	__u8 address[16];
	__u16 family;
};

struct entry {
	struct histogram histogram;
	__u64 sum;
	__u64 count;
};

/* Only addresses that are in the map. */
const volatile bool by_local_address = false;
const volatile bool by_remote_address = false;

struct address {
	__u8 address[16];
	__u32 side;
};

HASH(addresses, 2, struct address, __u8);

static __always_inline bool chosen(__u32 side, const __u8 *bytes)
{
	struct address address = {};

	address.side = side;
	__builtin_memcpy(address.address, bytes, 16);
	return bpf_map_lookup_elem(&addresses, &address) != NULL;
}

HASH(histograms, 1024, struct key, struct entry);

static const struct entry zero;

SEC("raw_tp/tcp_probe")
int received(struct bpf_raw_tracepoint_args *ctx)
{
	struct sock *sk = (struct sock *)ctx->args[0];
	struct key key = {};
	struct entry *entry;
	struct flow flow;
	__u64 rtt;

	if (!read_flow(sk, &flow))
		return 0;
	if (by_local_address && !chosen(LOCAL, flow.local))
		return 0;
	if (by_remote_address && !chosen(REMOTE, flow.remote))
		return 0;
	if (by != BY_NOTHING) {
		__builtin_memcpy(key.address, by == BY_LOCAL ? flow.local : flow.remote, 16);
		key.family = flow.family;
	}
	entry = entry_of(&histograms, &key, &zero);
	if (!entry)
		return 0;
	/* Eight times the time, in microseconds. */
	rtt = BPF_CORE_READ((struct tcp_sock *)sk, srtt_us) >> 3;
	if (milliseconds)
		rtt /= 1000;
	histogram_add(&entry->histogram, rtt);
	__sync_fetch_and_add(&entry->sum, rtt);
	__sync_fetch_and_add(&entry->count, 1);
	return 0;
}
