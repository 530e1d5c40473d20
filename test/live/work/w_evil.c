/* SPDX-License-Identifier: Apache-2.0 */
/*
 * w_evil N: a process that would like to write to your terminal. Its name holds an escape sequence and a bell; N times
 * it opens a path with a title-setting sequence, a C1 control, a bidi override, invalid UTF-8 and a newline in it.
 */
#include "work.h"

static const char evil_path[] = "/tmp/\033]0;owned\007\302\233\342\200\256\377\n\177end";

int main(int argc, char **argv)
{
	long n = arg_number(argc, argv, 1, 3);

	prctl(PR_SET_NAME, "e\033[31mvil\a");
	say_pid();
	while (n-- > 0)
		syscall(SYS_openat, AT_FDCWD, evil_path, O_RDONLY, 0);
	return 0;
}
