/* Its probes are in a library. */
#include "pace.h"

void lib_work(void);

int main(void) {
  do lib_work();
  while (again());
  return 0;
}
