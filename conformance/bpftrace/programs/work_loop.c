/* Keeps a processor busy, at most for ten minutes. */
#include <time.h>

int main(void) {
  for (time_t end = time(0) + 600; time(0) < end;) continue;
  return 0;
}
