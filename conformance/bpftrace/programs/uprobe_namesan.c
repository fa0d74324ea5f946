/* A function whose name has characters that no program's name in the kernel may have. */
#include "pace.h"

NOINLINE void fn(void) __asm__("fn.part$0.tail");
void fn(void) { __asm__ volatile(""); }

int main(void) {
  fn();
  return 0;
}
