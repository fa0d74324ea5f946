/* One call. */
#include "pace.h"

NOINLINE void test(void) { __asm__ volatile(""); }

int main(void) {
  test();
  return 0;
}
