/* SPDX-License-Identifier: Apache-2.0 */
/* w_spin MS: burn MS milliseconds of CPU time in user mode. */
#include "work.h"

int main(int argc, char **argv)
{
	long ms = arg_number(argc, argv, 1, 1000);
	struct timespec t;

	say_pid();
	do {
		for (volatile int i = 0; i < 100000; i++)
			;
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	} while (t.tv_sec * 1000 + t.tv_nsec / 1000000 < ms);
	return 0;
}
