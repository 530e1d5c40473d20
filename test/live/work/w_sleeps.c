/* SPDX-License-Identifier: Apache-2.0 */
/* w_sleeps N MS: nanosleep N times MS milliseconds. */
#include "work.h"

int main(int argc, char **argv)
{
	long n = arg_number(argc, argv, 1, 10), ms = arg_number(argc, argv, 2, 10);

	say_pid();
	while (n-- > 0) {
		struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

		while (clock_nanosleep(CLOCK_MONOTONIC, 0, &t, &t) == EINTR)
			;
	}
	return 0;
}
