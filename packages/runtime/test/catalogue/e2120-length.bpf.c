// E2120: may only return
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("cgroup/dev")
int device(struct bpf_cgroup_dev_ctx *ctx)
{
	return ctx->major; /* here */
}

char LICENSE[] SEC("license") = "GPL";
