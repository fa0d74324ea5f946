/*
 * A place that a tracer finds by a note in the section .note.stapsdt: the address of a nop, a base that tells how far the file was moved
 * after linking, the address of a counter of tracers (or 0), and three texts: provider, name, and where each argument lies ("SIZE@OPERAND",
 * a negative size for signed ones). Operands follow the texts as those of an asm statement.
 */
#define USDT(provider, name, counter, places, ...)                                                                          \
  __asm__ volatile("1: nop\n"                                                                                               \
                   ".pushsection .note.stapsdt, \"\", \"note\"\n"                                                           \
                   ".balign 4\n .4byte 3f - 2f, 5f - 4f, 3\n"                                                               \
                   "2: .asciz \"stapsdt\"\n 3: .balign 4\n"                                                                 \
                   "4: .8byte 1b, _.stapsdt.base, " counter "\n"                                                            \
                   ".asciz \"" provider "\", \"" name "\", \"" places "\"\n"                                                \
                   "5: .balign 4\n .popsection\n"                                                                           \
                   ".ifndef _.stapsdt.base\n"                                                                               \
                   ".pushsection .stapsdt.base, \"aG\", \"progbits\", .stapsdt.base, comdat\n"                              \
                   ".weak _.stapsdt.base\n .hidden _.stapsdt.base\n"                                                        \
                   "_.stapsdt.base: .space 1\n .size _.stapsdt.base, 1\n .popsection\n .endif\n" ::__VA_ARGS__)
