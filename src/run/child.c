/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process that a run belongs to: the command of -c, or the one of -p.
 *
 * A command is forked before the program is compiled, because its pid is part of the program, and waits in a read of a pipe until
 * everything is attached; then it executes. If we die first the pipe closes and it leaves. A second, close-on-exec pipe
 * tells whether exec worked: it closes by success, or brings the errno.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run/run.h"

static int child_pidfd(pid_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0); /* close-on-exec by itself */
	return fd < 0 ? -errno : fd;
}

char **child_split(struct arena *a, const char *cmd, const char **ret_why)
{
	VEC(char *) words = { 0 };
	const char *p = cmd;
	for (;;) {
		while (*p == ' ' || *p == '\t' || *p == '\n')
			p++;
		if (!*p)
			break;
		char *word = arena_alloc(a, strlen(p) + 1);
		size_t n = 0;
		char quote = '\0';
		for (; *p && (quote || (*p != ' ' && *p != '\t' && *p != '\n')); p++) {
			if (quote && *p == quote) {
				quote = '\0';
			} else if (!quote && (*p == '\'' || *p == '"')) {
				quote = *p;
			} else if (*p == '\\' && quote != '\'' && p[1] && (!quote || strchr("\"\\$`", p[1]))) {
				word[n++] = *++p;
			} else {
				word[n++] = *p;
			}
		}
		if (quote) {
			*ret_why = "a quote is not closed";
			return NULL;
		}
		vec_push(a, &words, word);
	}
	if (!words.n) {
		*ret_why = "no command was given";
		return NULL;
	}
	vec_push(a, &words, NULL);
	return words.v;
}

/* The file that a shell would execute: NULL with errno set when there is none. */
static const char *child_find(struct arena *a, const char *name)
{
	struct stat st;
	if (strchr(name, '/')) {
		if (access(name, X_OK))
			return NULL;
		if (!stat(name, &st) && S_ISDIR(st.st_mode)) {
			errno = EISDIR;
			return NULL;
		}
		return name;
	}
	const char *path = getenv("PATH");
	if (!path || !*path)
		path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	for (const char *p = path;; p++) {
		const char *e = strchrnul(p, ':');
		const char *file = e == p ? arena_printf(a, "./%s", name) : arena_printf(a, "%.*s/%s", (int)(e - p), p, name);
		if (!access(file, X_OK) && !stat(file, &st) && S_ISREG(st.st_mode))
			return file;
		if (!*e)
			break;
		p = e;
	}
	errno = ENOENT;
	return NULL;
}

static _Noreturn void child_exec(int go, int status, const char *file, char **argv)
{
	char c;
	ssize_t n;
	sigset_t none;
	for (int nr = 1; nr < 32; nr++)
		signal(nr, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	do
		n = read(go, &c, 1);
	while (n < 0 && errno == EINTR);
	if (n == 1) {
		execv(file, argv);
		int err = errno;
		n = write(status, &err, sizeof(err));
	}
	_exit(127);
}

int child_start(struct child *c, struct arena *a, const char *cmd, const char **ret_why)
{
	char **argv = child_split(a, cmd, ret_why);
	if (!argv)
		return -EINVAL;
	const char *file = child_find(a, argv[0]);
	if (!file) {
		int err = -errno;
		*ret_why = arena_printf(a, "Path '%s' does not exist or is not executable (%s)", argv[0], strerror(-err));
		return err;
	}
	int go[2], status[2];
	if (pipe2(go, O_CLOEXEC)) {
		*ret_why = strerror(errno);
		return -errno;
	}
	if (pipe2(status, O_CLOEXEC)) {
		int err = -errno;
		close(go[0]);
		close(go[1]);
		*ret_why = strerror(-err);
		return err;
	}
	pid_t pid = fork();
	if (pid == 0) {
		close(go[1]);
		close(status[0]);
		child_exec(go[0], status[1], file, argv);
	}
	int err = pid < 0 ? -errno : 0;
	close(go[0]);
	close(status[1]);
	*c = (struct child){ .pid = pid, .pidfd = -1, .go = go[1], .status = status[0], .file = file };
	if (!err) {
		c->pidfd = child_pidfd(pid);
		err = c->pidfd < 0 ? c->pidfd : 0;
	} else {
		c->pid = 0;
	}
	if (err) {
		*ret_why = strerror(-err);
		child_end(c);
	}
	return err;
}

int child_release(struct child *c)
{
	int err = 0;
	ssize_t n;
	do
		n = write(c->go, "", 1);
	while (n < 0 && errno == EINTR);
	close(c->go);
	c->go = -1;
	do
		n = read(c->status, &err, sizeof(err));
	while (n < 0 && errno == EINTR);
	close(c->status);
	c->status = -1;
	return n == sizeof(err) ? -err : 0;
}

int child_watch(struct child *c, int pid)
{
	*c = (struct child){ .pidfd = child_pidfd(pid), .go = -1, .status = -1 };
	return c->pidfd < 0 ? c->pidfd : 0;
}

void child_end(struct child *c)
{
	if (c->pid > 0) {
		/* Not yet reaped by us, so the pid is still its own. */
		if (waitpid(c->pid, NULL, WNOHANG) == 0) {
			kill(c->pid, SIGTERM);
			waitpid(c->pid, NULL, WNOHANG);
		}
	}
	if (c->go >= 0)
		close(c->go);
	if (c->status >= 0)
		close(c->status);
	if (c->pidfd >= 0)
		close(c->pidfd);
	*c = (struct child){ .pidfd = -1, .go = -1, .status = -1 };
}
