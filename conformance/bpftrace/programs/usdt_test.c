/* Probes of two providers, two of the same name. */
#include <time.h>
#include "pace.h"
#include "usdt.h"

#define SAY(provider, name, text)                                                                          \
  do {                                                                                                     \
    const char *words = text;                                                                              \
    USDT(provider, name, "0", "-8@%[now] 8@%[words]", [now] "nor"(now), [words] "nor"(words));             \
  } while (0)

int main(void) {
  do {
    long now = time(0);
    SAY("tracetest", "testprobe", "Hello World1");
    SAY("tracetest", "testprobe2", "Hello World2");
    SAY("tracetest2", "testprobe2", "Hello World3");
  } while (again());
  return 0;
}
