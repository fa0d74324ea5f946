// SPDX-License-Identifier: Apache-2.0
/*
 * What bench/libbpf.mjs compares with: the same work through libbpf. Prints nanoseconds of processor time, one line for
 * each round.
 *
 *   libbpf load OBJECT ROUNDS             opens, loads and closes an object
 *   libbpf ring OBJECT EVENTS ROUNDS      takes the records that program `send` left in ring `events`; for each
 *   libbpf maps OBJECT ENTRIES ROUNDS     looks up every entry of hash map `table`, singly and in batches; for each
 *   libbpf first OBJECT CGROUP            attaches program `socket` and prints `event` at the first record
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return time.tv_sec * 1e9 + time.tv_nsec;
}

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static struct bpf_object *load(const char *path)
{
	struct bpf_object *object = bpf_object__open_file(path, NULL);

	if (!object || bpf_object__load(object))
		fail(path);
	return object;
}

static void measure_load(const char *path, int rounds)
{
	for (int i = 0; i < rounds; i++) {
		double start = now();

		bpf_object__close(load(path));
		printf("%.0f\n", now() - start);
	}
}

struct event {
	__u64 time;
	__u32 pid;
	char comm[16];
	__s32 fd;
	__s32 err;
};

static __u64 sum;

static int take(void *context, void *data, size_t size)
{
	sum += ((struct event *)data)->pid + size;
	return 0;
}

static int print_first(void *context, void *data, size_t size)
{
	puts("event");
	fflush(stdout);
	exit(0);
}

static void measure_ring(const char *path, int events, int rounds)
{
	struct bpf_object *object = load(path);
	int program = bpf_program__fd(bpf_object__find_program_by_name(object, "send"));
	struct ring_buffer *ring =
		ring_buffer__new(bpf_object__find_map_fd_by_name(object, "events"), take, NULL, NULL);
	char packet[64] = {};
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = packet, .data_size_in = sizeof(packet), .repeat = events);

	if (!ring)
		fail("ring");
	for (int i = 0; i < rounds; i++) {
		double start;

		if (bpf_prog_test_run_opts(program, &run))
			fail("run");
		start = now();
		if (ring_buffer__consume(ring) != events)
			fail("records");
		printf("%.2f\n", (now() - start) / events);
	}
}

static void measure_maps(const char *path, int entries, int rounds)
{
	struct bpf_object *object = load(path);
	int map = bpf_object__find_map_fd_by_name(object, "table");
	__u32 *keys = calloc(entries, sizeof(*keys));
	__u64 *values = calloc(entries, sizeof(*values));

	for (__u32 i = 0; i < (__u32)entries; i++)
		if (bpf_map_update_elem(map, &i, &values[i], BPF_ANY))
			fail("update");
	for (int i = 0; i < rounds; i++) {
		double start = now(), single;
		__u32 cursor = 0, done = 0, count;
		void *position = NULL;
		__u64 value;

		for (__u32 key = 0; key < (__u32)entries; key++) {
			if (bpf_map_lookup_elem(map, &key, &value))
				fail("lookup");
			sum += value;
		}
		single = (now() - start) / entries;
		start = now();
		for (int more = 1; more; done += count) {
			count = entries - done < 1024 ? entries - done : 1024;
			if (count == 0)
				break;
			more = !bpf_map_lookup_batch(map, position, &cursor, keys + done, values + done, &count, NULL);
			position = &cursor;
		}
		if (done != (__u32)entries)
			fail("batch");
		printf("%.2f %.2f\n", single, (now() - start) / entries);
	}
}

static void measure_first(const char *path, const char *cgroup, char **command)
{
	struct bpf_object *object = load(path);
	struct bpf_program *program = bpf_object__find_program_by_name(object, "socket");
	struct ring_buffer *ring =
		ring_buffer__new(bpf_object__find_map_fd_by_name(object, "events"), print_first, NULL, NULL);

	if (!ring || !bpf_program__attach_cgroup(program, open(cgroup, O_RDONLY)))
		fail("attach");
	if (fork() == 0) {
		execvp(command[0], command);
		_exit(127);
	}
	for (;;)
		ring_buffer__poll(ring, 100);
}

int main(int argc, char **argv)
{
	struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };

	setrlimit(RLIMIT_MEMLOCK, &all);
	if (argc >= 4 && !strcmp(argv[1], "load"))
		measure_load(argv[2], atoi(argv[3]));
	else if (argc >= 5 && !strcmp(argv[1], "ring"))
		measure_ring(argv[2], atoi(argv[3]), atoi(argv[4]));
	else if (argc >= 5 && !strcmp(argv[1], "maps"))
		measure_maps(argv[2], atoi(argv[3]), atoi(argv[4]));
	else if (argc >= 5 && !strcmp(argv[1], "first"))
		measure_first(argv[2], argv[3], argv + 4);
	else
		return 2;
	return sum == 1;
}
