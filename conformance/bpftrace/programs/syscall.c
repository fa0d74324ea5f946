/*
 * syscall NAME ARGUMENTS…: makes this one system call, itself and not by way of a library that might choose another:
 * read | open | openat | nanosleep [NANOSECONDS] | execve PROGRAM ARGUMENTS… | connect ADDRESS PORT
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static int opened(int directory) {
  char path[4096];
  const char *folder = getenv("TMPDIR");
  snprintf(path, sizeof path, "%s/bpftrace_runtime_test_syscall_gen_open_temp", folder ? folder : "/tmp");
  long file = directory ? syscall(SYS_openat, AT_FDCWD, path, O_CREAT, 0600) : syscall(SYS_open, path, O_CREAT, 0600);
  unlink(path);
  return file < 0;
}

int main(int argc, char **argv) {
  const char *name = argc > 1 ? argv[1] : "";
  if (strcmp(name, "read") == 0) {
    char text[16];
    int file = open("/proc/self/comm", O_RDONLY);
    return syscall(SYS_read, file, text, sizeof text) < 0;
  }
  if (strcmp(name, "open") == 0) return opened(0);
  if (strcmp(name, "openat") == 0) return opened(1);
  if (strcmp(name, "nanosleep") == 0) {
    double all = argc > 2 ? strtod(argv[2], 0) : 1000;
    struct timespec time = {(time_t)(all / 1e9), (long)all % 1000000000};
    return syscall(SYS_nanosleep, &time, 0) < 0;
  }
  if (strcmp(name, "execve") == 0 && argc > 2) {
    syscall(SYS_execve, argv[2], argv + 2, environ);
    perror(argv[2]);
    return 1;
  }
  if (strcmp(name, "connect") == 0 && argc > 3) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[3]))};
    inet_pton(AF_INET, argv[2], &to.sin_addr);
    // Whether somebody answers does not matter.
    syscall(SYS_connect, socket(AF_INET, SOCK_STREAM, 0), &to, sizeof to);
    return 0;
  }
  fprintf(stderr, "syscall: there is no %s\n", name);
  return 2;
}
