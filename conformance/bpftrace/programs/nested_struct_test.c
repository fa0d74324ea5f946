/* A struct inside of a struct. */
#include "pace.h"

struct outer {
  int m;
  struct { int x, y; } bar;
  int n;
};

NOINLINE void test_nested_struct(struct outer *value) { __asm__ volatile("" ::"r"(value)); }

int main(void) {
  struct outer value = {10, {20, 30}, 40};
  test_nested_struct(&value);
  return 0;
}
