/* SPDX-License-Identifier: Apache-2.0 */
/* The two formats as streams: every kind of record on its descriptor, maps, messages, the verdict, and writing itself.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>

#include "make.h"

static struct check c = { .suite = "out" };
static struct arena a;
static struct module mod;
static struct out_env env = { .module = &mod, .trunc_trailer = { "..", 2 } };

/* Results and messages go to two pipes, read back by take(). */
struct run {
	struct out o;
	int out, err;
};

static struct run start(const struct out_ops *ops)
{
	int p[2], e[2];
	if (pipe2(p, O_NONBLOCK) || pipe2(e, O_NONBLOCK))
		abort();
	return (struct run){ .o = { .ops = ops, .env = &env, .fd = p[1], .err_fd = e[1] }, .out = p[0], .err = e[0] };
}

static void take(struct run *r, const char *name, const char *out, const char *err)
{
	char s[65536], label[128];
	ssize_t n;
	out_flush(&r->o);
	n = read(r->out, s, sizeof(s));
	check_bytes(&c, name, out, strlen(out), s, n < 0 ? 0 : (size_t)n);
	n = read(r->err, s, sizeof(s));
	snprintf(label, sizeof(label), "%s, stderr", name);
	check_bytes(&c, label, err, strlen(err), s, n < 0 ? 0 : (size_t)n);
}

static void stop(struct run *r)
{
	close(r->o.fd);
	close(r->o.err_fd);
	close(r->out);
	close(r->err);
	buf_fini(&r->o.buf);
}

/* The same calls in both formats. */
static void texts(void)
{
	static const struct {
		enum out_text_kind kind;
		const char *in, *text, *json;
	} rows[] = {
		{ OUT_PRINTF, "a\tb\n", "a\tb\n", "{\"type\": \"printf\", \"data\": \"a\\tb\\n\"}\n" },
		{ OUT_PRINTF, "\"\\", "\"\\", "{\"type\": \"printf\", \"data\": \"\\\"\\\\\"}\n" },
		{ OUT_PRINTF, "", "", "{\"type\": \"printf\", \"data\": \"\"}\n" },
		{ OUT_PRINTF, "\033[1m", "\033[1m", "{\"type\": \"printf\", \"data\": \"\\u001b[1m\"}\n" },
		{ OUT_TIME, "12:00:00\n", "12:00:00\n", "{\"type\": \"time\", \"data\": \"12:00:00\\n\"}\n" },
		{ OUT_CAT, "x\033\ty\n", "x\\x1b\ty\n", "{\"type\": \"cat\", \"data\": \"x\\u001b\\ty\\n\"}\n" },
		{ OUT_JOIN, "ls -l\n", "ls -l\n", "{\"type\": \"join\", \"data\": \"ls -l\"}\n" },
		{ OUT_SYSTEM, "hi\n\n", "hi\n\n", "{\"type\": \"syscall\", \"data\": \"hi\\n\"}\n" },
	};
	struct run t = start(&out_text_ops), j = start(&out_json_ops);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		t.o.ops->text(&t.o, rows[i].kind, rows[i].in, strlen(rows[i].in));
		take(&t, rows[i].in, rows[i].text, "");
		j.o.ops->text(&j.o, rows[i].kind, rows[i].in, strlen(rows[i].in));
		take(&j, rows[i].in, rows[i].json, "");
	}
	t.o.ops->attached(&t.o, 1);
	take(&t, "attached 1", "", "Attached 1 probe\n");
	t.o.ops->attached(&t.o, 12);
	take(&t, "attached 12", "", "Attached 12 probes\n");
	j.o.ops->attached(&j.o, 1);
	take(&j, "attached, JSON", "{\"type\": \"attached_probes\", \"count\": 1, \"data\": {\"probes\": 1}}\n", "");
	t.o.quiet = j.o.quiet = true;
	t.o.ops->attached(&t.o, 1);
	take(&t, "attached, quiet", "", "");
	j.o.ops->attached(&j.o, 1);
	take(&j, "attached, quiet, JSON", "", "");
	t.o.ops->lost(&t.o, 5);
	take(&t, "lost", "", "Lost 5 events\n");
	j.o.ops->lost(&j.o, 5);
	take(&j, "lost, JSON", "{\"type\": \"lost_events\", \"count\": 5, \"data\": {\"events\": 5}}\n", "");
	t.o.ops->end(&t.o);
	take(&t, "end", "\n\n", "");
	j.o.ops->end(&j.o);
	take(&j, "end, JSON", "", "");

	struct event_arg n = { .type = type_int(&a, 4, true) }, s = { .type = type_string(&a, 8), .packed = true };
	t.o.ops->value(&t.o, &n, "\7\0\0\0", 4);
	take(&t, "value", "7\n", "");
	j.o.ops->value(&j.o, &n, "\7\0\0\0", 4);
	take(&j, "value, JSON", "{\"type\": \"value\", \"data\": 7}\n", "");
	/* a packed string: its length, padding, and its bytes at the end */
	t.o.ops->value(&t.o, &s, "\3\0\0\0\0\0\0\0ab", 11);
	take(&t, "packed value", "ab\n", "");
	j.o.ops->value(&j.o, &s, "\3\0\0\0\0\0\0\0a\n", 11);
	take(&j, "packed value, JSON", "{\"type\": \"value\", \"data\": \"a\\n\"}\n", "");
	t.o.ops->value(&t.o, &s, "\377\377ab", 5);
	take(&t, "packed value that claims too much", "ab\n", "");
	t.o.ops->value(&t.o, &s, "\3", 1);
	take(&t, "packed value without its length", "\n", "");
	stop(&t);
	stop(&j);
}

