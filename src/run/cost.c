/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cost governor: what does the run cost the machine? The kernel measures the time spent in each program
 * (BPF_ENABLE_STATS); the share of one CPU since the last look is the cost. Measuring costs two clock readings an event, so it is
 * on all the time only where it was asked for (--max-cost, -v). Otherwise a short look is taken now and then, to warn when a
 * run costs more than anybody would expect.
 *
 * Past the bound everything is detached first; words come later.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "run/run.h"

enum {
	COST_BOUND_MS = 100,   /* how often the bound is checked */
	COST_FIRST_MS = 1000,  /* the first look when nobody asked */
	COST_LOOK_MS = 100,    /* how long it takes */
	COST_EVERY_MS = 10000, /* and how often it is repeated */
	COST_WARN = 100,       /* per mille of one CPU */
	COST_SHOWN = 8,        /* programs named when the bound is passed */
};

static uint64_t cost_now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* ns spent in all programs so far, as far as it was measured. */
static uint64_t cost_spent(const struct session *s)
{
	uint64_t n = 0;
	for (uint32_t i = 0; i < s->module.progs.n; i++) {
		struct sys_prog_info info = { 0 };
		if (s->prog_fds[i] >= 0 && !sys_prog_info(s->prog_fds[i], &info))
			n += info.run_time_ns;
	}
	return n;
}

static void cost_arm(struct cost *c, unsigned ms)
{
	struct itimerspec t = { .it_value = { ms / 1000, (long)(ms % 1000) * 1000000 } };
	timerfd_settime(c->timer, 0, &t, NULL);
}

static void cost_begin(struct session *s)
{
	s->cost.from = cost_now();
	s->cost.spent = cost_spent(s);
}

int cost_open(struct session *s)
{
	struct cost *c = &s->cost;
	c->always = s->o->max_cost || s->o->verbose;
	if (c->always) {
		c->stats = sys_enable_stats();
		if (c->stats < 0 && s->o->max_cost)
			return c->stats; /* a bound that cannot be kept must not be promised */
	}
	if (!c->always && (s->o->quiet || s->o->no_warnings))
		return 0;
	if (c->always && !s->o->max_cost)
		return 0;
	c->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (c->timer < 0)
		return s->o->max_cost ? -errno : 0;
	cost_begin(s);
	cost_arm(c, s->o->max_cost ? COST_BOUND_MS : COST_FIRST_MS);
	return 0;
}

void cost_close(struct session *s)
{
	if (s->cost.stats >= 0)
		close(s->cost.stats);
	if (s->cost.timer >= 0)
		close(s->cost.timer);
	s->cost.stats = s->cost.timer = -1;
}

struct cost_row {
	uint32_t prog;
	uint64_t ns, runs;
};

static int cost_order(const void *x, const void *y)
{
	const struct cost_row *a = x, *b = y;
	return a->ns != b->ns ? (a->ns < b->ns ? 1 : -1) : (int)(a->prog > b->prog) - (int)(a->prog < b->prog);
}

/* The dearest programs first: "  12345 runs, 250 ns each, 4.2 %: tracepoint:...". */
static void cost_table(struct session *s, uint32_t most, struct buf *out)
{
	uint32_t n = 0;
	struct cost_row *rows = arena_array(&s->arena, struct cost_row, s->module.progs.n + 1);
	uint64_t total = 0;
	for (uint32_t i = 0; i < s->module.progs.n; i++) {
		struct sys_prog_info info = { 0 };
		if (s->prog_fds[i] < 0 || sys_prog_info(s->prog_fds[i], &info))
			continue;
		rows[n++] = (struct cost_row){ i, info.run_time_ns, info.run_cnt };
		total += info.run_time_ns;
	}
	qsort(rows, n, sizeof(*rows), cost_order);
	for (uint32_t i = 0; i < n && i < most; i++) {
		const struct module_prog *p = &s->module.progs.v[rows[i].prog];
		buf_addf(out, "  %10llu runs, %6llu ns each, %3llu %% of the time: ", (unsigned long long)rows[i].runs,
			 (unsigned long long)(rows[i].runs ? rows[i].ns / rows[i].runs : 0),
			 (unsigned long long)(total ? rows[i].ns * 100 / total : 0));
		struct str name = s->module.attaches.v[p->attach.v[0]]->name;
		buf_add_safe(out, name.s, name.len, false);
		if (p->attach.n > 1)
			buf_addf(out, " and %u more", p->attach.n - 1);
		buf_addc(out, '\n');
	}
	if (n > most)
		buf_addf(out, "  and %u more\n", n - most);
}

static void cost_say(struct session *s, enum event_kind kind, struct buf *b)
{
	if (b->len && b->s[b->len - 1] == '\n')
		b->s[--b->len] = '\0';
	s->out.ops->message(&s->out, kind, &s->diags, (struct span){ 0 }, b->s ? b->s : "", b->len);
	buf_fini(b);
}

/* The bound is passed: first let go, then say so. */
static void cost_stop(struct session *s, uint64_t permille, uint64_t wall_ns)
{
	struct buf b = { 0 };
	probe_detach(&s->attached);
	s->stopping = true;
	s->status = SESSION_TOO_DEAR;
	buf_addf(&b,
		 "detached: the programs took %llu.%llu %% of one CPU in the last %llu ms, more than the %u.%u %% of --max-cost. By probe:\n",
		 (unsigned long long)(permille / 10), (unsigned long long)(permille % 10), (unsigned long long)(wall_ns / 1000000),
		 s->o->max_cost / 10, s->o->max_cost % 10);
	cost_table(s, COST_SHOWN, &b);
	cost_say(s, EV_ERRORF, &b);
}

void cost_tick(struct session *s)
{
	struct cost *c = &s->cost;
	uint64_t times;
	if (read(c->timer, &times, sizeof(times)) != sizeof(times))
		return;
	if (!c->always && c->stats < 0) { /* begin a look */
		c->stats = sys_enable_stats();
		if (c->stats < 0)
			return; /* no statistics, no warning */
		cost_begin(s);
		cost_arm(c, COST_LOOK_MS);
		return;
	}
	uint64_t wall = cost_now() - c->from, spent = cost_spent(s) - c->spent;
	uint64_t permille = wall ? spent * 1000 / wall : 0;
	if (c->always) {
		if (permille > s->o->max_cost) {
			cost_stop(s, permille, wall);
			return;
		}
		cost_begin(s);
		cost_arm(c, COST_BOUND_MS);
		return;
	}
	close(c->stats);
	c->stats = -1;
	if (permille > COST_WARN) {
		struct buf b = { 0 };
		buf_addf(&b, "the programs take about %llu %% of one CPU (-v shows which at the end, --max-cost 5%% would bound it)",
			 (unsigned long long)(permille / 10));
		cost_say(s, EV_WARNF, &b);
		return; /* once is enough */
	}
	cost_arm(c, COST_EVERY_MS);
}

void cost_print(struct session *s)
{
	struct buf b = { 0 };
	if (!s->o->verbose || s->cost.stats < 0)
		return;
	buf_adds(&b, "hits and cost of each probe:\n");
	cost_table(s, UINT32_MAX, &b);
	out_flush(&s->out);
	for (size_t at = 0; at < b.len;) {
		ssize_t n = write(s->o->err_fd, b.s + at, b.len - at);
		if (n <= 0)
			break;
		at += (size_t)n;
	}
	buf_fini(&b);
}
