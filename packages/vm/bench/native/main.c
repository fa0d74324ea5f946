/*
 * Runs a workload natively: packet file, then "runs" lines on stdin; for each, nanoseconds of that many runs and the
 * last result on stdout. The packet lies in the low 4 GiB because contexts hold it in 32 bits.
 */
#define _GNU_SOURCE
#include WORKLOAD
#include <stdio.h>
#include <sys/mman.h>
#include <time.h>

#ifndef SETUP
static int setup(struct xdp_md *ctx)
{
	return 0;
}
#endif

int main(int argc, char **argv)
{
	__u8 *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	FILE *file = fopen(argv[1], "rb");
	size_t size = fread(page + 256, 1, 4096, file);
	struct xdp_md ctx = { (__u32)(size_t)page + 256, (__u32)(size_t)page + 256 + size };
	int (*volatile run)(struct xdp_md *) = work;
	unsigned long runs;

	setup(&ctx);
	while (scanf("%lu", &runs) == 1) {
		struct timespec a, b;
		unsigned result = 0;

		clock_gettime(CLOCK_MONOTONIC, &a);
		for (unsigned long i = 0; i < runs; i++)
			result = run(&ctx);
		clock_gettime(CLOCK_MONOTONIC, &b);
		printf("%.0f %u\n", (b.tv_sec - a.tv_sec) * 1e9 + (b.tv_nsec - a.tv_nsec), result);
		fflush(stdout);
	}
	return 0;
}