static void map(const char *name, struct out_map m, const char *text, const char *json)
{
	struct run t = start(&out_text_ops), j = start(&out_json_ops);
	t.o.ops->map(&t.o, &m);
	take(&t, name, text, "");
	j.o.ops->map(&j.o, &m);
	take(&j, name, json, "");
	stop(&t);
	stop(&j);
}

static void maps(void)
{
	struct type *i8 = type_int(&a, 8, true), *str = type_string(&a, 8), *h = mk_hist(&a, 0),
		    *lh = mk_lhist(&a, 0, 10, 5);
	struct type *key = mk_add(&a, mk_add(&a, mk(&a, T_TUPLE, 0), "", str), "", type_int(&a, 1, true));
	struct type *stats = mk_signed(&a, T_STATS, 16), *avg = mk_signed(&a, T_AVG, 16);
	uint64_t one = 1, five = 5, big = INT64_MAX, neg = (uint64_t)-9, st[2] = { 10, 2 },
		 *w = calloc(type_agg_buckets(h), 8);
	uint64_t lw[4] = { 0, 8, 0, 4 };
	struct out_row row = { .value = &five },
		       keyed[2] = { { "a b\0\0\0\0\0\1", &one }, { "\033\"\0\0\0\0\0\0\2", &five } };
	struct out_map m = { .name = STR("@x"), .value = i8, .value_size = 8, .rows = &row, .n = 1 };
	map("scalar", m, "@x: 5\n", "{\"type\": \"map\", \"data\": {\"@x\": 5}}\n");
	row.value = &big;
	map("scalar beyond a double", m, "@x: 9223372036854775807\n",
	    "{\"type\": \"map\", \"data\": {\"@x\": \"9223372036854775807\"}}\n");
	row.value = &neg;
	m.div = 2;
	map("divided", m, "@x: -4\n", "{\"type\": \"map\", \"data\": {\"@x\": -4}}\n");
	m = (struct out_map){
		.name = STR("@"), .key = key, .value = mk_signed(&a, T_COUNT, 8), .value_size = 8, .rows = keyed, .n = 2
	};
	map("keyed", m, "@[a b, 1]: 1\n@[\\x1b\", 2]: 5\n",
	    "{\"type\": \"map\", \"data\": {\"@\": {\"a b,1\": 1, \"\\u001b\\\",2\": 5}}}\n");
	m.n = 0;
	map("keyed, empty", m, "", "");
	struct out_row srow = { .value = st }, skeyed = { "k", st };
	m = (struct out_map){ .name = STR("@s"), .value = stats, .value_size = 16, .rows = &srow, .n = 1, .div = 5 };
	map("stats are not divided", m, "@s: { .count = 2, .average = 5, .total = 10 }\n",
	    "{\"type\": \"stats\", \"data\": {\"@s\": {\"count\": 2, \"average\": 5, \"total\": 10}}}\n");
	m.key = type_string(&a, 2);
	m.rows = &skeyed;
	map("keyed stats", m, "@s[k]: { .count = 2, .average = 5, .total = 10 }\n",
	    "{\"type\": \"stats\", \"data\": {\"@s\": {\"k\": {\"count\": 2, \"average\": 5, \"total\": 10}}}}\n");
	m = (struct out_map){ .name = STR("@a"), .value = avg, .value_size = 16, .rows = &srow, .n = 1, .div = 2 };
	map("divided avg", m, "@a: 2\n", "{\"type\": \"map\", \"data\": {\"@a\": 2}}\n");
	struct out_row hrow = { .value = w }, hkeyed[2] = { { "x\0\0\0\0\0\0\0\1", w }, { "y\0\0\0\0\0\0\0\2", w } };
	m = (struct out_map){
		.name = STR("@h"), .value = h, .value_size = type_agg_buckets(h) * 8, .rows = &hrow, .n = 1
	};
	map("a zeroed histogram", m, "@h:\n\n", "{\"type\": \"hist\", \"data\": {\"@h\": []}}\n");
	w[2] = 4;
#define BAR52 "@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@"
	map("histogram", m, "@h:\n[1]                    4 |" BAR52 "|\n\n",
	    "{\"type\": \"hist\", \"data\": {\"@h\": [{\"min\": 1, \"max\": 1, \"count\": 4}]}}\n");
	m.div = 2;
	map("divided histogram", m, "@h:\n[1]                    2 |" BAR52 "|\n\n",
	    "{\"type\": \"hist\", \"data\": {\"@h\": [{\"min\": 1, \"max\": 1, \"count\": 2}]}}\n");
	m.div = 0;
	m.key = key;
	m.rows = hkeyed;
	m.n = 2;
	map("keyed histogram", m,
	    "@h[x, 1]:\n[1]                    4 |" BAR52 "|\n\n@h[y, 2]:\n[1]                    4 |" BAR52 "|\n\n",
	    "{\"type\": \"hist\", \"data\": {\"@h\": {\"x,1\": [{\"min\": 1, \"max\": 1, \"count\": 4}], "
	    "\"y,2\": [{\"min\": 1, \"max\": 1, \"count\": 4}]}}}\n");
	struct out_row lrow = { .value = lw };
	m = (struct out_map){ .name = STR("@l"), .value = lh, .value_size = 32, .rows = &lrow, .n = 1, .div = 4 };
	map("a linear histogram is not divided", m,
	    "@l:\n[0, 5)                 8 |" BAR52
	    "|\n[5, 10)                0 |                                                    |\n"
	    "[10, ...)              4 |@@@@@@@@@@@@@@@@@@@@@@@@@@                          |\n\n",
	    "{\"type\": \"hist\", \"data\": {\"@l\": [{\"min\": 0, \"max\": 4, \"count\": 8},{\"min\": 5, \"max\": 9, "
	    "\"count\": 0},"
	    "{\"min\": 10, \"count\": 4}]}}\n");
	free(w);
}

