/* SPDX-License-Identifier: Apache-2.0 */
/* w_chroot N: chroot(".") N times, in /. */
#include "work.h"

int main(int argc, char **argv)
{
	long n = arg_number(argc, argv, 1, 10);

	say_pid();
	if (chdir("/"))
		return 1;
	while (n-- > 0)
		if (chroot("."))
			return 1;
	return 0;
}
