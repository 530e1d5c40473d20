/* SPDX-License-Identifier: Apache-2.0 */
/*
 * w_openat N DIR: in DIR, where "sub/file" and the link "link" to it are, N times each: open them by names that are absolute, relative to the working
 * directory and to a directory's descriptor, by open(2), openat(2) and openat2(2); and what is not there.
 */
#include <linux/openat2.h>

#include "work.h"

int main(int argc, char **argv)
{
	long n = arg_number(argc, argv, 1, 10);
	const char *dir = arg_text(argc, argv, 2, "/tmp");
	char absolute[4096];
	struct open_how how = { .flags = O_RDONLY };
	int at;

	snprintf(absolute, sizeof(absolute), "%s/sub/../link", dir);
	if (chdir(dir) || (at = open("sub", O_RDONLY | O_DIRECTORY)) < 0)
		return 1;
	say_pid();
	while (n-- > 0) {
		long fds[] = {
			syscall(SYS_openat, AT_FDCWD, absolute, O_RDONLY, 0), syscall(SYS_openat, AT_FDCWD, "./link", O_RDONLY, 0),
			syscall(SYS_openat, at, "../sub/file", O_RDONLY, 0), syscall(SYS_openat2, at, "file", &how, sizeof(how)),
#ifdef SYS_open
			syscall(SYS_open, "sub/file", O_RDONLY, 0),
#else
			syscall(SYS_openat, AT_FDCWD, "sub/file", O_RDONLY, 0),
#endif
			syscall(SYS_openat, AT_FDCWD, "none", O_RDONLY, 0), syscall(SYS_openat, at, "none", O_RDONLY, 0),
			syscall(SYS_openat, AT_FDCWD, "/no/such", O_RDONLY, 0), syscall(SYS_openat, at + 1000, "nowhere", O_RDONLY, 0),
			syscall(SYS_openat, AT_FDCWD, "", O_RDONLY, 0),
		};

		for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++)
			if (fds[i] >= 0)
				close((int)fds[i]);
	}
	return 0;
}
