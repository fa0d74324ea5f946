/* Arrays inside of structs, of two dimensions, of pointers, and of no declared length. */
#include "pace.h"

struct numbers { int x[4]; unsigned char y[4]; };
struct table { int y[2][2]; };
struct pointers { int *z[4]; };
struct open_end { int x; int y[]; };

NOINLINE void test_struct(struct numbers *a, struct table *b) { __asm__ volatile("" ::"r"(a), "r"(b)); }
NOINLINE void test_array(int *a) { __asm__ volatile("" ::"r"(a)); }
NOINLINE void test_ptr_array(struct pointers *c) { __asm__ volatile("" ::"r"(c)); }
NOINLINE void test_arrays(struct numbers *a, struct numbers *b) { __asm__ volatile("" ::"r"(a), "r"(b)); }
NOINLINE void test_variable_array(struct open_end *d) { __asm__ volatile("" ::"r"(d)); }

static struct open_end open_end = {0, {1, 2, 3}};

int main(void) {
  struct numbers a = {{1, 2, 3, 4}, {0xaa, 0xbb, 0xcc, 0xdd}};
  struct numbers other = {{4, 3, 2, 1}, {0}};
  struct table b = {{{5, 6}, {7, 8}}};
  struct pointers c = {{&a.x[0], &a.x[1], &a.x[2], &a.x[3]}};
  test_struct(&a, &b);
  test_array(a.x);
  test_ptr_array(&c);
  test_arrays(&a, &other);
  test_variable_array(&open_end);
  return 0;
}
