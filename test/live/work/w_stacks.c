/* SPDX-License-Identifier: Apache-2.0 */
/* CFLAGS: -O2 -fno-omit-frame-pointer -fno-optimize-sibling-calls -fno-ipa-icf -rdynamic */
/* w_stacks BITS: each way through BITS calls, each of them from one of two places: 2^BITS different stacks, once each, above stacks_leaf. */
#include "work.h"

#define KEEP __attribute__((noinline, noclone))
KEEP void stacks_leaf(void);

static volatile long sink;

void stacks_leaf(void)
{
	sink++;
}

KEEP static void stacks_walk(long way, long bits)
{
	if (!bits) {
		stacks_leaf();
	} else if (way & 1) {
		stacks_walk(way >> 1, bits - 1);
		sink += 3; /* or both calls would become one */
	} else {
		stacks_walk(way >> 1, bits - 1);
		sink += 5;
	}
	sink++;
}

int main(int argc, char **argv)
{
	long bits = arg_number(argc, argv, 1, 4);

	say_pid();
	for (long way = 0; way < 1l << bits; way++)
		stacks_walk(way, bits);
	usleep(100000);
	return 0;
}
