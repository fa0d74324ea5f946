/* A text, and arrays whose members have one to eight bytes, all counting up from 1 once the first two count down. */
#include <stdint.h>
#include "pace.h"

struct everything {
  const char *a;
  char b[4];
  uint8_t c[4];
  int32_t d[4];
  uint16_t e[4];
  uint64_t f[4];
};

NOINLINE void func(struct everything *value) { __asm__ volatile("" ::"r"(value)); }

int main(void) {
  // On the stack, so that it is in memory when it is read.
  char text[] = "\x09\x08\x07\x06";
  struct everything value = {text, {5, 4, 3, 2},     {1, 2, 3, 4},
                             {5, 6, 7, 8},       {9, 10, 11, 12}, {13, 14, 15, 16}};
  func(&value);
  return 0;
}
