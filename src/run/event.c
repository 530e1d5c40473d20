/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records to output. A record is { u32 event; u32 len } and `len` bytes of payload; the event's row in the module says
 * what it means. This is the boundary between the kernel's memory and ours: a record is
 * believed in nothing, whatever is out of range is counted as bad and said in the verdict.
 *
 * What needs the reader (time, cat, system, join, printing and clearing of maps) is done here, when the record is
 * read, in the order of the records.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ir/unwind.h"
#include "run/run.h"

extern char **environ;

enum { RECORD_HEAD = 8, SYSTEM_MAX = 16 << 20 };

static void event_message(struct session *s, enum event_kind kind, struct span span, const struct buf *b)
{
	s->out.ops->message(&s->out, kind, &s->diags, span, b->s ? b->s : "", b->len);
}

/* errorf, warnf */
static void event_told(struct session *s, const struct event *ev)
{
	s->n_errors += ev->kind == EV_ERRORF;
	event_message(s, ev->kind, ev->span, &s->text);
	if (s->out.ops->expanded)
		s->out.ops->expanded(&s->out, ev->kind, &s->diags, ev->calls);
}

static void event_failed(struct session *s, const struct event *ev, const char *what, int err)
{
	struct buf b = { 0 };
	buf_addf(&b, "%s (%s)", what, strerror(-err));
	event_message(s, EV_ERRORF, ev->span, &b);
	buf_fini(&b);
}

static void event_join(struct session *s, const struct event *ev, const uint8_t *p, uint32_t len)
{
	out_join(&s->out_env, ev, p, len, &s->text);
	buf_addc(&s->text, '\n');
	s->out.ops->text(&s->out, OUT_JOIN, s->text.s, s->text.len);
}

static void event_cat(struct session *s, const struct event *ev)
{
	struct buf what = { 0 }, text = { 0 };
	char chunk[4096];
	size_t left = s->sema.config.max_cat_bytes;
	int fd = s->text.len ? open(s->text.s, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : (errno = ENOENT, -1);
	ssize_t n = 0;
	int err = fd < 0 ? -errno : 0;
	while (fd >= 0 && left && (n = read(fd, chunk, left < sizeof(chunk) ? left : sizeof(chunk))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			err = -errno;
			break;
		}
		buf_add(&text, chunk, (size_t)n);
		left -= (size_t)n;
	}
	if (err) {
		buf_addf(&what, "failed to open file '%s'", s->text.s ? s->text.s : "");
		event_failed(s, ev, what.s, err);
	} else {
		s->out.ops->text(&s->out, OUT_CAT, text.s ? text.s : "", text.len);
	}
	if (fd >= 0)
		close(fd);
	buf_fini(&what);
	buf_fini(&text);
}

/* Run the shell; its standard output into `out`. -errno, or the wait status. */
static int event_shell(const char *cmd, struct buf *out)
{
	char *argv[] = { "sh", "-c", (char *)cmd, NULL }, chunk[4096];
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t attr;
	sigset_t set;
	pid_t pid;
	int p[2], status = 0;
	if (pipe2(p, O_CLOEXEC))
		return -errno;
	posix_spawn_file_actions_init(&fa);
	posix_spawnattr_init(&attr);
	posix_spawn_file_actions_adddup2(&fa, p[1], 1);
	sigemptyset(&set);
	posix_spawnattr_setsigmask(&attr, &set);
	sigaddset(&set, SIGPIPE);
	posix_spawnattr_setsigdefault(&attr, &set);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	int err = posix_spawn(&pid, "/bin/sh", &fa, &attr, argv, environ);
	posix_spawn_file_actions_destroy(&fa);
	posix_spawnattr_destroy(&attr);
	close(p[1]);
	while (!err) {
		ssize_t n = read(p[0], chunk, sizeof(chunk));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		if (out->len < SYSTEM_MAX)
			buf_add(out, chunk, (size_t)n);
	}
	close(p[0]);
	if (err)
		return -err;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return status;
}

static void event_system(struct session *s, const struct event *ev)
{
	struct buf out = { 0 }, msg = { 0 };
	out_flush(&s->out); /* what came before is written before what the command writes itself */
	int status = event_shell(s->text.s ? s->text.s : "", &out);
	buf_addc(&out, '\n');
	if (status < 0) {
		event_failed(s, ev, "cannot run a command", status);
	} else {
		s->out.ops->text(&s->out, OUT_SYSTEM, out.s ? out.s : "", out.len);
		if (WIFSIGNALED(status))
			buf_addf(&msg, "command was killed by signal %d", WTERMSIG(status));
		else if (WEXITSTATUS(status))
			buf_addf(&msg, "command exited with code %d", WEXITSTATUS(status));
		if (msg.len)
			event_message(s, EV_ERRORF, ev->span, &msg);
	}
	buf_fini(&out);
	buf_fini(&msg);
}

static void event_element(struct session *s, const struct event *ev, const uint8_t *p, uint32_t len)
{
	const struct module_map *m = &s->module.maps.v[ev->map];
	struct event_arg arg = { .type = m->value };
	uint32_t size = agg_size(m->value, m->value_size);
	if (len < m->key_size) {
		s->n_bad_records++;
		return;
	}
	void *value = calloc(1, size ? size : 1);
	int err = value ? map_read_element(s, ev->map, p, value) : -ENOMEM;
	if (err)
		event_failed(s, ev, "cannot read a map", err);
	else
		s->out.ops->value(&s->out, &arg, value, size);
	free(value);
}

static void event_map(struct session *s, const struct event *ev)
{
	if (ev->kind != EV_PRINT_MAP)
		sample_clear(s, ev->map);
	int err = ev->kind == EV_CLEAR ? map_clear(s, ev->map) :
		  ev->kind == EV_ZERO  ? map_zero(s, ev->map) :
					 map_print(s, ev->map, ev);
	if (err)
		event_failed(s, ev, "cannot access a map", err);
}

static void event_rank(struct session *s, const struct event *ev, const uint8_t *p, uint32_t len)
{
	int err = out_table_keep(&s->out, ev, p, len);
	if (err && !s->rank_failed)
		event_failed(s, ev, "cannot keep more rows until top()", err);
	s->rank_failed = err != 0; /* said once for each table */
}

static void event_table(struct session *s, const struct event *ev, uint64_t n)
{
	const struct event *header = ev->map < s->module.events.n ? &s->module.events.v[ev->map] : NULL;
	out_table_sort(&s->out.table);
	s->out.ops->table(&s->out, header, n);
	out_table_clear(&s->out.table);
	s->rank_failed = false;
}

/* A program with one table shows its header at once. */
void event_header(struct session *s)
{
	const struct event *one = NULL;
	for (uint32_t i = 0; i < s->module.events.n; i++) {
		const struct event *ev = &s->module.events.v[i];
		if (ev->kind == EV_RANK || ev->kind == EV_SCREEN || (ev->kind == EV_ROW && one && !out_same_header(s->out.form, one, ev)))
			return;
		if (ev->kind == EV_ROW)
			one = ev;
	}
	if (one)
		out_row(&s->out, one, NULL, 0);
}

static void event_time(struct session *s, const struct event *ev)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	out_strftime(ev->fmt.s ? ev->fmt.s : "", (int64_t)now.tv_sec * 1000000000 + now.tv_nsec, false, &s->text);
	s->out.ops->text(&s->out, OUT_TIME, s->text.s ? s->text.s : "", s->text.len);
}

