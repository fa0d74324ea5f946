/* A process and its child both call the function. */
#include "pace.h"

NOINLINE void uprobeFunction1(void) { __asm__ volatile(""); }

int main(void) {
  fork();
  while (again()) uprobeFunction1();
  return 0;
}
