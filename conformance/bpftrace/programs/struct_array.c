/* An array of structs with structs: even members are told apart by the outer number, odd ones by the inner, all by the array in there. */
#include <stdint.h>
#include "pace.h"

struct inner { uint32_t a, b[2]; };
struct member { uint32_t a; struct inner t; };
struct all { uint32_t a; void *b; struct member w[10]; };

NOINLINE void clear(struct all *value) { __asm__ volatile("" ::"r"(value)); }

int main(void) {
  struct all value = {1, 0, {{0}}};
  for (uint32_t i = 0; i < 10; i++) value.w[i] = (struct member){100 + i, {i, {i, 100 - 2 * i}}};
  clear(&value);
  return 0;
}
