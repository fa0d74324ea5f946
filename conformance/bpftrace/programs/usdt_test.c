/* Probes of two providers, two of the same name. Their texts are written before, so that they are in memory when they are read. */
#include <stdio.h>
#include <time.h>
#include "pace.h"
#include "usdt.h"

#define SAY(provider, name, text) \
  USDT(provider, name, "0", "-8@%[now] 8@%[words]", [now] "nor"(now), [words] "r"(text))

int main(void) {
  char texts[3][16];
  for (int i = 0; i < 3; i++) sprintf(texts[i], "Hello World%d", i + 1);
  do {
    long now = time(0);
    SAY("tracetest", "testprobe", texts[0]);
    SAY("tracetest", "testprobe2", texts[1]);
    SAY("tracetest2", "testprobe2", texts[2]);
  } while (again());
  return 0;
}
