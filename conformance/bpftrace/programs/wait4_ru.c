/* Waits for children, and asks what they used. */
#include <sys/resource.h>
#include <sys/syscall.h>
#include "pace.h"

int main(void) {
  for (int i = 0; i < 5; i++) {
    struct rusage used;
    int status, child = fork();
    if (child == 0) _exit(0);
    syscall(SYS_wait4, child, &status, 0, &used);
  }
  return 0;
}
