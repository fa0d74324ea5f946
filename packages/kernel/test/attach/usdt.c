/* Fires the static probe skep:tick for every byte of its input, and answers with the probe's semaphore. */
#include <unistd.h>

unsigned short tick_semaphore __attribute__((section(".probes"), used));

int main(void)
{
	char byte;

	while (read(0, &byte, 1) == 1) {
		int value = byte;
		char answer = '0' + *(volatile unsigned short *)&tick_semaphore;

		__asm__ volatile("990: nop\n"
				 ".pushsection .note.stapsdt,\"\",\"note\"\n"
				 ".balign 4\n"
				 ".4byte 992f-991f, 994f-993f, 3\n"
				 "991: .asciz \"stapsdt\"\n"
				 "992: .balign 4\n"
				 "993: .8byte 990b\n"
				 ".8byte _.stapsdt.base\n"
				 ".8byte tick_semaphore\n"
				 ".asciz \"skep\"\n"
				 ".asciz \"tick\"\n"
				 ".asciz \"-4@%0\"\n"
				 "994: .balign 4\n"
				 ".popsection\n"
				 ".ifndef _.stapsdt.base\n"
				 ".pushsection .stapsdt.base,\"aG\",\"progbits\",.stapsdt.base,comdat\n"
				 ".weak _.stapsdt.base\n"
				 ".hidden _.stapsdt.base\n"
				 "_.stapsdt.base: .space 1\n"
				 ".size _.stapsdt.base, 1\n"
				 ".popsection\n"
				 ".endif\n" ::"r"(value));
		if (write(1, &answer, 1) != 1)
			return 1;
	}
	return 0;
}
