/* SPDX-License-Identifier: Apache-2.0 */
/* w_opens N PATH: openat(2) PATH N times (it may or may not exist). */
#include "work.h"

int main(int argc, char **argv)
{
	long n = arg_number(argc, argv, 1, 100);
	const char *path = arg_text(argc, argv, 2, "/nowhere");

	say_pid();
	while (n-- > 0) {
		int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY, 0);

		if (fd >= 0)
			close(fd);
	}
	return 0;
}
