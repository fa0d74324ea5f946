// E2105: bpf_get_prandom_u32\(\).* destroyed
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("socket")
__attribute__((naked)) int sum(void)
{
	asm volatile("r3 = 7;"
		     "call %[random];"
		     "r0 += r3;"
		     "exit;" :: [random] "i"(bpf_get_prandom_u32) : "r0");
}

char LICENSE[] SEC("license") = "GPL";
