/* disable_aslr PROGRAM ARGUMENTS…: runs it at the addresses it always has. */
#include <stdio.h>
#include <sys/personality.h>
#include <unistd.h>

int main(int argc, char **argv) {
  if (argc < 2) return 2;
  personality(ADDR_NO_RANDOMIZE);
  execv(argv[1], argv + 1);
  perror(argv[1]);
  return 1;
}
