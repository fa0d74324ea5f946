/* Its debug information is put into a file of its own. */
#include "pace.h"

NOINLINE int fn(int n, const char *str) { return n + str[0]; }

int main(void) { return fn(0, "") != 0; }
