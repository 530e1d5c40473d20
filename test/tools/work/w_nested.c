/* SPDX-License-Identifier: Apache-2.0 */
/* w_nested N DEPTH: N times a function that calls itself DEPTH - 1 times; 2 ms of sleep in the innermost call, 100 ms in the outermost. */
#include "work.h"

static long deepest;
long nested(long depth);
__attribute__((noinline)) long nested(long depth)
{
	if (depth <= 1) {
		usleep(2000);
		return 1;
	}
	long n = nested(depth - 1);
	if (depth == deepest)
		usleep(100000);
	__asm__ volatile("" : "+r"(n));
	return n + 1;
}

int main(int argc, char **argv)
{
	long n = arg_number(argc, argv, 1, 10), depth = arg_number(argc, argv, 2, 3), sum = 0;

	deepest = depth;
	say_pid();
	while (n-- > 0)
		sum += nested(depth);
	return sum == 0;
}
