/* The number that is neither above 0 nor not below 1. */
#include "pace.h"

struct number { unsigned long x; };

NOINLINE void test_signed_ints(struct number *value) { __asm__ volatile("" ::"r"(value)); }

int main(void) {
  struct number value = {0};
  test_signed_ints(&value);
  return 0;
}
