/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Debug files from the servers that the user's environment names (DEBUGINFOD_URLS). Without that variable nothing is ever asked of
 * the network.
 *
 * A child does it: the client library brings an HTTP client, TLS and threads, none of which belongs into a process with our privileges
 * over tracing, and a child can be given up. It holds no descriptor of ours, so that it keeps no probe attached, and dies with us. It loads
 * libdebuginfod where it can, and else becomes `debuginfod-find`, the client program; both keep what they got in the user's cache and obey
 * DEBUGINFOD_TIMEOUT and its kin. It writes the file's path to us; the file is checked by the caller.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sym/elf.h"

enum { FETCH_SECONDS = 180 }; /* for one file; the client's own limit is 90 without progress */

#ifndef SONDE_STATIC
/* The library's functions, by their published types. */
typedef void *fetch_begin(void);
typedef int fetch_find(void *client, const unsigned char *id, int n, char **ret_path);

static void fetch_by_library(const uint8_t *id, uint32_t n)
{
	void *lib = dlopen("libdebuginfod.so.1", RTLD_NOW | RTLD_LOCAL), *b = lib ? dlsym(lib, "debuginfod_begin") : NULL,
	     *f = lib ? dlsym(lib, "debuginfod_find_debuginfo") : NULL;
	fetch_begin *begin;
	fetch_find *find;
	char *path = NULL;
	if (!b || !f)
		return;
	memcpy(&begin, &b, sizeof(begin));
	memcpy(&find, &f, sizeof(find));
	void *client = begin();
	int fd = client ? find(client, id, (int)n, &path) : -1;
	if (fd >= 0 && path && write(1, path, strlen(path)) == (ssize_t)strlen(path))
		_exit(126); /* what is said has been said; a status of our own is not needed */
	_exit(127);
}
#else
static void fetch_by_library(const uint8_t *id, uint32_t n)
{
}
#endif

static void fetch_child(const uint8_t *id, uint32_t n, int out)
{
	char hex[2 * SYM_ID_MAX + 1];
	int null = open("/dev/null", O_RDWR);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (uint32_t i = 0; i < n; i++)
		snprintf(hex + 2 * i, 3, "%02x", id[i]);
	dup2(null, 0);
	dup2(out, 1);
	dup2(null, 2);
	syscall(SYS_close_range, 3, ~0u, 0);
	fetch_by_library(id, n);
	execlp("debuginfod-find", "debuginfod-find", "debuginfo", hex, (char *)NULL);
	_exit(127);
}

static int64_t fetch_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* What the child says, until it ends. false: the time is over. */
static bool fetch_listen(int fd, char *path, size_t room)
{
	size_t n = 0;
	int64_t until = fetch_ms() + FETCH_SECONDS * 1000;
	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		int64_t left = until - fetch_ms();
		int r = left > 0 ? poll(&p, 1, (int)left) : 0;
		if (r < 0 && errno == EINTR)
			continue;
		ssize_t got = r > 0 ? read(fd, path + n, room - 1 - n) : -1;
		if (got < 0 && r > 0 && errno == EINTR)
			continue;
		if (got < 0)
			return false;
		n += (size_t)got;
		if (got == 0 || n == room - 1)
			break;
	}
	path[n] = 0;
	path[strcspn(path, "\r\n")] = 0;
	return true;
}

int elf_fetch_debug(const uint8_t *id, uint32_t n)
{
	const char *urls = getenv("DEBUGINFOD_URLS");
	char path[4096];
	int fds[2], fd = -ENOENT;
	if (!urls || !urls[strspn(urls, " ")] || n > SYM_ID_MAX)
		return -ENOENT;
	if (pipe2(fds, O_CLOEXEC) != 0)
		return -errno;
	pid_t child = fork();
	if (child == 0) {
		signal(SIGINT, SIG_DFL);
		signal(SIGTERM, SIG_DFL);
		sigset_t none;
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		fetch_child(id, n, fds[1]);
	}
	int err = errno;
	close(fds[1]);
	if (child < 0) {
		close(fds[0]);
		return -err;
	}
	bool ended = fetch_listen(fds[0], path, sizeof(path));
	int status = 0;
	close(fds[0]);
	if (!ended)
		kill(child, SIGKILL);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (ended && path[0] == '/')
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd == -1)
		fd = -errno;
	/* The user's ^C goes to the child, too: then no other file is asked for. */
	return fd < 0 && WIFSIGNALED(status) ? -EINTR : fd;
}
