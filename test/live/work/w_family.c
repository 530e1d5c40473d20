/* SPDX-License-Identifier: Apache-2.0 */
/*
 * w_family DEPTH N [wait]: a tree of processes, each with two children, DEPTH generations below the first; each calls work_family and
 * getppid N times. The first ends at once; all others begin only when it has ended. A thread in each does its half of the calls.
 * wait: one more child is forked first, and does the same as the others; then SIGUSR1 is waited for.
 */
#include "work.h"

int work_family(int generation);
__attribute__((noinline)) int work_family(int generation)
{
	__asm__ volatile("" : "+r"(generation));
	return generation + 1;
}

static long times;

static void *half(void *arg)
{
	for (long i = 0; i < times / 2; i++) {
		work_family((int)(intptr_t)arg);
		syscall(SYS_getppid);
	}
	return NULL;
}

static void work(int generation)
{
	pthread_t t;

	if (pthread_create(&t, NULL, half, (void *)(intptr_t)generation))
		_exit(8);
	half((void *)(intptr_t)generation);
	pthread_join(t, NULL);
}

static void family(int generation, int depth, int *gate)
{
	char c;

	if (generation == 1) { /* until the first process has ended */
		close(gate[1]);
		while (read(gate[0], &c, 1) > 0)
			;
	}
	work(generation);
	for (int i = 0; i < 2 && generation < depth; i++) {
		pid_t pid = fork();

		if (pid < 0)
			_exit(9);
		if (pid == 0) {
			family(generation + 1, depth, gate);
			_exit(0);
		}
	}
	while (generation > 0 && waitpid(-1, NULL, 0) > 0)
		;
}

int main(int argc, char **argv)
{
	int depth = (int)arg_number(argc, argv, 1, 2), gate[2], sig;
	sigset_t usr1;

	times = arg_number(argc, argv, 2, 10);
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	sigprocmask(SIG_BLOCK, &usr1, NULL);
	if (pipe(gate))
		return 1;
	if (argc > 3) {
		pid_t pid = fork();

		if (pid == 0) {
			family(1, 1, gate);
			_exit(0);
		}
		say_pid();
		sigwait(&usr1, &sig);
	} else {
		say_pid();
	}
	family(0, depth, gate);
	return 0;
}
