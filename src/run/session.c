/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session from beginning to end:
 *
 *   -c: fork the command (it waits)        because its pid is part of the program
 *   compile                                compile.c; --dump and -l FILE end here
 *   create maps, load programs             load.c; --explain ends here
 *   run the begin programs                 by BPF_PROG_TEST_RUN, in order; exit() there: nothing is attached
 *   attach                                 probe/; --dry-run ends here
 *   let the command go, say that we are ready
 *   loop                                   loop.c: until there is a reason to end
 *   detach, run the end programs, drain, print the maps, the verdict
 *
 * Whatever fails is reported where it is known and leads to the same way out, session_close(), which releases in the
 * reverse order whatever is there.
 */
#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "run/run.h"

static void session_write(int fd, const char *s, size_t n)
{
	while (n) {
		ssize_t w = write(fd, s, n);
		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0)
			return;
		s += w;
		n -= (size_t)w;
	}
}

void session_report(struct session *s)
{
	struct buf b = { 0 };
	s->diags.no_warnings = s->o->no_warnings || (s->o->tool && !s->o->verbose);
	diag_render(&s->diags, &b, s->o->colour, s->o->verbose);
	if (s->out.ops)
		out_flush(&s->out);
	session_write(s->o->err_fd, b.s, b.len);
	buf_fini(&b);
	s->diags.list.n = s->diags.n_errors = s->diags.n_warnings = 0;
}

/* Refused by the system: said at once. */
static int session_refused(struct session *s, const char *what, int err)
{
	diag_add(&s->diags, D_SYSTEM, (struct span){ 0 }, what, strerror(-err));
	session_report(s);
	s->status = 1;
	return err;
}

