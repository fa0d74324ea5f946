/* Numbers of two bytes, of which the second is asked for. */
#include <stdint.h>
#include "pace.h"

NOINLINE void fn(uint16_t *numbers) { __asm__ volatile("" ::"r"(numbers)); }

int main(void) {
  uint16_t numbers[] = {7, 1110, 9};
  fn(numbers);
  return 0;
}
