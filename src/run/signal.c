/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals of a session. What is wanted: the first SIGINT, SIGTERM or SIGHUP ends the run cleanly (end probes, maps); the second one
 * kills, also when we hang in a write to a pipe that nobody reads; no signal is lost between looking and waiting; no global.
 *
 * The handler does nothing and is installed with SA_RESETHAND: that the disposition is the default again is how
 * we see that the signal came. The three are blocked but while we wait (epoll_pwait opens the mask together with the wait) and while we write:
 * signals_open() leaves them open, and the loop blocks them around its look at signals_stop().
 *
 * A signal that has a probe (self:signal) comes by signalfd and is always blocked.
 */
#include <errno.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "run/run.h"

static const int signals_end[] = { SIGINT, SIGTERM, SIGHUP };
enum { N_END = sizeof(signals_end) / sizeof(*signals_end) };

static void signal_came(int nr)
{
	(void)nr; /* SA_RESETHAND has noted it */
}

int signals_open(struct signals *s, const sigset_t *probes)
{
	struct sigaction ours = { .sa_handler = signal_came, .sa_flags = (int)SA_RESETHAND }, old;
	bool any = false;
	s->fd = -1;
	sigemptyset(&s->blocked);
	sigemptyset(&ours.sa_mask);
	for (int i = 0; i < N_END; i++) {
		int nr = signals_end[i];
		if (sigismember(probes, nr))
			continue;
		/* nohup means it; but a shell without job control starts everything in the background with SIGINT ignored. */
		if (nr == SIGHUP && !sigaction(nr, NULL, &old) && old.sa_handler == SIG_IGN)
			continue;
		if (sigaction(nr, &ours, NULL))
			return -errno;
		sigaddset(&s->blocked, nr);
	}
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	sigemptyset(&ignore.sa_mask);
	sigaction(SIGPIPE, &ignore, NULL); /* EPIPE ends the run */
	for (int nr = 1; nr <= 64; nr++)
		any |= sigismember(probes, nr) == 1;
	if (sigprocmask(SIG_BLOCK, probes, &s->before))
		return -errno;
	s->waiting = s->before;
	for (int i = 0; i < N_END; i++)
		sigdelset(&s->waiting, signals_end[i]);
	for (int nr = 1; nr <= 64; nr++)
		if (sigismember(probes, nr) == 1)
			sigaddset(&s->waiting, nr);
	if (sigprocmask(SIG_SETMASK, &s->waiting, NULL))
		return -errno;
	if (any) {
		s->fd = signalfd(-1, probes, SFD_CLOEXEC | SFD_NONBLOCK);
		if (s->fd < 0)
			return -errno;
	}
	return 0;
}

bool signals_stop(void)
{
	struct sigaction now;
	for (int i = 0; i < N_END; i++)
		if (!sigaction(signals_end[i], NULL, &now) && now.sa_handler == SIG_DFL)
			return true;
	return false;
}

void signals_default(void)
{
	struct sigaction now;
	for (int i = 0; i < N_END; i++)
		if (!sigaction(signals_end[i], NULL, &now) && now.sa_handler == signal_came)
			signal(signals_end[i], SIG_DFL);
}

void signals_close(struct signals *s)
{
	signals_default();
	sigprocmask(SIG_SETMASK, &s->before, NULL);
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}
