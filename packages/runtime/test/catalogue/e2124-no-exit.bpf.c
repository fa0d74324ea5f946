// E2124: control flow
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("socket")
__attribute__((naked)) int open_end(void)
{
	asm volatile("r0 = 0;" ::: "r0");
}

char LICENSE[] SEC("license") = "GPL";