static int64_t session_clock(clockid_t id)
{
	struct timespec t = { 0 };
	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* x - y, with y read between two readings of x; the narrowest of a few tries. */
static int64_t session_clock_delta(clockid_t x, clockid_t y)
{
	int64_t best = INT64_MAX, ret = 0;
	for (int i = 0; i < 5; i++) {
		int64_t a = session_clock(x), b = session_clock(y), c = session_clock(x);
		if (c - a < best) {
			best = c - a;
			ret = a + (c - a) / 2 - b;
		}
	}
	return ret;
}

/* Between TAI and the wall clock are leap seconds, and nothing but; measured, some nanoseconds more or less. */
static int64_t session_whole_seconds(int64_t ns)
{
	const int64_t second = 1000000000;
	return (ns + (ns < 0 ? -second / 2 : second / 2)) / second * second;
}

static void session_open_output(struct session *s)
{
	const struct session_options *o = s->o;
	s->procs = sym_procs_new((struct sym_options){ .demangle = s->sema.config.cpp_demangle, .lines = s->sema.config.show_debug_info });
	s->out_env = (struct out_env){
		.module = &s->module, .json = o->json, .marks = o->svg || s->sema.config.stack_marks, .film = o->svg ? o->film : NULL, .trunc_trailer = s->sema.config.str_trunc_trailer, .arg = s, .ksym = stack_ksym,
		.no_offsets = !s->sema.config.stack_offsets, .blocks = (enum stack_form)s->sema.config.stack_form,
		.usym = stack_usym, .stack = stack_frames, .frame = stack_frame, .cgroup_path = cgroup_path, .file_number = file_number, .build_id = stack_build_id,
		.wall_minus_boot_ns = session_clock_delta(CLOCK_REALTIME, CLOCK_BOOTTIME),
		.wall_minus_tai_ns = session_whole_seconds(session_clock_delta(CLOCK_REALTIME, CLOCK_TAI)),
	};
	/* By line: for us, whenever the rings are empty. So a flood is written in large pieces, and a single event at once. */
	enum out_cell_form form = o->json ? CELL_JSON : o->csv ? CELL_CSV : CELL_TEXT;
	s->out = (struct out){ .form = form, .tty = isatty(o->out_fd), .ops = o->json ? &out_json_ops : o->csv ? &out_csv_ops : o->folded ? &out_folded_ops : &out_text_ops, .env = &s->out_env, .fd = o->out_fd, .err_fd = o->err_fd,
			       .buffering = o->buffering == SESSION_NONE ? OUT_BUF_NONE : OUT_BUF_FULL, .quiet = o->quiet,
			       .no_warnings = o->no_warnings,
			       .rows = { .contains = s->sema.config.row_contains, .max = s->sema.config.max_rows, .counted = s->sema.config.count_rows } };
}

/* The words that programs read from the head of the data map. */
static void session_fill_header(struct session *s)
{
	uint64_t *w = (uint64_t *)s->data;
	if (!w)
		return;
	w[DW_PID] = (uint64_t)s->pid;
	w[DW_SELF_PID] = (uint64_t)getpid();
	w[DW_CPID] = s->child.pid > 0 ? (uint64_t)s->child.pid : 0;
	w[DW_TAI_DELTA] = (uint64_t)session_clock_delta(CLOCK_TAI, CLOCK_BOOTTIME);
	w[DW_NSDEV] = s->ns_dev;
	w[DW_NSINO] = s->ns_ino;
	w[DW_START_NS] = (uint64_t)session_clock(CLOCK_BOOTTIME);
}

bool session_test_run(struct session *s, int provider, uint64_t signal)
{
	const struct module *m = &s->module;
	bool ok = true;
	for (uint32_t i = 0; i < m->progs.n; i++) {
		for (uint32_t j = 0; j < m->progs.v[i].attach.n; j++) {
			uint32_t at = m->progs.v[i].attach.v[j], ret;
			const struct attach_point *ap = m->attaches.v[at];
			uint64_t ctx[12] = { at };
			if (ap->provider != (enum provider_id)provider || (provider == PROV_SELF && ap->event_id != signal))
				continue;
			int err = sys_prog_test_run(s->prog_fds[i], ctx, sizeof(ctx), &ret);
			if (err) {
				session_refused(s, arena_printf(&s->arena, "Cannot run %.*s", STR_FMT(ap->name)), err);
				ok = false;
			}
			loop_drain(s);
		}
	}
	return ok;
}

static int session_signals(struct session *s)
{
	sigset_t probes;
	sigemptyset(&probes);
	for (uint32_t i = 0; i < s->module.attaches.n; i++)
		if (s->module.attaches.v[i]->provider == PROV_SELF)
			sigaddset(&probes, (int)s->module.attaches.v[i]->event_id);
	int err = signals_open(&s->signals, &probes);
	s->has_signals = true;
	return err;
}

/* What could not be attached: an error, a warning or nothing, as missing_probes says. 0 to go on. */
static int session_judge_attach(struct session *s, int err)
{
	const struct attached *a = &s->attached;
	int mode = s->sema.config.missing_probes;
	bool named = false;
	for (uint32_t i = 0; i < a->failures.n && mode != 2; i++) {
		const struct attach_failure *f = &a->failures.v[i];
		const struct attach_point *ap = s->module.attaches.v[f->attach];
		diag_add(&s->diags, mode ? D_ATTACH_WARN : D_ATTACH, ap->span, STR_FMT(ap->name), f->why ? f->why : strerror(-f->err));
		named = true;
	}
	if (err && !named)
		diag_add(&s->diags, D_SYSTEM, (struct span){ 0 }, "Cannot attach", strerror(-err));
	else if (!a->n_probes && a->failures.n && mode)
		diag_add(&s->diags, D_ATTACH_NONE, (struct span){ 0 });
	bool bad = s->diags.n_errors > 0;
	if (s->diags.list.n)
		session_report(s);
	if (bad)
		s->status = 1;
	return bad ? -EINVAL : 0;
}

static void session_announce(struct session *s)
{
	const struct session_options *o = s->o;
	uint32_t n = s->attached.n_probes, others = o->attached_others & INT32_MAX;
	if (!o->attached_before || o->json || o->csv)
		return;
	n = (n > others ? n - others : 0) >> (o->attached_others >> 31);
	buf_clear(&s->text);
	buf_adds(&s->text, o->attached_before);
	if (o->attached_after)
		buf_addf(&s->text, "%u%s", n, o->attached_after);
	s->out.ops->text(&s->out, OUT_PRINTF, s->text.s, s->text.len);
}

/* What the begin programs have printed comes behind the word that all is attached, where the reference's readers look for it. */
static void session_ready(struct session *s)
{
	struct buf begin = s->out.buf;
	s->out.buf = (struct buf){ 0 };
	s->out.waiting = false;
	s->out.ops->attached(&s->out, s->attached.n_probes);
	if (s->o->notify) {
		out_flush(&s->out);
		session_write(1, "__BPFTRACE_NOTIFY_PROBES_ATTACHED\n", 34);
	}
	buf_add(&s->out.buf, begin.s ? begin.s : "", begin.len);
	s->out.buf.oom |= begin.oom;
	buf_fini(&begin);
	for (uint32_t i = 0; i < s->module.attaches.n && s->attached.n_probes; i++) {
		struct str pin = s->module.attaches.v[i]->pin;
		if (!pin.len || s->o->json)
			continue;
		buf_clear(&s->text);
		buf_addf(&s->text, "Program pinned to %.*s\n", STR_FMT(pin));
		s->out.ops->text(&s->out, OUT_PRINTF, s->text.s, s->text.len);
	}
	session_announce(s);
	event_header(s);
	if (s->o->buffering != SESSION_FULL)
		out_flush(&s->out);
	if (s->o->ready_fd >= 0) {
		session_write(s->o->ready_fd, "ready\n", 6);
		close(s->o->ready_fd);
	}
}

/* Attaching many functions one by one takes seconds. */
static bool session_interrupted(void *arg)
{
	(void)arg;
	return signals_stop();
}

static int session_attach(struct session *s)
{
	int err = cost_open(s);
	if (err)
		return session_refused(s, "Cannot keep --max-cost: no run-time statistics of BPF programs", err);
	s->mmaps = s->procs ? mmaps_open(s) : NULL; /* before the first stack */
	if (s->mmaps && s->o->pid)
		sym_procs_see(s->procs, (uint32_t)s->o->pid); /* it may end with its first event */
	if (!s->o->dry_run && (err = packets_open(s)))
		return err;
	err = probe_attach(&s->arena, s->kern, &s->module, &s->plan, s->prog_fds, s->o->follow ? 0 : s->pid, session_interrupted, NULL, &s->attached);
	if (err == -EINTR) {
		diag_add(&s->diags, D_SYSTEM, (struct span){ 0 }, "Interrupted while attaching",
			 arena_printf(&s->arena, "%u of %u probes were attached", s->attached.n_probes, s->sema.attaches.n));
		session_report(s);
		s->status = 1;
		return err;
	}
	err = session_judge_attach(s, err);
	if (err || s->o->dry_run)
		return err;
	if (s->attached.iter_links.n && (err = iter_start(&s->iter, s->attached.iter_links.v, s->attached.iter_links.n)))
		return session_refused(s, "Cannot read the iterators", err);
	follow_seed(s);
	if (s->child.pid > 0 && (err = child_release(&s->child))) {
		diag_add(&s->diags, D_CHILD, (struct span){ 0 },
			 arena_printf(&s->arena, "'%s' cannot be executed (%s)", s->o->cmd, strerror(-err)));
		session_report(s);
		s->status = 1;
		return err;
	}
	if (s->o->suite)
		return suite_run(s);
	session_ready(s);
	if ((err = sample_open(s)))
		return session_refused(s, err == -ENODATA ? "Cannot show a heat map: no map holds a histogram" : "Cannot set a timer", err);
	err = loop_run(s);
	return err ? session_refused(s, "Cannot wait for events", err) : 0;
}

/* Everything is detached: the end programs, what is still in the rings, the maps, the verdict. */
static void session_finish(struct session *s, bool ran)
{
	if (s->data)
		__atomic_store_n((uint64_t *)s->data + DW_EXITING, 0, __ATOMIC_SEQ_CST); /* end programs do run */
	if (!s->o->dry_run) /* of what came meanwhile nothing is wanted */
		loop_drain(s);
	sample_take(s); /* what has come since the last look */
	if (ran && !s->o->dry_run)
		session_test_run(s, PROV_END, 0);
	if (ran && s->o->suite) {
		faults_summary(s);
		verdict_print(s);
	} else if (ran && !s->o->dry_run) {
		out_rows_end(&s->out);
		if (s->sema.config.print_maps_on_exit || !s->sema.options)
			s->out.ops->end(&s->out); /* the reference's two lines, also before no maps; a tool's output is its own */
		if (s->sema.config.print_maps_on_exit)
			map_print_all(s);
		faults_summary(s);
		verdict_print(s);
		cost_print(s);
	}
	out_flush(&s->out);
	if (s->out.error && s->out.error != -EPIPE) {
		diag_add(&s->diags, D_SYSTEM, (struct span){ 0 }, "Cannot write output", strerror(-s->out.error));
		session_report(s);
		s->status = 1;
	}
}

static void session_run_loaded(struct session *s)
{
	if (session_signals(s)) {
		session_refused(s, "Cannot handle signals", -errno);
		return;
	}
	session_fill_header(s);
	int err = unwind_open(s);
	if (err) {
		session_refused(s, "Cannot make the unwind tables", err);
		return;
	}
	s->out.waiting = !s->o->suite;
	if (!s->o->dry_run && !session_test_run(s, PROV_BEGIN, 0)) {
		session_finish(s, false);
		return;
	}
	bool ran = true;
	if (s->exiting || s->out.error) {
		for (uint32_t i = 0; i < s->plan.steps.n; i++)
			if (s->plan.steps.v[i].how == AM_TEST_RUN)
				s->attached.n_probes += s->plan.steps.v[i].attach.n;
		if (!s->o->dry_run)
			session_ready(s);
	} else {
		ran = !session_attach(s);
	}
	iter_join(&s->iter); /* before its links are closed */
	probe_detach(&s->attached);
	session_finish(s, ran);
}

/* -c and -p */
static int session_process(struct session *s)
{
	const struct session_options *o = s->o;
	const char *why = NULL;
	int err = 0;
	if (o->cmd) {
		err = child_start(&s->child, &s->arena, o->cmd, &why);
		s->pid = s->child.pid;
		if (err)
			diag_add(&s->diags, D_CHILD, (struct span){ 0 }, why);
	} else if (o->pid) {
		err = child_watch(&s->child, o->pid);
		s->pid = o->pid;
		if (err)
			diag_add(&s->diags, D_PID, (struct span){ 0 },
				 arena_printf(&s->arena, "Unable to open pidfd (%s)", strerror(-err)));
	}
	if (err) {
		session_report(s);
		s->status = 1;
	}
	return err;
}

static void session_main(struct session *s)
{
	const struct session_options *o = s->o;
	struct buf text = { 0 };
	int cpus = sys_possible_cpus();
	s->ncpus = cpus > 0 ? (uint32_t)cpus : 1;
	s->pid = o->pid; /* --dump and -l look at the process, too, but do not watch it */
	if (!o->dump && !o->list && !o->check && session_process(s))
		return;
	int err = session_compile(s, &text);
	if (!err && o->list)
		dump_list(s, &text);
	if (!err && o->check && o->verbose && !o->dump)
		dump_plan(s, &text);
	session_write(o->out_fd, text.s, text.len);
	buf_fini(&text);
	if (s->diags.list.n)
		session_report(s);
	if (err)
		s->status = 1;
	if (err || o->dump || o->list || o->check)
		return;
	probe_debug_free(s->debug); /* may be large */
	s->debug = NULL;
	if (!s->module.progs.n) {
		session_write(o->out_fd, "No probes to attach\n", 20);
		s->status = 1;
		return;
	}
	session_open_output(s);
	if (o->verbose) {
		dump_plan(s, &text);
		session_write(o->err_fd, text.s, text.len);
	}
	buf_fini(&text);
	if (session_load(s)) {
		session_report(s);
		s->status = 255;
		return;
	}
	if (!o->explain) {
		session_run_loaded(s);
		return;
	}
	explain_print(s, &text);
	session_write(o->out_fd, text.s, text.len);
	buf_fini(&text);
}

static void session_close(struct session *s)
{
	iter_join(&s->iter); /* before its links are closed */
	probe_detach(&s->attached);
	if (s->epoll_fd >= 0)
		close(s->epoll_fd);
	if (s->has_signals)
		signals_close(&s->signals);
	child_end(&s->child);
	cost_close(s);
	sample_close(s);
	session_unload(s);
	if (s->kern)
		kern_close(s->kern);
	unwind_close(s->unwind);
	mmaps_close(s->mmaps);
	packets_close(s->packets);
	sym_procs_free(s->procs);
	probe_debug_free(s->debug);
	buf_fini(&s->out.buf);
	out_table_fini(&s->out.table);
	out_rows_fini(&s->out.rows);
	buf_fini(&s->text);
	buf_fini(&s->module_name);
	buf_fini(&s->kernel_name);
	buf_fini(&s->module.rodata);
	arena_fini(&s->arena);
}

int session_run(const struct session_options *o)
{
	struct session s = { .o = o, .epoll_fd = -1, .child = { .pidfd = -1, .go = -1, .status = -1 }, .signals = { .fd = -1 },
			     .cost = { .stats = -1, .timer = -1 }, .sample_timer = -1 };
	int status;
	arena_init(&s.arena);
	diags_init(&s.diags, &s.arena);
	if (setjmp(s.oom)) {
		static const char msg[] = "ERROR: out of memory\n";
		session_write(o->err_fd, msg, sizeof(msg) - 1);
		s.status = 1;
	} else {
		s.arena.oom = &s.oom;
		session_main(&s);
	}
	status = s.status ? s.status : s.exiting ? (int)(s.exit_code & 0xff) : 0;
	session_close(&s);
	return status;
}
