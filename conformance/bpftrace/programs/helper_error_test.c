/* A pointer to nowhere. */
#include "pace.h"

NOINLINE void test_helper_error(void *nowhere) { __asm__ volatile("" ::"r"(nowhere)); }

int main(void) {
  test_helper_error((void *)16);
  return 0;
}
