/* Beside an argument of four bytes lies something else. */
#include "pace.h"
#include "usdt.h"

int main(void) {
  struct { unsigned value, neighbour; } pair = {1, 0xffffffff};
  do {
    USDT("test", "probe1", "0", "4@%[value]", [value] "m"(pair.value));
    USDT("test", "probe2", "0", "4@%[value]", [value] "m"(pair.value));
  } while (again());
  return 0;
}
