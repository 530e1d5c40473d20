/* SPDX-License-Identifier: Apache-2.0 */
/* w_execs N [PROGRAM]: fork and execve N times with the arguments "w_true", "one", "two words", NUMBER. */
#include "work.h"

extern char **environ;

int main(int argc, char **argv)
{
	long n = arg_number(argc, argv, 1, 10);
	const char *program = arg_text(argc, argv, 2, "/bin/true");

	say_pid();
	for (long i = 0; i < n; i++) {
		/* On the stack, whose pages a child has from the start: a program cannot wait for one that must be read from the file. */
		char number[24], name[] = "w_true", one[] = "one", two[] = "two words";
		char *args[] = { name, one, two, number, NULL };
		pid_t child;

		snprintf(number, sizeof(number), "%ld", i);
		child = fork();
		if (child == 0) {
			syscall(SYS_execve, program, args, environ);
			_exit(0);
		}
		if (child < 0 || waitpid(child, NULL, 0) != child)
			return 1;
	}
	return 0;
}
