/* Returns 221 numbers that are -10 on the average, and a negative one from main. */
#include "pace.h"

NOINLINE int function1(int n) { return n; }

int main(void) {
  for (int n = -120; n <= 100; n++) function1(n);
  return -100;
}
