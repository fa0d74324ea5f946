/*
 * Runs a workload in ubpf: shared library, "jit" or "interpreter", code file, packet file; then as main.c does. Of ubpf
 * only the names of its functions are known here.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

static size_t fill(const char *name, void *to, size_t room)
{
	FILE *file = fopen(name, "rb");

	return file ? fread(to, 1, room, file) : 0;
}

int main(int argc, char **argv)
{
	void *library = dlopen(argv[1], RTLD_NOW);
	void *(*create)(void) = dlsym(library, "ubpf_create");
	bool (*check)(void *, bool) = dlsym(library, "ubpf_toggle_bounds_check");
	int (*load)(void *, const void *, uint32_t, char **) = dlsym(library, "ubpf_load");
	void *(*compile)(void *, char **) = dlsym(library, "ubpf_compile");
	int (*exec)(void *, void *, size_t, uint64_t *) = dlsym(library, "ubpf_exec");
	uint8_t *page = mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	static uint8_t code[1 << 20];
	uint32_t *context = (uint32_t *)page;
	char *error = "no such library";
	uint64_t result = 0;
	unsigned long runs;
	void *vm;

	if (!library || !(vm = create()))
		return fprintf(stderr, "%s\n", error), 1;
	/* Its interpreter checks addresses against one region; contexts that hold pointers have several. */
	check(vm, false);
	if (load(vm, code, fill(argv[3], code, sizeof(code)), &error))
		return fprintf(stderr, "%s\n", error), 1;
	context[0] = (uint32_t)(size_t)page + 4096 + 256;
	context[1] = context[0] + fill(argv[4], page + 4096 + 256, 4096);

	uint64_t (*run)(void *, size_t) = strcmp(argv[2], "jit") ? NULL : compile(vm, &error);

	while (scanf("%lu", &runs) == 1) {
		struct timespec a, b;

		clock_gettime(CLOCK_MONOTONIC, &a);
		for (unsigned long i = 0; i < runs; i++) {
			if (run)
				result = run(context, 24);
			else
				exec(vm, context, 24, &result);
		}
		clock_gettime(CLOCK_MONOTONIC, &b);
		printf("%.0f %u\n", (b.tv_sec - a.tv_sec) * 1e9 + (b.tv_nsec - a.tv_nsec), (unsigned)result);
		fflush(stdout);
	}
	return 0;
}
