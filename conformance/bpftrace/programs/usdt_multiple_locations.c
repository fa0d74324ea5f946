/* Three probes, in one, two and three places. */
#include "pace.h"
#include "usdt.h"

#define HERE(name) USDT("tracetest", name, "0", "-4@%[n]", [n] "nor"(n))

int main(void) {
  int n = 0;
  do {
    n++;
    HERE("testprobe1");
    HERE("testprobe2");
    HERE("testprobe2");
    HERE("testprobe3");
    HERE("testprobe3");
    HERE("testprobe3");
  } while (again());
  return 0;
}
