// SPDX-License-Identifier: Apache-2.0
/*
 * Loads every program of every object named on the command line through libbpf, each alone and as libbpf does by itself,
 * then the whole object, and prints one line of JSON for each: {"object","program","error","log","code","said"}. `log`
 * is the end of the verifier's: empty when the kernel was not asked. `code` are the instructions as they were given to
 * the kernel, in hexadecimal, descriptors of maps replaced by a hash of the map's name. Attaches nothing, pins nothing.
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
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
/* BPF_OBJ_NAME_LEN without the NUL: names are compared as the kernel shows them. */
#define NAME_LENGTH 15

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

static void print_text(const char *name, const char *text)
{
	printf(",\"%s\":\"", name);
	for (; *text; text++) {
		unsigned char c = *text;

		if (c == '"' || c == '\\')
			printf("\\%c", c);
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

/* FNV-1a */
static __u32 hash_of(const char *name)
{
	__u32 hash = 2166136261u;

	for (int i = 0; i < NAME_LENGTH && name[i]; i++)
		hash = (hash ^ (unsigned char)name[i]) * 16777619u;
	return hash;
}

static __u32 map_by_fd(struct bpf_object *object, int fd)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, object)
		if (bpf_map__fd(map) == fd)
			return hash_of(bpf_map__name(map));
	return 0;
}

static void print_code(struct bpf_object *object, struct bpf_program *program)
{
	const struct bpf_insn *code = bpf_program__insns(program);
	size_t count = bpf_program__insn_cnt(program);

	printf(",\"code\":\"");
	for (size_t i = 0; i < count; i++) {
		struct bpf_insn one = code[i];
		const unsigned char *bytes = (const unsigned char *)&one;

		if (one.code == (BPF_LD | BPF_IMM | BPF_DW) &&
		    (one.src_reg == BPF_PSEUDO_MAP_FD || one.src_reg == BPF_PSEUDO_MAP_VALUE))
			one.imm = map_by_fd(object, one.imm);
		for (size_t b = 0; b < sizeof(one); b++)
			printf("%02x", bytes[b]);
	}
	putchar('"');
}

static struct bpf_object *open_object(const char *path)
{
	struct bpf_object *object;
	struct bpf_map *map;

	complained = 0;
	complaints[0] = 0;
	object = bpf_object__open_file(path, NULL);
	if (object)
		bpf_object__for_each_map(map, object)
			bpf_map__set_pin_path(map, NULL);
	return object;
}

static void finish_line(int error)
{
	printf(",\"error\":%d", error);
	if (error)
		print_text("said", tail_of(complaints, 900));
	printf("}\n");
	fflush(stdout);
}

static void load_one(const char *path, int index, char *log)
{
	struct bpf_program *program, *wanted = NULL;
	struct bpf_object *object = open_object(path);
	int at = 0, error;

	if (!object)
		return;
	log[0] = 0;
	bpf_object__for_each_program(program, object) {
		bpf_program__set_autoload(program, at == index);
		if (at++ == index)
			wanted = program;
	}
	bpf_program__set_log_buf(wanted, log, LOG_SIZE);
	alarm(PATIENCE);
	error = bpf_object__load(object);
	alarm(0);
	printf("{\"object\":\"%s\",\"program\":\"%s\"", path, bpf_program__name(wanted));
	print_text("section", bpf_program__section_name(wanted));
	print_text("log", tail_of(log, 600));
	print_code(object, wanted);
	finish_line(error);
	bpf_object__close(object);
}

static void load_whole(const char *path)
{
	struct bpf_object *object = open_object(path);
	int error = -errno;

	if (object) {
		alarm(PATIENCE);
		error = bpf_object__load(object);
		alarm(0);
	}
	printf("{\"object\":\"%s\"", path);
	finish_line(error);
	bpf_object__close(object);
}

/* -1 when libbpf does not open it. */
static int count_programs(const char *path)
{
	struct bpf_object *object = open_object(path);
	struct bpf_program *program;
	int count = 0;

	if (!object)
		return -1;
	bpf_object__for_each_program(program, object)
		count++;
	bpf_object__close(object);
	return count;
}

/* A child for each, because the verifier can be interrupted only by a signal that ends its process. */
static void in_child(const char *path, int index, char *log)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		if (index < 0)
			load_whole(path);
		else
			load_one(path, index, log);
		_exit(0);
	}
	waitpid(child, &status, 0);
	if (status == 0)
		return;
	printf("{\"object\":\"%s\",\"index\":%d,\"error\":%d,\"said\":\"ended by signal %d\"}\n", path, index, -EINTR,
	       status & 127);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };
	char *log = malloc(LOG_SIZE);

	if (!log)
		return 2;
	setrlimit(RLIMIT_MEMLOCK, &all);
	setvbuf(stdout, NULL, _IOFBF, 1 << 16);
	libbpf_set_print(remember);
	for (int i = 1; i < argc; i++) {
		int count = count_programs(argv[i]);

		for (int at = 0; at < count; at++)
			in_child(argv[i], at, log);
		in_child(argv[i], -1, log);
	}
	return 0;
}
