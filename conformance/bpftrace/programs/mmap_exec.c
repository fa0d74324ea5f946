/* mmap_exec FILE: runs code that has no headers: what the file starts with is a function. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

int main(int argc, char **argv) {
  int file = argc < 2 ? -1 : open(argv[1], O_RDONLY);
  void *code = file < 0 ? MAP_FAILED : mmap(0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, file, 0);
  if (code == MAP_FAILED) {
    perror("mmap_exec");
    return 2;
  }
  return ((int (*)(void))code)();
}