static void messages(void)
{
	struct diags d;
	diags_init(&d, &a);
	const char *src = "begin {\n\t$x = f();\n}\n";
	diags_add_source(&d, STR("stdin"), str_of(src));
	struct span sp = { 15, 18 }, none = { 0, 0 };
	struct run t = start(&out_text_ops), j = start(&out_json_ops);
	t.o.ops->message(&t.o, EV_ERRORF, &d, sp, "boo 1", 5);
	take(&t, "errorf", "", "stdin:2:7-10: ERROR: boo 1\n");
	t.o.ops->message(&t.o, EV_WARNF, &d, sp, "boo\n", 4);
	take(&t, "warnf with a newline of its own", "", "stdin:2:7-10: WARNING: boo\n");
	t.o.ops->message(&t.o, EV_RUNTIME, &d, sp, "Map full", 8);
	take(&t, "runtime", "", "stdin:2:7-10: WARNING: Map full\n    $x = f();\n         ~~~\n");
	t.o.ops->message(&t.o, EV_ERRORF, &d, none, "no place", 8);
	take(&t, "a message from nowhere", "", "ERROR: no place\n");
	t.o.ops->message(&t.o, EV_RUNTIME, &d, (struct span){ 1, 14 }, "two lines", 9);
	take(&t, "a message about two lines", "", "stdin:1-2: WARNING: two lines\nbegin {\n\t$x = f();\n");
	j.o.ops->message(&j.o, EV_ERRORF, &d, sp, "boo \"1\"", 7);
	take(&j, "errorf, JSON",
	     "{\"type\": \"errorf\", \"msg\": \"boo \\\"1\\\"\", \"filename\": \"stdin\", \"line\": 2, \"col\": 7}\n",
	     "");
	j.o.ops->message(&j.o, EV_WARNF, &d, sp, "w", 1);
	take(&j, "warnf, JSON",
	     "{\"type\": \"warnf\", \"msg\": \"w\", \"filename\": \"stdin\", \"line\": 2, \"col\": 7}\n", "");
	j.o.ops->message(&j.o, EV_RUNTIME, &d, none, "r", 1);
	take(&j, "runtime, JSON", "{\"type\": \"runtime_error\", \"msg\": \"r\"}\n", "");
	t.o.no_warnings = j.o.no_warnings = true;
	t.o.ops->message(&t.o, EV_WARNF, &d, sp, "w", 1);
	t.o.ops->message(&t.o, EV_RUNTIME, &d, sp, "w", 1);
	take(&t, "no warnings", "", "");
	j.o.ops->message(&j.o, EV_WARNF, &d, sp, "w", 1);
	take(&j, "no warnings, JSON", "", "");
	t.o.ops->message(&t.o, EV_ERRORF, &d, sp, "e", 1);
	take(&t, "errors are not warnings", "", "stdin:2:7-10: ERROR: e\n");
	stop(&t);
	stop(&j);
}

