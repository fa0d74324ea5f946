// E2120: may only return
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("sk_lookup")
int choose(struct bpf_sk_lookup *ctx)
{
	int verdict = -1;

	if (ctx->local_port == 80)
		verdict = SK_PASS;
	return verdict; /* here */
}

char LICENSE[] SEC("license") = "GPL";
