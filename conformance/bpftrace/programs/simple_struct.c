/* A struct, and a pointer into its middle. */
#include "pace.h"

struct pair { int m, n; };

NOINLINE void func(struct pair *value) { __asm__ volatile("" ::"r"(value)); }
NOINLINE void n_func(int *n) { __asm__ volatile("" ::"r"(n)); }

int main(void) {
  struct pair value = {2, 3};
  func(&value);
  n_func(&value.n);
  return 0;
}
