/* SPDX-License-Identifier: Apache-2.0 */
/* What debug.c looks at: a program that calls other files by stubs, with functions of assembly without a size; -DMOVED: a library. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef MOVED
int moved_shown(int x);
static __attribute__((noinline, noclone)) int moved_hidden(int x)
{
	__asm__ volatile("" : "+r"(x));
	return x * 5;
}
int moved_shown(int x)
{
	return moved_hidden(x) + 1;
}
#else
__asm__(".text\n.balign 16\n.globl bare\n.type bare, %function\nbare:\n\t.byte 0x90, 0x90, 0x90, 0x90\nbare_label:\n\t.byte 0x90, 0x90, 0x90, 0x90, 0x90, 0xc3\n\t.balign 16\n");

long stubs_data = 5;
__thread long stubs_thread = 6;

static __attribute__((noinline, noclone)) void stubs_hidden(const char *s)
{
	puts(s);
	stubs_data += (long)strlen(s) + stubs_thread;
}

int main(int argc, char **argv)
{
	stubs_hidden(argv[argc > 1]);
	return getenv("STUBS") ? atoi(argv[0]) : 0;
}
#endif
