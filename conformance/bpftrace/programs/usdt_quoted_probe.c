/* A probe whose name has quotes, as those of compilers of some languages have. */
#include "pace.h"
#include "usdt.h"

int main(void) {
  int one = 1;
  do USDT("test", "\\\"probe1\\\"", "0", "-4@%[one]", [one] "nor"(one));
  while (again());
  return 0;
}
