/* How programs that wait to be traced pass their time: they go round ten times a second, and never for longer than ten minutes. */
#include <unistd.h>

#define NOINLINE __attribute__((noinline))

static inline int again(void) {
  static int rounds;
  usleep(100000);
  return ++rounds < 6000;
}
