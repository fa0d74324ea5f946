/* Four calls deep, built without frame pointers. */
#include "pace.h"

NOINLINE int funcD(int n) {
  __asm__ volatile("");
  return n + 1;
}
NOINLINE int funcC(int n) { return funcD(n) + 1; }
NOINLINE int funcB(int n) { return funcC(n) + 1; }
NOINLINE int funcA(int n) { return funcB(n) + 1; }

int main(void) {
  int n = 0;
  for (int i = 0; i < 50 && again(); i++) n = funcA(n);
  return n == 0;
}
