/* A pointer to a pointer to a struct. */
#include "pace.h"

struct target { int a; char b[10]; };

NOINLINE void function(struct target **value) { __asm__ volatile("" ::"r"(value)); }

int main(void) {
  struct target target = {123, "hello"}, *pointer = &target;
  function(&pointer);
  return 0;
}
