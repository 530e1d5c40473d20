/* SPDX-License-Identifier: Apache-2.0 */
/* Workloads of the live tests: each does a known number of known things, and prints "pid N" first. */
#ifndef WORK_H
#define WORK_H

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static inline void say_pid(void)
{
	char line[32];
	int n = snprintf(line, sizeof(line), "pid %d\n", (int)getpid());

	if (write(1, line, (size_t)n) != n)
		_exit(9);
}

/* argv[i] as a number, or the default. */
static inline long arg_number(int argc, char **argv, int i, long otherwise)
{
	return argc > i ? strtol(argv[i], NULL, 0) : otherwise;
}

static inline const char *arg_text(int argc, char **argv, int i, const char *otherwise)
{
	return argc > i ? argv[i] : otherwise;
}

#endif
