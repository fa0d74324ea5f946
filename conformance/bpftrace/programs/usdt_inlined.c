/* One probe in two places: inlined into a loop, and by way of another inlined function into one that the loop calls. */
#include <time.h>
#include "pace.h"
#include "usdt.h"

#define INLINED static inline __attribute__((always_inline))

INLINED void myclock(int number) {
  long now = time(0);
  USDT("tracetest", "testprobe", "0", "-8@%[now] -4@%[number]", [now] "nor"(now), [number] "nor"(number));
}

INLINED void mywrapper_inlined(void) { myclock(100); }

NOINLINE void mywrapper(void) { mywrapper_inlined(); }

NOINLINE void loop(void) {
  do {
    myclock(999);
    mywrapper();
  } while (again());
}

int main(void) {
  loop();
  return 0;
}
