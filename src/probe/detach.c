/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Detaching. Closing a link waits for an RCU grace period in the kernel, some 30 ms each; in threads these waits overlap, so that
 * hundreds take hardly longer than one. Closing the perf event of a tracepoint waits too, but beneath a lock of the kernel: one after
 * the other, ten seconds for hundreds. No program runs by then and nobody needs to wait, so these events are left to a process of
 * their own, which leaves the lock free between two of them: a tracer that is started meanwhile wants it, too.
 */
#include <errno.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kern/sys.h"
#include "probe/probe_priv.h"

enum {
	DETACH_FEW = 2,         /* so few tracepoints are closed by ourselves */
	DETACH_THREADS = 128,
	DETACH_STACK = 1 << 18, /* of a closing thread: a sanitised one wants room */
	DETACH_PAUSE_NS = 20000000, /* at least, between two tracepoints' events */};

struct closing {
	const int *fds;
	uint32_t n;
	_Atomic uint32_t next;
};

static void *detach_closer(void *arg)
{
	struct closing *c = arg;
	for (uint32_t i; (i = c->next++) < c->n;)
		close(c->fds[c->n - 1 - i]);
	return NULL;
}

static void detach_close(const int *fds, uint32_t n)
{
	struct closing c = { .fds = fds, .n = n };
	pthread_t threads[DETACH_THREADS];
	pthread_attr_t attr;
	uint32_t n_threads = 0;
	if (n > 1 && pthread_attr_init(&attr) == 0) {
		sigset_t all, before; /* signals are for the session's own thread */
		sigfillset(&all);
		pthread_sigmask(SIG_SETMASK, &all, &before);
		pthread_attr_setstacksize(&attr, DETACH_STACK);
		while (n_threads < n - 1 && n_threads < DETACH_THREADS &&
		       pthread_create(&threads[n_threads], &attr, detach_closer, &c) == 0)
			n_threads++;
		pthread_sigmask(SIG_SETMASK, &before, NULL);
		pthread_attr_destroy(&attr);
	}
	detach_closer(&c);
	for (uint32_t i = 0; i < n_threads; i++)
		pthread_join(threads[i], NULL);
}

/* The life of the child's child: keep nothing but the events, and close them at leisure. Only calls that are safe after fork. */
static void detach_linger(const int *fds, uint32_t n)
{
	int low = 0;
	prctl(PR_SET_NAME, "sonde-detach");
	setsid();
	/* Nothing else may stay open: somebody may wait for the end of our output. */
	for (;;) {
		int next = -1;
		for (uint32_t i = 0; i < n; i++)
			if (fds[i] >= low && (next < 0 || fds[i] < next))
				next = fds[i];
		if (next < 0)
			break;
		if (next > low)
			close_range((unsigned)low, (unsigned)next - 1, 0);
		low = next + 1;
	}
	close_range((unsigned)low, ~0u, 0);
	for (uint32_t i = 0; i < n; i++)
		ioctl(fds[i], PERF_EVENT_IOC_DISABLE, 0); /* costs traced programs nothing from here on */
	for (uint32_t i = n; i-- > 0;) {
		struct timespec before = { 0 }, after = { 0 };
		clock_gettime(CLOCK_MONOTONIC, &before);
		close(fds[i]);
		clock_gettime(CLOCK_MONOTONIC, &after);
		/* As long as it took, so that half of the time is others', however many do as we do. */
		int64_t took = (after.tv_sec - before.tv_sec) * 1000000000ll + (after.tv_nsec - before.tv_nsec);
		took = took < DETACH_PAUSE_NS ? DETACH_PAUSE_NS : took > 900000000 ? 900000000 : took;
		nanosleep(&(struct timespec){ .tv_nsec = (long)took }, NULL);
	}
}

/* Leave events to a grandchild, whose end nobody awaits. false: no process to be had. */
static bool detach_leave(const int *fds, uint32_t n)
{
	int status = 0;
	pid_t pid = fork();
	if (pid < 0)
		return false;
	if (pid == 0) {
		pid = fork();
		if (pid == 0)
			detach_linger(fds, n);
		if (pid < 0)
			_exit(126);
		_exit(127);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) && WEXITSTATUS(status) == 127;
}

void probe_count_missed(struct attached *at)
{
	for (uint32_t i = 0; i < at->counted.n; i++) {
		const struct attach_counted *c = &at->counted.v[i];
		*(c->returns ? &at->missed_returns : &at->missed) += sys_link_missed(c->link);
	}
	at->counted.n = 0;
}

void probe_unwatch(struct attached *at, uint64_t address)
{
	for (uint32_t i = 0; i < at->watched.n; i++)
		if (at->watched.v[i].address == address)
			ioctl(at->watched.v[i].event, PERF_EVENT_IOC_DISABLE, 0); /* also for the threads that inherited it */
}

void probe_detach(struct attached *at)
{
	probe_count_missed(at);
	detach_close(at->iter_links.v, at->iter_links.n);
	detach_close(at->links.v, at->links.n);
	detach_close(at->events.v, at->events.n);
	if (at->tracepoints.n > DETACH_FEW)
		detach_leave(at->tracepoints.v, at->tracepoints.n); /* then our own descriptors are not the last ones */
	for (uint32_t i = 0; i < at->tracepoints.n; i++)
		close(at->tracepoints.v[i]);
	at->watched.n = at->links.n = at->events.n = at->iter_links.n = at->tracepoints.n = 0;
}
