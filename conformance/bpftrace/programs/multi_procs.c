/* Three generations of processes, each with a name of its own. */
#include <sys/prctl.h>
#include <sys/wait.h>
#include "pace.h"

NOINLINE void stub(void) { __asm__ volatile(""); }

int main(void) {
  static const char *const names[] = {"parent-proc", "son-proc", "grandson-proc"};
  for (int i = 0; i < 3; i++) {
    prctl(PR_SET_NAME, names[i]);
    stub();
    if (i < 2 && fork() != 0) break;
  }
  wait(0);
  return 0;
}
