/* Calls a function of the C library. */
#include <stdio.h>

int main(void) {
  char text[16];
  FILE *file = fopen("/proc/self/comm", "r");
  return file == 0 || fread(text, 1, sizeof text, file) == 0;
}
