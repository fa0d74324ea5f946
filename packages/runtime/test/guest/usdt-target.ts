/** Two places of one probe with arguments of every kind, and a probe whose argument nobody can read. Says the semaphore. */
export const USDT_TARGET = String.raw`
#include <stdio.h>
#include <unistd.h>
unsigned short calls_semaphore __attribute__((section(".probes"), used));
#define NOTE(name, arguments) \
	"990: nop\n.pushsection .note.stapsdt,\"\",\"note\"\n.balign 4\n.4byte 992f-991f, 994f-993f, 3\n" \
	"991: .asciz \"stapsdt\"\n992: .balign 4\n993: .8byte 990b\n.8byte 0\n.8byte calls_semaphore\n" \
	".asciz \"skep\"\n.asciz \"" name "\"\n.asciz \"" arguments "\"\n994: .balign 4\n.popsection\n"
long table[8] = { 0, 0, 0, 0, 0, 77, 0, 0 };
int main(void)
{
	char byte;
	while (read(0, &byte, 1) == 1) {
		int small = -byte;
		volatile short inMemory = -300;
		if (byte == 'x')
			__asm__ volatile(NOTE("calls", "-4@%0 -2@%1 8@$-5 8@8(%2,%3,8)") : : "r"(small), "m"(inMemory), "r"(table), "r"(4L));
		else
			__asm__ volatile(NOTE("calls", "1@%b0 4@$7") : : "q"(small));
		__asm__ volatile(NOTE("odd", "8f@%%xmm0") : : );
		printf("%d\n", *(volatile unsigned short *)&calls_semaphore);
		fflush(stdout);
	}
	return 0;
}
`;
