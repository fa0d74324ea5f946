/* A process whose first thread starts a second one and that a third, each with a name of its own; its parent keeps the program's name. */
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include "pace.h"

NOINLINE void stub(void) { __asm__ volatile(""); }

static void *thread(void *left) {
  static const char *const names[] = {"grandson-thread", "son-thread", "parent-thread"};
  long n = (long)left;
  prctl(PR_SET_NAME, names[n]);
  stub();
  pthread_t next;
  if (n > 0 && pthread_create(&next, 0, thread, (void *)(n - 1)) == 0) pthread_join(next, 0);
  return 0;
}

int main(void) {
  if (fork() == 0) thread((void *)2);
  else wait(0);
  return 0;
}
