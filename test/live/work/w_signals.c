/* SPDX-License-Identifier: Apache-2.0 */
/* w_signals N: send SIGUSR2 to itself N times, handled. */
#include "work.h"

static void nothing(int sig)
{
	(void)sig;
}

int main(int argc, char **argv)
{
	long n = arg_number(argc, argv, 1, 10);

	signal(SIGUSR2, nothing);
	say_pid();
	while (n-- > 0)
		kill(getpid(), SIGUSR2);
	return 0;
}