static void verdict(void)
{
	struct run t = start(&out_text_ops), j = start(&out_json_ops);
	struct out_verdict v = { 0 };
	t.o.ops->verdict(&t.o, &v);
	take(&t, "nothing to say", "", "");
	j.o.ops->verdict(&j.o, &v);
	take(&j, "nothing to say, JSON", "", "");
	v.n[LOSS_MAP] = 84;
	t.o.ops->verdict(&t.o, &v);
	take(&t, "map full", "", "sonde: 84 map updates were refused: the map was full (raise max_map_keys)\n");
	v = (struct out_verdict){ .n = { [LOSS_RING] = 1 } };
	t.o.ops->verdict(&t.o, &v);
	take(&t, "one event", "", "sonde: 1 event was lost: the ring was full (raise perf_rb_pages, or print less)\n");
	v = (struct out_verdict){ .n = { [LOSS_ATTACH] = 1 } };
	vec_push(&a, &v.attach, "kprobe:x\033: Permission denied");
	t.o.ops->verdict(&t.o, &v);
	take(&t, "one probe", "", "sonde: 1 probe did not attach: kprobe:x\\x1b: Permission denied\n");
	vec_push(&a, &v.attach, "uprobe:y: no such symbol");
	for (int i = 0; i < LOSS_COUNT; i++)
		v.n[i] = 2;
	t.o.ops->verdict(&t.o, &v);
	take(&t, "everything", "",
	     "sonde: 2 events were lost: the ring was full (raise perf_rb_pages, or print less)\n"
	     "sonde: 2 map updates were refused: the map was full (raise max_map_keys)\n"
	     "sonde: 2 reads of user memory failed: their values are empty or 0\n"
	     "sonde: 2 reads of kernel memory failed: their values are empty or 0\n"
	     "sonde: 2 events were skipped: they came while other ones were being handled on the same CPU (nested)\n"
	     "sonde: 2 returns of functions were missed: the kernel remembers only so many calls at once (fexit has no such limit)\n"
	     "sonde: 2 probes did not attach:\nsonde:   kprobe:x\\x1b: Permission denied\nsonde:   uprobe:y: no such "
	     "symbol\n"
	     "sonde: 2 divisions by zero: their results are 1\n"
	     "sonde: 2 array indices were out of bounds: their results are 0\n"
	     "sonde: 2 loops were cut short: the kernel bounds how long a loop may run\n"
	     "sonde: 2 stacks were lost: they could not be walked, or there were too many different ones (raise max_map_keys)\n"
	     "sonde: 2 user stacks were walked by frame pointers, for programs or libraries had just been met: frames may be missing\n"
	     "sonde: 2 user stacks end early: memory of the process could not be read\n"
	     "sonde: 2 child processes were not traced: there were too many at once (--follow: raise max_map_keys)\n");
	v.n[LOSS_MAP] = 84;
	struct out_verdict unknown = { .n = { [LOSS_SKIP] = 1 }, .skips_unknown = true }, silent = { .skips_unknown = true };
	t.o.ops->verdict(&t.o, &silent);
	take(&t, "nothing known, nothing said", "", "");
	silent.verbose = true;
	t.o.ops->verdict(&t.o, &silent);
	take(&t, "nothing known, but asked", "", "sonde: events that came while another one was being handled on the same CPU are not counted by "
	     "this kernel (before 6.7): there may have been some\n");
	t.o.ops->verdict(&t.o, &unknown);
	take(&t, "one known, others perhaps", "", "sonde: 1 event was skipped: it came while another one was being handled on the same CPU (nested)\n"
	     "sonde: events that came while another one was being handled on the same CPU are not counted by this kernel (before 6.7): there may "
	     "have been some\n");
	j.o.ops->verdict(&j.o, &v);
	take(&j, "everything, JSON",
	     "{\"type\": \"verdict\", \"data\": {\"ring_full\": 2, \"map_full\": 84, \"user_reads_failed\": 2, "
	     "\"kernel_reads_failed\": 2, "
	     "\"skipped\": 2, \"returns_missed\": 2, \"not_attached\": 2, \"divisions_by_zero\": 2, \"out_of_bounds\": 2, \"loops_cut\": 2, \"stacks\": 2, \"unwind_tables_missing\": 2, \"stacks_cut\": 2, \"children_not_traced\": 2, \"skips_counted\": true, "
	     "\"attach\": [\"kprobe:x\\u001b: Permission denied\",\"uprobe:y: no such symbol\"]}}\n",
	     "");
	stop(&t);
	stop(&j);
}

