// E2105: never set
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
__attribute__((naked)) int add(void)
{
	asm volatile("r0 = 2;"
		     "r0 += r2;"
		     "r0 = 2;"
		     "exit;" ::: "r0");
}

char LICENSE[] SEC("license") = "GPL";
