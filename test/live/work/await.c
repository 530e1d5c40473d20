/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiting without sleeping, for the runner (a shell cannot wait with a limit):
 *   await line FIFO MS   the first line of FIFO on stdout; fails at end of file or after MS milliseconds
 *   await exit PID MS    until the process PID has ended; fails after MS milliseconds
 *   await gone WHAT ID.. MS   until none of the BPF objects WHAT (prog, link) ID.. exists; prints those that do
 */
#include "work.h"

#include <linux/bpf.h>
#include <poll.h>

static int exists(const char *what, unsigned id)
{
	union bpf_attr attr;
	int fd;

	memset(&attr, 0, sizeof(attr));
	if (!strcmp(what, "prog"))
		attr.prog_id = id;
	else
		attr.link_id = id;
	fd = (int)syscall(SYS_bpf, !strcmp(what, "prog") ? BPF_PROG_GET_FD_BY_ID : BPF_LINK_GET_FD_BY_ID, &attr, sizeof(attr));
	if (fd >= 0)
		close(fd);
	return fd >= 0 || errno != ENOENT;
}

static int gone(int argc, char **argv)
{
	long ms = strtol(argv[argc - 1], NULL, 10);
	int left;

	for (;; ms -= 10) {
		left = 0;
		for (int i = 3; i < argc - 1; i++)
			left += exists(argv[2], (unsigned)strtoul(argv[i], NULL, 10));
		if (!left || ms <= 0)
			break;
		usleep(10000); /* the kernel frees after a grace period */
	}
	if (left)
		printf("%d of our BPF objects (%s) still exist\n", left, argv[2]);
	return left != 0;
}

int main(int argc, char **argv)
{
	struct pollfd p = { .events = POLLIN };
	char line[256];
	long ms;
	ssize_t n;

	if (argc < 4)
		return 2;
	if (!strcmp(argv[1], "gone"))
		return gone(argc, argv);
	ms = strtol(argv[3], NULL, 10);
	if (!strcmp(argv[1], "line"))
		p.fd = open(argv[2], O_RDONLY);
	else
		p.fd = (int)syscall(SYS_pidfd_open, (pid_t)strtol(argv[2], NULL, 10), 0);
	if (p.fd < 0)
		return !strcmp(argv[1], "exit") && errno == ESRCH ? 0 : 2;
	if (poll(&p, 1, (int)ms) <= 0)
		return 1;
	if (!strcmp(argv[1], "exit"))
		return 0;
	n = read(p.fd, line, sizeof(line));
	return n > 0 && write(1, line, (size_t)n) == n ? 0 : 1;
}
