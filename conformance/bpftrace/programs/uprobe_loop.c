/* main calls spin, and that the function, again and again. */
#include "pace.h"

NOINLINE void uprobeFunction1(void) { __asm__ volatile(""); }

NOINLINE void spin(void) {
  while (again()) uprobeFunction1();
}

int main(void) {
  spin();
  return 0;
}
