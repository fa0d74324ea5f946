/*
 * Functions with arguments of all sorts, and variables.
 *
 * Tests name lines of this file: 22 is where uprobeFunction1 starts; 34, 36 and 39 are passed in this order in every round.
 */
#include "pace.h"

struct Foo {
  int a;
  char b[10];
  int c[3];
};

struct Bar {
  struct Foo *foos[2];
};

int GLOBAL_A = 0x55555555;
int GLOBAL_B = 0x44444444;
int GLOBAL_C = 0x33333333;

NOINLINE int uprobeFunction1(int *n, char c) {
  return *n + c;
}

NOINLINE char *uprobeFunction2(struct Foo *foo1, struct Foo *foo2) { return foo1->a < foo2->a ? foo1->b : foo2->b; }

NOINLINE struct Foo *uprobeFunctionBar(struct Bar *bar) { return bar->foos[1]; }

int main(int argc, char **argv) {
  struct Foo foo1 = {123, "hello", {1, 2, 3}}, foo2 = {456, "world", {4, 5, 6}};
  struct Bar bar = {{&foo1, &foo2}};
  do {
    int n = 13;

    int sum = uprobeFunction1(&n, 'x');

    char *text = uprobeFunction2(&foo1, &foo2);
    struct Foo *last = uprobeFunctionBar(&bar);
    __asm__ volatile("" ::"r"(sum), "r"(text), "r"(last), "r"(argc), "r"(argv));
  } while (again());
  return 0;
}
