/* mountns_pivot_wrapper NAME: runs a copy of a neighbour in a root of its own, with the system's libraries and nothing else. */
#define _GNU_SOURCE
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include "copy.h"

int main(int argc, char **argv) {
  static const char *const shared[] = {"usr", "lib", "lib64"};
  const char *root = "/tmp/bpftrace-pivot";
  char to[4096], from[64];
  if (argc < 2) return 2;
  mkdir(root, 0755);
  check(unshare(CLONE_NEWNS), "unshare");
  check(mount(0, "/", 0, MS_REC | MS_PRIVATE, 0), "private");
  check(mount("none", root, "tmpfs", 0, 0), root);
  for (int i = 0; i < 3; i++) {
    snprintf(from, sizeof from, "/%s", shared[i]);
    snprintf(to, sizeof to, "%s/%s", root, shared[i]);
    check(mkdir(to, 0755), to);
    check(mount(from, to, 0, MS_BIND | MS_REC, 0), from);
  }
  snprintf(to, sizeof to, "%s/%s", root, argv[1]);
  copy_neighbour(argv[1], to);
  check(chdir(root), root);
  check(syscall(SYS_pivot_root, ".", "."), "pivot_root");
  check(umount2(".", MNT_DETACH), "umount");
  snprintf(to, sizeof to, "/%s", argv[1]);
  check(execl(to, to, (char *)0), to);
}
