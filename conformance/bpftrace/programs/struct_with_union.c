/* A union of a whole number and a fraction. */
#include "pace.h"

struct outer {
  int m;
  union { int i; float f; } n;
};

NOINLINE void func(struct outer *value) { __asm__ volatile("" ::"r"(value)); }

int main(void) {
  struct outer value = {2, {5}};
  func(&value);
  return 0;
}
