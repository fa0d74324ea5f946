// SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause)
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

/* Jenkins' hash of 480 bytes, as the kernel has it in include/linux/jhash.h. */
#define ROL(x, n) (((x) << (n)) | ((x) >> (32 - (n))))

SEC("xdp")
int work(struct xdp_md *ctx)
{
	__u32 *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	__u32 a, b, c;

	if ((void *)(data + 120) > end)
		return 0;
	a = b = c = 0xdeadbeef + 480;
	for (__u32 i = 0; i < 117; i += 3) {
		a += data[i];
		b += data[i + 1];
		c += data[i + 2];
		a -= c;
		a ^= ROL(c, 4);
		c += b;
		b -= a;
		b ^= ROL(a, 6);
		a += c;
		c -= b;
		c ^= ROL(b, 8);
		b += a;
		a -= c;
		a ^= ROL(c, 16);
		c += b;
		b -= a;
		b ^= ROL(a, 19);
		a += c;
		c -= b;
		c ^= ROL(b, 4);
		b += a;
	}
	a += data[117];
	b += data[118];
	c += data[119];
	c ^= b;
	c -= ROL(b, 14);
	a ^= c;
	a -= ROL(c, 11);
	b ^= a;
	b -= ROL(a, 25);
	c ^= b;
	c -= ROL(b, 16);
	a ^= c;
	a -= ROL(c, 4);
	b ^= a;
	b -= ROL(a, 14);
	c ^= b;
	c -= ROL(b, 24);
	return c;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
