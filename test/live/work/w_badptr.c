/* SPDX-License-Identifier: Apache-2.0 */
/* w_badptr N: openat(2) with a pointer to no memory, N times: reading the name must fail. */
#include "work.h"

int main(int argc, char **argv)
{
	long n = arg_number(argc, argv, 1, 100);

	say_pid();
	while (n-- > 0)
		syscall(SYS_openat, AT_FDCWD, (const char *)8, O_RDONLY, 0);
	return 0;
}
