/* A library with one function. */
int fun(int n) { return n + 1; }
