// E2120: cgroup_sock_addr programs may only return between 0 and 1
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("cgroup/connect4")
int connect(struct bpf_sock_addr *ctx)
{
	if (ctx->user_port == 0)
		return 0;
	return 2; /* here */
}

char LICENSE[] SEC("license") = "GPL";
