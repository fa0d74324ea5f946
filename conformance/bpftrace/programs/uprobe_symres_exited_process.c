/* Calls for four seconds, and has ended when its symbols are asked for. */
#include "pace.h"

NOINLINE void test(void) { __asm__ volatile(""); }
NOINLINE void test2(void) { test(); }

int main(void) {
  for (int i = 0; i < 40 && again(); i++) test2();
  return 0;
}
