/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event loop: sleep until something happens, empty the rings, flush, look for a reason to end.
 *
 * Programs wake us only when the ring fills up (and always by the control ring); for freshness we look by ourselves, 50 ms
 * after the last look while it is quiet, 100 ms while events flow, so that a flood is taken in large portions. Without a
 * ring of events there is no timer at all. The rings are edge-triggered: level-triggered, epoll would report
 * each record that has come meanwhile, and we would spin.
 *
 * Reasons to end: exit(), a signal, the end of the traced process, a reader of our output that has gone, iterators that
 * are through when there is nothing else.
 */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "run/run.h"

enum { LOOP_QUIET_MS = 50, LOOP_FLOW_MS = 100 };

static int loop_add(struct session *s, int fd, uint32_t events, enum session_place place)
{
	struct epoll_event ev = { .events = events, .data.u32 = place };
	if (fd < 0)
		return 0;
	return epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &ev) ? -errno : 0;
}

/* Say what was lost since the last time; at most once a second while the run goes on. */
static void loop_lost(struct session *s, bool at_once)
{
	uint64_t n = verdict_lost(s);
	struct timespec now;
	if (n <= s->lost_said)
		return;
	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	if (!at_once && s->lost_second == now.tv_sec)
		return;
	s->lost_second = now.tv_sec;
	s->out.ops->lost(&s->out, n - s->lost_said);
	s->lost_said = n;
}

/* One portion of both rings; true when there may be more. */
static bool loop_portion(struct session *s, uint64_t *ret_n)
{
	bool more_control, more_events;
	ring_drain(&s->control, event_handle, s, &more_control);
	*ret_n = ring_drain(&s->events, event_handle, s, &more_events);
	packets_drain(s);
	faults_tell(s);
	if (!s->out.waiting && s->o->buffering != SESSION_FULL)
		out_flush(&s->out);
	if (s->out.error)
		s->stopping = true;
	return (more_control || more_events) && !s->out.error;
}

void loop_drain(struct session *s)
{
	uint64_t n;
	/* Programs are detached or do not run: what is in the rings is all, but a bound costs nothing. */
	for (int i = 0; i < 1024 && loop_portion(s, &n); i++)
		;
	loop_lost(s, true);
}

static void loop_signals(struct session *s)
{
	struct signalfd_siginfo si;
	while (read(s->signals.fd, &si, sizeof(si)) == sizeof(si))
		session_test_run(s, PROV_SELF, si.ssi_signo);
}

/* Does anything but begin, end and iterators go on by itself? */
static bool loop_endless(const struct session *s)
{
	if (s->child.pidfd >= 0)
		return true;
	for (uint32_t i = 0; i < s->module.attaches.n; i++) {
		enum provider_id p = s->module.attaches.v[i]->provider;
		if (p != PROV_BEGIN && p != PROV_END && p != PROV_ITER)
			return true;
	}
	return false;
}

static int loop_open(struct session *s)
{
	int err;
	if ((s->epoll_fd = epoll_create1(EPOLL_CLOEXEC)) < 0)
		return -errno;
	if (s->control.consumer && (err = loop_add(s, s->maps[2].fd, EPOLLIN | EPOLLET, WAKE_CONTROL)))
		return err;
	if (s->events.consumer && (err = loop_add(s, s->maps[1].fd, EPOLLIN | EPOLLET, WAKE_EVENTS)))
		return err;
	if ((err = loop_add(s, s->child.pidfd, EPOLLIN, WAKE_PROCESS)) || (err = loop_add(s, s->signals.fd, EPOLLIN, WAKE_SIGNAL)))
		return err;
	if (s->iter.started && (err = loop_add(s, s->iter.done_fd, EPOLLIN, WAKE_ITER)))
		return err;
	if ((err = loop_add(s, s->cost.timer, EPOLLIN, WAKE_COST)))
		return err;
	if ((err = loop_add(s, s->sample_timer, EPOLLIN, WAKE_SAMPLE)))
		return err;
	for (uint32_t i = 0; mmaps_fd(s->mmaps, i) >= 0; i++)
		if ((err = loop_add(s, mmaps_fd(s->mmaps, i), EPOLLIN, WAKE_MMAP)))
			return err;
	for (uint32_t i = 0; packets_fd(s->packets, i) >= 0; i++)
		if ((err = loop_add(s, packets_fd(s->packets, i), EPOLLIN, WAKE_PACKET)))
			return err;
	/* Only errors: the reader of a pipe has gone. Files cannot be watched, and need not be. */
	loop_add(s, s->out.fd, 0, WAKE_OUTPUT);
	return 0;
}

static void loop_woken(struct session *s, const struct epoll_event *ev, bool *ret_mapped)
{
	switch ((enum session_place)ev->data.u32) {
	case WAKE_CONTROL:
	case WAKE_EVENTS:
	case WAKE_PACKET:
		break; /* the rings are emptied after every wait */
	case WAKE_PROCESS:
		s->stopping |= !follow_next(s);
		break;
	case WAKE_SIGNAL:
		loop_signals(s);
		break;
	case WAKE_OUTPUT:
		if (ev->events & (EPOLLERR | EPOLLHUP)) {
			s->out.error = -EPIPE;
			s->stopping = true;
		}
		break;
	case WAKE_MMAP: /* behind the rings: other processes' files can wait, a process that was met may be gone soon */
		*ret_mapped = true;
		break;
	case WAKE_COST:
		cost_tick(s);
		break;
	case WAKE_SAMPLE:
		sample_tick(s);
		break;
	case WAKE_ITER:
		iter_join(&s->iter);
		if (!loop_endless(s))
			s->stopping = true;
		break;
	}
}

int loop_run(struct session *s)
{
	struct epoll_event ev[8];
	int err = loop_open(s);
	if (err)
		return err;
	bool more = true;
	uint64_t n = 0;
	if (!s->iter.started && !loop_endless(s))
		s->stopping = true;
	while (!s->stopping && !s->exiting) {
		bool mapped = false;
		int timeout = more ? 0 : !s->events.consumer && !s->packets ? -1 : n ? LOOP_FLOW_MS : LOOP_QUIET_MS;
		sigprocmask(SIG_BLOCK, &s->signals.blocked, NULL);
		if (signals_stop()) {
			s->stopping = true;
			break;
		}
		int k = epoll_pwait(s->epoll_fd, ev, 8, timeout, &s->signals.waiting);
		sigprocmask(SIG_SETMASK, &s->signals.waiting, NULL);
		if (k < 0 && errno != EINTR)
			return -errno;
		for (int i = 0; i < k; i++)
			loop_woken(s, &ev[i], &mapped);
		more = loop_portion(s, &n);
		if (mapped)
			mmaps_drain(s->mmaps);
		if (s->events.consumer || s->packets)
			loop_lost(s, false);
	}
	sigprocmask(SIG_SETMASK, &s->signals.waiting, NULL);
	return 0;
}
