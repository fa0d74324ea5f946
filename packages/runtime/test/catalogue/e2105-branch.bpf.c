// E2105: without a return value
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("socket")
__attribute__((naked)) int marked(void)
{
	asm volatile("r2 = *(u32 *)(r1 + 8);"
		     "if r2 == 0 goto 1f;"
		     "r0 = 1;"
		     "1: exit;" ::: "r0");
}

char LICENSE[] SEC("license") = "GPL";
