/* Bit-fields: all in one unit, and in units of different types. */
#include "pace.h"

struct one_unit { unsigned a : 4, b : 8, c : 3, d : 1, e : 16; };
struct two_units {
  unsigned short a : 4, b : 8, c : 3, d : 1;
  unsigned e : 9, f : 15, g : 1, h : 2, i : 5;
};

NOINLINE void func(struct one_unit *value) { __asm__ volatile("" ::"r"(value)); }
NOINLINE void func2(struct two_units *value) { __asm__ volatile("" ::"r"(value)); }

int main(void) {
  struct one_unit one = {1, 2, 5, 0, 65535};
  struct two_units two = {1, 217, 5, 1, 500, 31117, 1, 2, 27};
  func(&one);
  func2(&two);
  return 0;
}
