/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last step: bytes to descriptors. The first error is remembered in out->error and from then on
 * output is dropped, so that the session can end in order (detach, verdict) when the reader of a pipe has gone; it is
 * the session's to look at `error`, and the program's to ignore SIGPIPE.
 */
#include "out/out.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

enum { PART = 64 << 10 };

static int write_all(int fd, const char *s, size_t n)
{
	while (n) {
		ssize_t r = write(fd, s, n);
		if (r > 0) {
			s += r;
			n -= (size_t)r;
		} else if (r < 0 && errno == EAGAIN) {
			/* Somebody made the terminal or pipe non-blocking; losing output is no answer to that. */
			struct pollfd p = { .fd = fd, .events = POLLOUT };
			if (poll(&p, 1, -1) < 0 && errno != EINTR)
				return -errno;
		} else if (r < 0 && errno != EINTR) {
			return -errno;
		} else if (r == 0) {
			return -EIO;
		}
	}
	return 0;
}

void out_flush(struct out *o)
{
	if (!o->error && o->buf.oom)
		o->error = -ENOMEM;
	if (!o->error)
		o->error = write_all(o->fd, o->buf.s, o->buf.len);
	if (o->buf.cap > 16 * PART)
		buf_fini(&o->buf);
	else
		buf_clear(&o->buf);
	o->buf.oom = false;
}

void out_flush_err(struct out *o, const char *s, size_t n)
{
	out_flush(o);
	(void)write_all(o->err_fd, s, n);
}

void out_item_part(struct out *o)
{
	if (!o->held && !o->waiting && (o->buf.len >= PART || o->buf.oom))
		out_flush(o);
}

void out_item_done(struct out *o)
{
	bool now = o->buffering == OUT_BUF_NONE || o->buf.len >= PART || o->buf.oom;
	if (o->buffering == OUT_BUF_LINE && o->buf.len)
		now |= memchr(o->buf.s, '\n', o->buf.len) != NULL;
	if (now && !o->held && !o->waiting)
		out_flush(o);
}
