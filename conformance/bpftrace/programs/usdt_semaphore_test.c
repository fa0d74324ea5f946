/* Tells how many tracers it has. */
#include <stdio.h>
#include <time.h>
#include "pace.h"
#include "usdt.h"

__attribute__((section(".probes"), used)) unsigned short tracers;

int main(void) {
  char text[64], *start = text;
  do {
    long now = time(0);
    sprintf(text, "USDT semaphore: %d", *(volatile unsigned short *)&tracers);
    USDT("tracetest", "testprobe", "tracers", "-8@%[now] 8@%[text]", [now] "nor"(now), [text] "nor"(start));
  } while (again());
  return 0;
}
