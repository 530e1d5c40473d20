/* SPDX-License-Identifier: Apache-2.0 */
/* Static probes whose instruction is the 5-byte nop: in a function that calls no other, and in one that does. */
#include <stdio.h>

#include "../live/work/notes.h"

#define NOP5 ".byte 0x0f, 0x1f, 0x44, 0x00, 0x00"

__attribute__((noinline)) static long leaf(long a)
{
	volatile long keep = a;

	NOTE_WITH(NOP5, 0, five, leaf, "0", "-8@%0", "r"(a));
	return keep;
}

__attribute__((noinline)) static long calls(long a)
{
	long b = leaf(a);

	NOTE_WITH(NOP5, 0, five, calls, "0", "-8@%0", "r"(b));
	return leaf(b + 1) + b;
}

int main(void)
{
	return printf("%ld\n", calls(1)) < 0;
}
