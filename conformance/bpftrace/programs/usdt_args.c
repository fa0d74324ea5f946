/* Arguments of eight to one byte, without and with sign, as constants, in registers, and in memory. */
#include <stdint.h>
#include "usdt.h"

#define ALL 0xf7f6f5f4f3f2f1f0

#define ONE(kind, constraint, size, type, name) \
  USDT("usdt_args", kind "_" name, "0", size "@%[value]", [value] constraint((type)ALL))
#define CONSTANTS(size, type, name) ONE("const", "n", size, type, name)
#define REGISTERS(size, type, name) ONE("reg", "q", size, type, name)
#define MEMORY(size, type, name)                                                       \
  do {                                                                                 \
    type variable = (type)ALL;                                                         \
    USDT("usdt_args", "addr_" name, "0", size "@%[value]", [value] "m"(variable));     \
  } while (0)

#define ALL_SIZES(kind)          \
  kind("8", uint64_t, "u64");    \
  kind("-8", int64_t, "i64");    \
  kind("4", uint32_t, "u32");    \
  kind("-4", int32_t, "i32");    \
  kind("2", uint16_t, "u16");    \
  kind("-2", int16_t, "i16");    \
  kind("1", uint8_t, "u8");      \
  kind("-1", int8_t, "i8")

int main(void) {
  ALL_SIZES(CONSTANTS);
  ALL_SIZES(REGISTERS);
  ALL_SIZES(MEMORY);
  return 0;
}
