/* SPDX-License-Identifier: Apache-2.0 */
/* w_forks N CODE: fork N children that exit with CODE, one after the other. */
#include "work.h"

int main(int argc, char **argv)
{
	long n = arg_number(argc, argv, 1, 10), code = arg_number(argc, argv, 2, 0);

	say_pid();
	while (n-- > 0) {
		pid_t child = fork();

		if (child == 0)
			_exit((int)code);
		if (child < 0 || waitpid(child, NULL, 0) != child)
			return 1;
	}
	return 0;
}
