/* Ten structs in a row: one of their numbers adds up to 45, the other to 1000. */
#include <stdint.h>
#include "pace.h"

struct step { uint32_t a; uint64_t b; };

NOINLINE void clear(struct step *steps, uint32_t count) { __asm__ volatile("" ::"r"(steps), "r"(count)); }

int main(void) {
  struct step steps[10];
  for (uint32_t i = 0; i < 10; i++) steps[i] = (struct step){i, 100};
  clear(steps, 10);
  return 0;
}
