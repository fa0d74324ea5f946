/* mountns_wrapper NAME: runs a copy of a neighbour from a file system that is mounted for this process alone. */
#define _GNU_SOURCE
#include <sched.h>
#include <sys/mount.h>
#include "copy.h"

#define PLACE "/tmp/bpftrace-unshare-mountns-test"

int main(int argc, char **argv) {
  char to[4096];
  if (argc < 2) return 2;
  check(unshare(CLONE_NEWNS), "unshare");
  check(mount(0, "/", 0, MS_REC | MS_PRIVATE, 0), "private");
  mkdir(PLACE, 0755);
  check(mount("none", PLACE, "tmpfs", 0, 0), PLACE);
  snprintf(to, sizeof to, PLACE "/%s", argv[1]);
  copy_neighbour(argv[1], to);
  check(execl(to, to, (char *)0), to);
}
