/* SPDX-License-Identifier: Apache-2.0 */
/* w_calls N [THREADS]: getppid(2) N times in each of THREADS threads. */
#include "work.h"

static void *run(void *arg)
{
	for (long n = *(long *)arg; n > 0; n--)
		syscall(SYS_getppid);
	return NULL;
}

int main(int argc, char **argv)
{
	long n = arg_number(argc, argv, 1, 100), threads = arg_number(argc, argv, 2, 1);
	pthread_t t[64];

	say_pid();
	for (long i = 1; i < threads && i < 64; i++)
		if (pthread_create(&t[i], NULL, run, &n))
			return 1;
	run(&n);
	for (long i = 1; i < threads && i < 64; i++)
		pthread_join(t[i], NULL);
	return 0;
}