static int pending(int fd)
{
	int n = -1;
	return ioctl(fd, FIONREAD, &n) ? -1 : n;
}

static void *slow_reader(void *arg)
{
	int fd = *(int *)arg;
	size_t total = 0;
	char s[4096];
	for (;;) {
		ssize_t n = read(fd, s, sizeof(s));
		if (n == 0)
			return (void *)total;
		if (n < 0)
			usleep(500);
		else
			total += (size_t)n;
	}
}

static void on_alarm(int sig)
{
}

static void writing(void)
{
	struct run r = start(&out_text_ops);
	r.o.buffering = OUT_BUF_LINE;
	r.o.ops->text(&r.o, OUT_PRINTF, "ab", 2);
	CHECK(&c, pending(r.out) == 0);
	r.o.ops->text(&r.o, OUT_PRINTF, "c\n", 2);
	CHECK(&c, pending(r.out) == 4);
	take(&r, "line buffering", "abc\n", "");
	r.o.buffering = OUT_BUF_NONE;
	r.o.ops->text(&r.o, OUT_PRINTF, "a", 1);
	CHECK(&c, pending(r.out) == 1);
	take(&r, "no buffering", "a", "");
	r.o.buffering = OUT_BUF_FULL;
	r.o.ops->text(&r.o, OUT_PRINTF, "a\n", 2);
	CHECK(&c, pending(r.out) == 0);
	r.o.ops->attached(&r.o, 1);
	CHECK(&c, pending(r.out) == 2); /* a message flushes what came before it */
	take(&r, "full buffering", "a\n", "Attached 1 probe\n");

	/* A non-blocking pipe with a slow reader, and a signal every millisecond: short writes, EAGAIN, EINTR. Nothing
	 * is lost. */
	struct sigaction sa = { .sa_handler = on_alarm }, old;
	pthread_t reader;
	sigset_t alrm;
	void *total;
	sigemptyset(&alrm);
	sigaddset(&alrm, SIGALRM);
	sigaction(SIGALRM, &sa, &old);
	pthread_sigmask(SIG_BLOCK, &alrm, NULL);
	pthread_create(&reader, NULL, slow_reader, &r.out);
	pthread_sigmask(SIG_UNBLOCK, &alrm, NULL);
	ualarm(1000, 1000);
	char line[1000];
	memset(line, 'x', sizeof(line));
	for (int i = 0; i < 3000; i++)
		r.o.ops->text(&r.o, OUT_PRINTF, line, sizeof(line));
	out_flush(&r.o);
	ualarm(0, 0);
	sigaction(SIGALRM, &old, NULL);
	close(r.o.fd);
	pthread_join(reader, &total);
	CHECK(&c, (size_t)total == 3000 * sizeof(line));
	CHECK(&c, r.o.error == 0);
	close(r.out);
	close(r.err);
	close(r.o.err_fd);
	buf_fini(&r.o.buf);

	/* The reader goes away. */
	signal(SIGPIPE, SIG_IGN);
	r = start(&out_text_ops);
	r.o.buffering = OUT_BUF_LINE;
	close(r.out);
	r.o.ops->text(&r.o, OUT_PRINTF, "a\n", 2);
	CHECK(&c, r.o.error == -EPIPE);
	r.o.ops->text(&r.o, OUT_PRINTF, "a\n", 2);
	CHECK(&c, r.o.error == -EPIPE);
	CHECK(&c, r.o.buf.len == 0);
	r.o.ops->attached(&r.o, 1); /* messages still come */
	char s[64];
	CHECK(&c, read(r.err, s, sizeof(s)) == 17);
	close(r.err);
	r.o.ops->attached(&r.o, 1); /* and their reader may go away, too */
	CHECK(&c, r.o.error == -EPIPE);
	close(r.o.fd);
	close(r.o.err_fd);
	buf_fini(&r.o.buf);

	int full = open("/dev/full", O_WRONLY);
	struct out o = { .ops = &out_json_ops, .env = &env, .fd = full, .err_fd = full };
	o.ops->text(&o, OUT_PRINTF, "a\n", 2);
	out_flush(&o);
	CHECK(&c, full < 0 || o.error == -ENOSPC);
	close(full);
	buf_fini(&o.buf);
}

int main(void)
{
	texts();
	maps();
	messages();
	verdict();
	writing();
	arena_fini(&a);
	return check_end(&c);
}
