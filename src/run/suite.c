/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --test and --bench: the program's test: or bench: probes, run one after the other, and a report (reference 5.6, 5.7).
 *
 * A test passes when it returned 0, did not exit() with another code, and reported no errorf(). What it printed is shown when it failed.
 * A benchmark is run until it has taken a millisecond in all, by the kernel's own figures of the program's run time.
 */
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "run/run.h"

enum { BENCH_NS = 1000000, BENCH_RUNS = 100000000 };

struct suite_case {
	uint32_t prog, attach;
	bool passed;
	uint64_t ns;
};

static uint64_t suite_now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static int suite_once(struct session *s, const struct suite_case *c)
{
	uint64_t ctx[12] = { c->attach };
	uint32_t ret;
	return sys_prog_test_run(s->prog_fds[c->prog], ctx, sizeof(ctx), &ret);
}

static void suite_line(struct session *s, const char *text)
{
	buf_adds(&s->out.buf, text);
	buf_addc(&s->out.buf, '\n');
	out_flush(&s->out);
}

/* "[       OK ] name (5 μs)" */
static void suite_result(struct session *s, const struct suite_case *c, const char *name)
{
	static const struct { uint64_t ns; const char *unit; } units[] = { { 1000000000, "s" }, { 1000000, "ms" }, { 1000, "μs" }, { 1, "ns" } };
	size_t u = 0;
	while (u < 3 && c->ns < units[u].ns)
		u++;
	suite_line(s, arena_printf(&s->arena, "%s %s (%llu %s)", c->passed ? "[       OK ]" : "[  FAILED  ]", name,
				   (unsigned long long)(c->ns / units[u].ns), units[u].unit));
}

static void suite_json(struct session *s, const struct suite_case *c, const char *name, const char *output, size_t n)
{
	struct buf *b = &s->out.buf;
	buf_adds(b, "{\"type\": \"test_result\", \"data\": {\"");
	buf_add_json(b, name, strlen(name));
	buf_addf(b, "\": {\"duration\": %llu, \"passed\": %s, \"output\": \"", (unsigned long long)c->ns, c->passed ? "true" : "false");
	buf_add_json(b, output, n);
	buf_adds(b, "\"}}}");
	suite_line(s, "");
}

/* One test, its output aside. */
static void suite_test(struct session *s, struct suite_case *c)
{
	const char *name = s->module.attaches.v[c->attach]->func.s;
	struct out before = s->out;
	uint64_t *w = (uint64_t *)s->data;
	int fd = memfd_create("output", MFD_CLOEXEC);
	char *text = NULL;
	off_t size = 0;
	s->out = (struct out){ .ops = &out_text_ops, .env = before.env, .fd = fd < 0 ? before.fd : fd, .err_fd = fd < 0 ? before.err_fd : fd,
			       .buffering = OUT_BUF_FULL, .quiet = true, .no_warnings = before.no_warnings, .form = CELL_TEXT };
	s->n_errors = 0;
	if (w)
		w[DW_RESULT] = 0;
	uint64_t begun = suite_now();
	int err = suite_once(s, c);
	c->ns = suite_now() - begun;
	loop_drain(s);
	out_flush(&s->out);
	c->passed = !err && !s->n_errors && !(w && w[DW_RESULT]) && !(s->exiting && s->exit_code);
	buf_fini(&s->out.buf);
	s->out = before;
	if (fd >= 0 && (size = lseek(fd, 0, SEEK_END)) > 0 && (text = malloc((size_t)size)) && pread(fd, text, (size_t)size, 0) != size)
		size = 0;
	if (fd >= 0)
		close(fd);
	s->exiting = false;
	s->exit_code = 0;
	if (w)
		__atomic_store_n(&w[DW_EXITING], 0, __ATOMIC_SEQ_CST);
	if (s->o->json) {
		suite_json(s, c, name, text ? text : "", text ? (size_t)size : 0);
	} else {
		if (!c->passed && text && size > 0)
			buf_add(&s->out.buf, text, (size_t)size);
		suite_result(s, c, name);
	}
	free(text);
}

static const char *suite_tests_word(struct session *s, uint32_t n)
{
	return arena_printf(&s->arena, "%u %s", n, n == 1 ? "test" : "tests");
}

