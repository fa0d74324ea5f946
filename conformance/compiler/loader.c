// SPDX-License-Identifier: Apache-2.0
/*
 * Loads every program of every object named on the command line, each alone, through libbpf, and prints one line of
 * JSON for each: {"object","program","section","insns","verified","error","log"}. Attaches nothing, pins nothing.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOG_SIZE (8 << 20)
/* Seconds that one program may take. */
#define PATIENCE 600

static char complaints[1 << 16];
static size_t complained;

static int remember(enum libbpf_print_level level, const char *format, va_list args)
{
	int length;

	if (level != LIBBPF_WARN || complained + 1 >= sizeof(complaints))
		return 0;
	length = vsnprintf(complaints + complained, sizeof(complaints) - complained, format, args);
	if (length > 0)
		complained += length;
	if (complained >= sizeof(complaints))
		complained = sizeof(complaints) - 1;
	return 0;
}

static void print_text(const char *name, const char *text, size_t length)
{
	printf(",\"%s\":\"", name);
	for (size_t i = 0; i < length; i++) {
		unsigned char c = text[i];

		if (c == '"' || c == '\\')
			printf("\\%c", c);
		else if (c == '\n')
			printf("\\n");
		else if (c < 32 || c > 126)
			printf("\\u%04x", c);
		else
			putchar(c);
	}
	putchar('"');
}

static const char *tail_of(const char *text, size_t most)
{
	size_t length = strlen(text);

	return length > most ? text + length - most : text;
}

/* Sections that libbpf does not know; the loader of the project that they come from gives them these types. */
static void guess_type(struct bpf_program *program)
{
	static const struct {
		const char *prefix;
		enum bpf_prog_type type;
	} guesses[] = {
		{ "socket", BPF_PROG_TYPE_SOCKET_FILTER }, { "xdp", BPF_PROG_TYPE_XDP },
		{ "tc", BPF_PROG_TYPE_SCHED_CLS },         { "classifier", BPF_PROG_TYPE_SCHED_CLS },
		{ "len_hist", BPF_PROG_TYPE_LWT_OUT },     { "kprobe", BPF_PROG_TYPE_KPROBE },
		{ "kretprobe", BPF_PROG_TYPE_KPROBE },     { "uprobe", BPF_PROG_TYPE_KPROBE },
		{ "tracepoint", BPF_PROG_TYPE_TRACEPOINT }, { "raw_tp", BPF_PROG_TYPE_RAW_TRACEPOINT },
		{ "cgroup", BPF_PROG_TYPE_CGROUP_SKB },    { "perf_event", BPF_PROG_TYPE_PERF_EVENT },
		{ "sockops", BPF_PROG_TYPE_SOCK_OPS },
	};
	const char *section = bpf_program__section_name(program);

	if (bpf_program__type(program) != BPF_PROG_TYPE_UNSPEC)
		return;
	for (size_t i = 0; i < sizeof(guesses) / sizeof(guesses[0]); i++)
		if (!strncmp(section, guesses[i].prefix, strlen(guesses[i].prefix))) {
			bpf_program__set_type(program, guesses[i].type);
			return;
		}
	bpf_program__set_type(program, BPF_PROG_TYPE_SCHED_CLS);
}

static void prepare_maps(struct bpf_object *object, int struct_ops)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, object) {
		enum bpf_map_type type = bpf_map__type(map);

		bpf_map__set_pin_path(map, NULL);
		if (type == BPF_MAP_TYPE_STRUCT_OPS) {
			bpf_map__set_autocreate(map, struct_ops);
			continue;
		}
		if (bpf_map__max_entries(map) == 0 && type != BPF_MAP_TYPE_PERF_EVENT_ARRAY &&
		    type != BPF_MAP_TYPE_SK_STORAGE && type != BPF_MAP_TYPE_TASK_STORAGE &&
		    type != BPF_MAP_TYPE_INODE_STORAGE && type != BPF_MAP_TYPE_CGRP_STORAGE &&
		    type != BPF_MAP_TYPE_CGROUP_STORAGE && type != BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE)
			bpf_map__set_max_entries(map, type == BPF_MAP_TYPE_RINGBUF || type == BPF_MAP_TYPE_USER_RINGBUF ? 4096 : 1);
		if (type == BPF_MAP_TYPE_STACK_TRACE && bpf_map__value_size(map) == 0)
			bpf_map__set_value_size(map, 127 * 8);
	}
}

static void load_one(const char *path, int index, char *log)
{
	struct bpf_program *program, *wanted = NULL;
	struct bpf_object *object;
	struct bpf_prog_info info = {};
	__u32 size = sizeof(info);
	int at = 0, error;
	const char *text;

	complained = 0;
	complaints[0] = log[0] = 0;
	object = bpf_object__open_file(path, NULL);
	if (!object)
		return;
	bpf_object__for_each_program(program, object) {
		bpf_program__set_autoload(program, at == index);
		if (at++ == index)
			wanted = program;
	}
	guess_type(wanted);
	prepare_maps(object, bpf_program__type(wanted) == BPF_PROG_TYPE_STRUCT_OPS);
	bpf_program__set_log_buf(wanted, log, LOG_SIZE);
	alarm(PATIENCE);
	error = bpf_object__load(object);
	alarm(0);
	printf("{\"object\":\"%s\",\"program\":\"%s\"", path, bpf_program__name(wanted));
	text = bpf_program__section_name(wanted);
	print_text("section", text, strlen(text));
	printf(",\"insns\":%zu,\"error\":%d", bpf_program__insn_cnt(wanted), error);
	if (!error && !bpf_prog_get_info_by_fd(bpf_program__fd(wanted), &info, &size))
		printf(",\"verified\":%u", info.verified_insns);
	if (error) {
		text = tail_of(log, 1200);
		print_text("log", text, strlen(text));
		text = tail_of(complaints, 600);
		print_text("said", text, strlen(text));
	}
	printf("}\n");
	bpf_object__close(object);
}

static int count_programs(const char *path)
{
	struct bpf_object *object = bpf_object__open_file(path, NULL);
	struct bpf_program *program;
	int count = 0;

	if (!object) {
		printf("{\"object\":\"%s\",\"error\":%d", path, -errno);
		print_text("said", complaints, strlen(complaints));
		printf("}\n");
		return 0;
	}
	bpf_object__for_each_program(program, object)
		count++;
	bpf_object__close(object);
	return count;
}

static void load_all(const char *path)
{
	char *log = malloc(LOG_SIZE);
	int count;

	if (!log)
		exit(2);
	complained = 0;
	complaints[0] = 0;
	count = count_programs(path);
	for (int i = 0; i < count; i++) {
		load_one(path, i, log);
		fflush(stdout);
	}
	free(log);
}

int main(int argc, char **argv)
{
	struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };

	setrlimit(RLIMIT_MEMLOCK, &all);
	setvbuf(stdout, NULL, _IOFBF, 1 << 16);
	libbpf_set_print(remember);
	for (int i = 1; i < argc; i++) {
		pid_t child;
		int status;

		fflush(stdout);
		child = fork();
		if (child < 0)
			return 2;
		if (child == 0) {
			load_all(argv[i]);
			fflush(stdout);
			_exit(0);
		}
		waitpid(child, &status, 0);
		if (status != 0)
			printf("{\"object\":\"%s\",\"died\":%d}\n", argv[i], status);
	}
	return 0;
}
