/* A text of more than the eight bytes that are looked at. */
#include "pace.h"

NOINLINE void print(const char *text) { __asm__ volatile("" ::"r"(text)); }

int main(void) {
  print("hello, tracer");
  return 0;
}
