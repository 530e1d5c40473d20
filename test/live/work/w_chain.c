/* SPDX-License-Identifier: Apache-2.0 */
/* CFLAGS: -O2 -fno-omit-frame-pointer -fno-optimize-sibling-calls -fno-ipa-icf -rdynamic */
/* w_chain N [SPIN_MS [LINGER_MS]]: a known chain of calls, N times: main > chain_a > chain_b > chain_c (> chain_d, every second time), whose leaf
 * calls getppid(2) or spins for so long (of CPU time). Two ways lead to chain_c, so that there are exactly two stacks: by chain_b for even, by chain_a for odd. Then it lingers
 * a moment. */
#include "work.h"

#define KEEP __attribute__((noinline, noclone))

static volatile long sink;
static long spin_ms;

KEEP void chain_leaf(long i);
KEEP void chain_c(long i);
KEEP void chain_b(long i);
KEEP void chain_a(long i);

KEEP void chain_leaf(long i)
{
	struct timespec a, b;
	sink += i;
	sink += syscall(SYS_getppid);
	if (!spin_ms)
		return;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &a);
	do {
		for (int k = 0; k < 100000; k++)
			sink += k;
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &b);
	} while ((b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000 < spin_ms);
}

KEEP void chain_c(long i)
{
	chain_leaf(i);
	sink++;
}

KEEP void chain_b(long i)
{
	chain_c(i);
	sink++;
}

KEEP void chain_a(long i)
{
	if (i & 1)
		chain_c(i);
	else
		chain_b(i);
	sink++;
}

int main(int argc, char **argv)
{
	long n = arg_number(argc, argv, 1, 10);

	spin_ms = arg_number(argc, argv, 2, 0);
	say_pid();
	for (long i = 0; i < n; i++)
		chain_a(i);
	usleep((useconds_t)arg_number(argc, argv, 3, 100) * 1000);
	return 0;
}
