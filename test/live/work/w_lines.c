/* SPDX-License-Identifier: Apache-2.0 */
/* w_lines N: lines of the source that are executed a known number of times. The tests find them by their marks. */
#include "work.h"

static inline __attribute__((always_inline)) int inlined(int a)
{
	__asm__ volatile("" : "+r"(a));
	a = a * 3 + 1; /* MARK inlined */
	__asm__ volatile("" : "+r"(a));
	return a;
}

int first(int a);
__attribute__((noinline)) int first(int a)
{ /* MARK entry */
	return inlined(a) + 1;
}

int second(int a);
__attribute__((noinline)) int second(int a)
{
	int b = inlined(a + 1);

	if (b > 10)
		__asm__ volatile("nop" : : : "memory"); /* MARK branch */
	return b + inlined(b); /* MARK twice */
}

int main(int argc, char **argv)
{
	long n = arg_number(argc, argv, 1, 10), sum = 0;

	say_pid();
	for (long i = 0; i < n; i++) {
		sum += first((int)i);
		sum += second((int)i);
	}
	return sum == 1;
}
