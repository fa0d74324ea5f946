/* A library with probes. */
#include <time.h>
#include "../usdt.h"

void lib_work(void) {
  long now = time(0);
  USDT("tracetestlib", "lib_probe_1", "0", "-8@%[now]", [now] "nor"(now));
  USDT("tracetestlib", "lib_probe_2", "0", "-8@%[now]", [now] "nor"(now));
}
