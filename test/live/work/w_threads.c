/* SPDX-License-Identifier: Apache-2.0 */
/* w_threads N ROUNDS: N pairs of threads hand a byte to and fro ROUNDS times over pipes: wake-ups and switches. */
#include "work.h"

static long rounds;

static void *echo(void *arg)
{
	int *fd = arg;
	char c;

	for (long i = 0; i < rounds; i++)
		if (read(fd[0], &c, 1) != 1 || write(fd[1], &c, 1) != 1)
			break;
	return NULL;
}

int main(int argc, char **argv)
{
	long n = arg_number(argc, argv, 1, 2);

	rounds = arg_number(argc, argv, 2, 100);
	say_pid();
	for (long i = 0; i < n; i++) {
		int there[2], back[2], fd[2];
		pthread_t t;
		char c = 'x';

		if (pipe(there) || pipe(back))
			return 1;
		fd[0] = there[0];
		fd[1] = back[1];
		if (pthread_create(&t, NULL, echo, fd))
			return 1;
		for (long r = 0; r < rounds; r++)
			if (write(there[1], &c, 1) != 1 || read(back[0], &c, 1) != 1)
				return 1;
		pthread_join(t, NULL);
	}
	return 0;
}
