/* SPDX-License-Identifier: Apache-2.0 */
/*
 * w_mallocs N SIZE [wait]: (wait: when SIGUSR1 comes) malloc(SIZE) N times, each between calls of functions whose name and layout the tests know:
 * work_target(i, SIZE) returns i + SIZE; work_sled is made of one-byte instructions, so that work_sled+1 is one.
 */
#include "work.h"

extern void work_sled(void);
__asm__(".text\n.globl work_sled\n.type work_sled, @function\n"
	"work_sled:\n\tnop\n\tnop\n\tnop\n\tnop\n\tret\n.size work_sled, . - work_sled\n");

long work_target(long a, long b);
__attribute__((noinline)) long work_target(long a, long b)
{
	__asm__ volatile("" : "+r"(a));
	return a + b;
}

int main(int argc, char **argv)
{
	long n = arg_number(argc, argv, 1, 100), size = arg_number(argc, argv, 2, 100), sum = 0;

	sigset_t usr1;
	int sig;

	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	sigprocmask(SIG_BLOCK, &usr1, NULL);
	say_pid();
	if (argc > 3)
		sigwait(&usr1, &sig);
	for (long i = 0; i < n; i++) {
		void *volatile p = malloc((size_t)size);

		sum += work_target(i, size);
		work_sled();
		free(p);
	}
	return sum < 0;
}
