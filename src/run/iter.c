/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Iterator programs run while somebody reads from their link's file, all objects in one read(2). What they
 * send comes through the ring of events like everything else, and a walk over a large table would overrun it: so a
 * thread reads the iterators, one after the other, and the session empties the ring meanwhile. The only thread that a
 * session has, and only with iterator probes.
 */
#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "run/run.h"

static int iter_read(struct iter_reader *r, int link)
{
	char buf[4096];
	int fd = sys_iter_create(link), err = 0;
	if (fd < 0)
		return fd;
	while (!__atomic_load_n(&r->stop, __ATOMIC_RELAXED)) {
		ssize_t n = read(fd, buf, sizeof(buf));
		if (n == 0)
			break;
		if (n < 0 && errno != EINTR && errno != EAGAIN) { /* EAGAIN: a million objects seen, go on */
			err = -errno;
			break;
		}
	}
	close(fd);
	return err;
}

static void *iter_thread(void *arg)
{
	struct iter_reader *r = arg;
	for (uint32_t i = 0; i < r->n && !__atomic_load_n(&r->stop, __ATOMIC_RELAXED); i++) {
		int err = iter_read(r, r->links[i]);
		if (err && !r->error)
			r->error = err;
	}
	uint64_t one = 1;
	ssize_t n = write(r->done_fd, &one, sizeof(one));
	(void)n; /* an eventfd takes its first 1 */
	return NULL;
}

int iter_start(struct iter_reader *r, const int *links, uint32_t n)
{
	*r = (struct iter_reader){ .links = (int *)links, .n = n, .done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) };
	if (r->done_fd < 0)
		return -errno;
	pthread_attr_t attr;
	sigset_t all, old;
	sigfillset(&all);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 128 << 10);
	pthread_sigmask(SIG_SETMASK, &all, &old); /* signals are the session's */
	int err = pthread_create(&r->thread, &attr, iter_thread, r);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	if (err) {
		close(r->done_fd);
		r->done_fd = -1;
		return -err;
	}
	r->started = true;
	return 0;
}

void iter_join(struct iter_reader *r)
{
	if (!r->started)
		return;
	__atomic_store_n(&r->stop, true, __ATOMIC_RELAXED);
	pthread_join(r->thread, NULL);
	close(r->done_fd);
	r->started = false;
	r->done_fd = -1;
}
