/* watchpoint_threaded [SECONDS]: a second thread, which starts after that time, writes to an address that is known beforehand. */
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include "pace.h"

static void *write_there(void *address) {
  volatile char *there = address;
  do ++*there;
  while (again());
  return 0;
}

int main(int argc, char **argv) {
  pthread_t thread;
  void *address =
      mmap((void *)0x10000000, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  if (address == MAP_FAILED) return 1;
  if (argc > 1) sleep(atoi(argv[1]));
  if (pthread_create(&thread, 0, write_there, address)) return 1;
  pthread_join(thread, 0);
  return 0;
}