int event_handle(void *arg, const void *record, uint32_t size)
{
	struct session *s = arg;
	const struct module *m = &s->module;
	uint32_t head[2];
	if (size < RECORD_HEAD)
		goto bad;
	memcpy(head, record, sizeof(head));
	const uint8_t *p = (const uint8_t *)record + RECORD_HEAD;
	uint32_t id = head[0], len = head[1] < size - RECORD_HEAD ? head[1] : size - RECORD_HEAD;
	if (id >= m->events.n)
		goto bad;
	const struct event *ev = &m->events.v[id];
	bool on_map = ev->kind == EV_PRINT_MAP || ev->kind == EV_PRINT_ELEM || ev->kind == EV_CLEAR || ev->kind == EV_ZERO;
	if (on_map && (ev->map >= m->maps.n || !m->maps.v[ev->map].value))
		goto bad;
	buf_clear(&s->text);
	switch (ev->kind) {
	case EV_PRINTF:
	case EV_ERRORF:
	case EV_WARNF:
	case EV_CAT:
	case EV_SYSTEM:
		out_format(&s->out_env, ev, p, len, &s->text);
		if (ev->kind == EV_PRINTF)
			s->out.ops->text(&s->out, OUT_PRINTF, s->text.s ? s->text.s : "", s->text.len);
		else if (ev->kind == EV_CAT)
			event_cat(s, ev);
		else if (ev->kind == EV_SYSTEM)
			event_system(s, ev);
		else
			event_told(s, ev);
		break;
	case EV_ROW:
		s->exiting |= out_row(&s->out, ev, p, len);
		break;
	case EV_RANK:
		event_rank(s, ev, p, len);
		break;
	case EV_TABLE: {
		int64_t n;
		if (len < 8)
			goto bad;
		memcpy(&n, p, 8);
		event_table(s, ev, n < 0 ? 0 : (uint64_t)n);
		break;
	}
	case EV_SCREEN:
		s->out.ops->screen(&s->out);
		break;
	case EV_PRINT:
		if (!ev->args.n)
			goto bad;
		s->out.ops->value(&s->out, &ev->args.v[0], p, len);
		break;
	case EV_PRINT_ELEM:
		event_element(s, ev, p, len);
		break;
	case EV_PRINT_MAP:
	case EV_CLEAR:
	case EV_ZERO:
		event_map(s, ev);
		break;
	case EV_TIME:
		event_time(s, ev);
		break;
	case EV_JOIN:
		event_join(s, ev, p, len);
		break;
	case EV_EXIT:
		if (len < 8)
			goto bad;
		if (!s->exiting)
			memcpy(&s->exit_code, p, 8);
		s->exiting = true;
		break;
	case EV_PROCESS: {
		uint64_t pid;
		if (len < 8)
			goto bad;
		memcpy(&pid, p, 8);
		if (s->procs)
			sym_procs_see(s->procs, (uint32_t)pid); /* first of all: it may not live long */
		break;
	}
	case EV_UNWIND:
		if (len < sizeof(struct unwind_ask))
			goto bad;
		if (s->procs) { /* while it lives: a table takes its time */
			struct unwind_ask ask;
			memcpy(&ask, p, sizeof(ask));
			sym_procs_see(s->procs, (uint32_t)ask.pid);
		}
		unwind_asked(s, p);
		break;
	case EV_PACKET:
		packet_write(s, id, p, len);
		break;
	case EV_UNWATCH: {
		uint64_t addr;
		if (len < 8)
			goto bad;
		memcpy(&addr, p, 8);
		probe_unwatch(&s->attached, addr);
		break;
	}
	case EV_RUNTIME:
		goto bad;
	}
	return s->out.error != 0;
bad:
	s->n_bad_records++;
	return 0;
}
