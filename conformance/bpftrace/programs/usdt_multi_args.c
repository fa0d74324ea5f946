/* As many arguments as a probe can have. */
#include <stdint.h>
#include "usdt.h"

int main(void) {
  uint64_t v[12] = {0xdeadbeef, 1,          (uint64_t)-1,       0xcafebabe,         0x8badf00d, 0xfeedface,
                                 0x123456789abcdef, 0, INT64_MAX, 0x5555555555555555, 42, 0xaaaaaaaaaaaaaaaa};
  USDT("usdt_multi_args", "probe1", "0",
       "8@%[a] 8@%[b] 8@%[c] 8@%[d] 8@%[e] 8@%[f] 8@%[g] 8@%[h] 8@%[i] 8@%[j] 8@%[k] 8@%[l]", [a] "m"(v[0]), [b] "m"(v[1]),
       [c] "m"(v[2]), [d] "m"(v[3]), [e] "m"(v[4]), [f] "m"(v[5]), [g] "m"(v[6]), [h] "m"(v[7]), [i] "m"(v[8]),
       [j] "m"(v[9]), [k] "m"(v[10]), [l] "m"(v[11]));
  return 0;
}
