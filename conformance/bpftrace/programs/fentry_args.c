/* fentry_args COMMAND SIZE: bpf(COMMAND, attributes, SIZE), where the attributes are more than any kernel knows: it answers E2BIG. */
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  size_t size = strtoul(argv[2], 0, 0);
  char *attributes = malloc(size);
  memset(attributes, 0xff, size);
  syscall(SYS_bpf, atoi(argv[1]), attributes, size);
  return 0;
}