static void suite_tests(struct session *s, struct suite_case *v, uint32_t n)
{
	uint32_t failed = 0;
	bool text = !s->o->json;
	if (text)
		suite_line(s, arena_printf(&s->arena, "[==========] Running %s.", suite_tests_word(s, n)));
	for (uint32_t i = 0; i < n; i++) {
		if (text)
			suite_line(s, arena_printf(&s->arena, "[ RUN      ] %s", s->module.attaches.v[v[i].attach]->func.s));
		suite_test(s, &v[i]);
		failed += !v[i].passed;
	}
	if (failed)
		s->status = 1;
	if (!text)
		return;
	suite_line(s, arena_printf(&s->arena, "[==========] %s ran.", suite_tests_word(s, n)));
	suite_line(s, arena_printf(&s->arena, "[  PASSED  ] %s.", suite_tests_word(s, n - failed)));
	if (failed)
		suite_line(s, arena_printf(&s->arena, "[  FAILED  ] %s, listed below:", suite_tests_word(s, failed)));
	for (uint32_t i = 0; failed && i < n; i++)
		if (!v[i].passed)
			suite_line(s, arena_printf(&s->arena, "[  FAILED  ] %s", s->module.attaches.v[v[i].attach]->func.s));
}

/* Average ns of a run; *ret_n runs were made. */
static uint64_t suite_bench(struct session *s, const struct suite_case *c, uint64_t *ret_n)
{
	struct sys_prog_info a = { 0 }, b = { 0 };
	uint64_t n = 0, step = 1000;
	sys_prog_info(s->prog_fds[c->prog], &a);
	do {
		for (uint64_t i = 0; i < step && !s->out.error; i++, n++)
			if (suite_once(s, c))
				return *ret_n = 0;
		loop_drain(s);
		if (sys_prog_info(s->prog_fds[c->prog], &b))
			break;
		uint64_t spent = b.run_time_ns - a.run_time_ns;
		step = spent && spent < BENCH_NS ? n * (BENCH_NS / spent > 10 ? 10 : 1) : step;
	} while (b.run_time_ns - a.run_time_ns < BENCH_NS && n < BENCH_RUNS && !s->out.error && !signals_stop());
	*ret_n = n;
	return b.run_cnt > a.run_cnt ? (b.run_time_ns - a.run_time_ns) / (b.run_cnt - a.run_cnt) : 0;
}

static void suite_benchmarks(struct session *s, struct suite_case *v, uint32_t n)
{
	int width = 40, stats = sys_enable_stats();
	for (uint32_t i = 0; i < n; i++) {
		int len = (int)s->module.attaches.v[v[i].attach]->func.len;
		width = len > width ? len : width;
	}
	if (!s->o->json) {
		struct buf line = { 0 };
		suite_line(s, arena_printf(&s->arena, "%-*s%-15sIterations", width + 1, "Benchmark", "Time(ns)"));
		buf_pad(&line, '-', width + 1 + 15 + 10);
		suite_line(s, line.s ? line.s : "");
		buf_fini(&line);
	}
	for (uint32_t i = 0; i < n; i++) {
		const char *name = s->module.attaches.v[v[i].attach]->func.s;
		uint64_t runs, ns = suite_bench(s, &v[i], &runs);
		if (s->o->json) {
			buf_adds(&s->out.buf, "{\"type\": \"benchmark_result\", \"data\": {\"");
			buf_add_json(&s->out.buf, name, strlen(name));
			suite_line(s, arena_printf(&s->arena, "\": {\"average\": %llu, \"iters\": %llu}}}", (unsigned long long)ns,
						   (unsigned long long)runs));
		} else {
			suite_line(s, arena_printf(&s->arena, "%-*s%-15llu%llu", width + 1, name, (unsigned long long)ns, (unsigned long long)runs));
		}
		if (!runs)
			s->status = 1;
	}
	if (stats >= 0)
		close(stats);
}

int suite_run(struct session *s)
{
	bool tests = s->o->suite == SESSION_TESTS;
	enum provider_id want = tests ? PROV_TEST : PROV_BENCH;
	const struct module *m = &s->module;
	VEC(struct suite_case) v = { 0 };
	for (uint32_t i = 0; i < m->progs.n; i++)
		for (uint32_t k = 0; k < m->progs.v[i].attach.n; k++)
			if (m->attaches.v[m->progs.v[i].attach.v[k]]->provider == want)
				vec_push(&s->arena, &v, ((struct suite_case){ .prog = i, .attach = m->progs.v[i].attach.v[k] }));
	if (tests)
		suite_tests(s, v.v, v.n);
	else
		suite_benchmarks(s, v.v, v.n);
	return 0;
}
