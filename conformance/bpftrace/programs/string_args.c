/* A text of more than the eight bytes that are looked at. */
#include "pace.h"

NOINLINE void print(const char *text) { __asm__ volatile("" ::"r"(text)); }

int main(void) {
  // On the stack, so that it is in memory when it is read.
  char text[] = "hello, tracer";
  print(text);
  return 0;
}
