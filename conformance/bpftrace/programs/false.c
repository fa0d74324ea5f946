/* The first function of its file: its code is also taken out as a file without any headers, for mmap_exec. */
int main(void) { return 1; }
