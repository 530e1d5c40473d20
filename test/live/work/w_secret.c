/* SPDX-License-Identifier: Apache-2.0 */
/* CFLAGS: -O2 -g -fno-omit-frame-pointer -fno-optimize-sibling-calls -fno-ipa-icf */
/* w_secret N [FILE]: calls that only symbol tables know, none is exported: main > secret_a > secret_b (> secret_inlined, which is inlined),
 * whose leaf is a getppid(2) without libc, N times. With FILE it begins when that file is there. The marks are for the tests of lines. */
#include "work.h"

#define KEEP __attribute__((noinline, noclone))

static volatile long sink;

static inline __attribute__((always_inline)) long raw_getppid(void)
{
	long r;
#if defined(__x86_64__)
	__asm__ volatile("syscall" : "=a"(r) : "a"(SYS_getppid) : "rcx", "r11", "memory");
#else
	r = syscall(SYS_getppid);
#endif
	return r;
}

static inline __attribute__((always_inline)) void secret_inlined(void)
{
	sink += raw_getppid(); /* mark: inlined */
}

KEEP static void secret_touch(void)
{
	sink++;
}

KEEP static void secret_b(long i)
{
	sink += i;
	secret_inlined(); /* mark: b */
	secret_touch(); /* or it would be a leaf, which has no frame */
	sink++;
}

KEEP static void secret_a(long i)
{
	secret_b(i); /* mark: a */
	sink++;
}

int main(int argc, char **argv)
{
	long n = arg_number(argc, argv, 1, 1);
	const char *file = arg_text(argc, argv, 2, NULL);

	say_pid();
	for (int i = 0; file && access(file, F_OK) && i < 5000; i++)
		usleep(2000);
	for (long i = 0; i < n; i++)
		secret_a(i); /* mark: main */
	usleep(100000);
	return 0;
}
