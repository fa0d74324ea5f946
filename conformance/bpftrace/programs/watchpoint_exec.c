/* Runs code at an address that is known beforehand. */
#include <sys/mman.h>
#include "pace.h"

int main(void) {
  unsigned char *code = mmap((void *)0x10000000, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  if (code == MAP_FAILED) return 1;
  *code = 0xc3; // ret
  do ((void (*)(void))code)();
  while (again());
  return 0;
}
