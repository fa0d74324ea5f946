// SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause)
/*
 * A way to control TCP's congestion: after a loss, seven tenths of the window instead of a half.
 *
 * Shows: struct_ops, a structure of functions that the kernel calls as if they were its own.
 */
#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

SEC("struct_ops")
__u32 BPF_PROG(tenths_ssthresh, struct sock *sk)
{
	__u32 window = ((struct tcp_sock *)sk)->snd_cwnd * 7 / 10;

	return window < 2 ? 2 : window;
}

SEC("struct_ops")
void BPF_PROG(tenths_avoid, struct sock *sk, __u32 ack, __u32 acked)
{
}

SEC("struct_ops")
__u32 BPF_PROG(tenths_undo, struct sock *sk)
{
	return ((struct tcp_sock *)sk)->snd_cwnd;
}

SEC(".struct_ops")
struct tcp_congestion_ops seven_tenths = {
	.ssthresh = (void *)tenths_ssthresh,
	.cong_avoid = (void *)tenths_avoid,
	.undo_cwnd = (void *)tenths_undo,
	.name = "seven_tenths",
};

char LICENSE[] SEC("license") = "Dual BSD/GPL";
