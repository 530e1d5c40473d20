/* SPDX-License-Identifier: Apache-2.0 */
/* w_hold N GO DONE: for every line read from the fifo GO: N times getppid(2), then a line to the fifo DONE. */
#include "work.h"

int main(int argc, char **argv)
{
	long n = arg_number(argc, argv, 1, 100);
	char line[8];

	say_pid();
	for (;;) {
		int go = open(arg_text(argc, argv, 2, "go"), O_RDONLY), done;

		while (go >= 0 && read(go, line, sizeof(line)) > 0)
			;
		for (long i = 0; i < n; i++)
			syscall(SYS_getppid);
		close(go);
		done = open(arg_text(argc, argv, 3, "done"), O_WRONLY);
		if (done < 0 || write(done, "x\n", 2) != 2)
			return 1;
		close(done);
	}
}
