/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of tables: alignment, values that are too wide, units, kept rows, in text, JSON and CSV. */
#include <fcntl.h>

#include "make.h"

static struct check c = { .suite = "out" };
static struct arena a;
static struct module mod;
static struct out_env env = { .module = &mod, .trunc_trailer = { "..", 2 } };

struct run {
	struct out o;
	int out;
};

static struct run start(const struct out_ops *ops, enum out_cell_form form)
{
	int p[2];
	if (pipe2(p, O_NONBLOCK))
		abort();
	return (struct run){ .o = { .ops = ops, .env = &env, .fd = p[1], .err_fd = p[1], .form = form }, .out = p[0] };
}

static void take(struct run *r, const char *name, const char *want)
{
	char s[65536];
	out_flush(&r->o);
	ssize_t n = read(r->out, s, sizeof(s));
	check_bytes(&c, name, want, strlen(want), s, n < 0 ? 0 : (size_t)n);
}

static void stop(struct run *r)
{
	close(r->o.fd);
	close(r->out);
	buf_fini(&r->o.buf);
	out_table_fini(&r->o.table);
}

/* Records of one s64 and one string of 16 bytes. */
static struct event event_of(const char *fmt)
{
	struct event ev = { .kind = EV_ROW, .fmt = str_of(fmt), .fixed_size = 24 };
	mk_arg(&a, &ev, type_int(&a, 8, true), 0);
	mk_arg(&a, &ev, type_string(&a, 16), 8);
	return ev;
}

static const void *record(int64_t x, const char *s)
{
	static char r[24];
	memset(r, 0, sizeof(r));
	memcpy(r, &x, 8);
	memcpy(r + 8, s, strnlen(s, 16));
	return r;
}

static void rows(void)
{
	struct event ev = event_of("PID:%-4d COMM:%-6s"), ev2 = event_of("LAT(ms):%8.2{ms}  NAME:%-5.3s");
	struct run t = start(&out_text_ops, CELL_TEXT), j = start(&out_json_ops, CELL_JSON), v = start(&out_csv_ops, CELL_CSV);
	t.o.ops->row(&t.o, &ev, NULL, 0);
	take(&t, "header alone", "PID  COMM\n");
	t.o.ops->row(&t.o, &ev, record(7, "init"), 24);
	take(&t, "row", "7    init\n");
	t.o.ops->row(&t.o, &ev, record(123456, "x"), 24);
	take(&t, "a wide value", "123456 x\n");
	t.o.ops->row(&t.o, &ev, record(-1, ""), 24);
	take(&t, "no blanks at the end", "-1\n");
	t.o.ops->row(&t.o, &ev, record(1, "\033[1m"), 24);
	take(&t, "escaped", "1    \\x1b[1m\n");
	t.o.ops->row(&t.o, &ev2, record(1234567, "abcdef"), 24);
	take(&t, "another table", " LAT(ms)  NAME\n    1.23  abc\n");
	t.o.ops->row(&t.o, &ev2, record(-5000, "\xc3\xa4\xc3\xb6\xc3\xbc\xc3\x9f"), 24);
	take(&t, "rounding, characters", "   -0.01  \xc3\xa4\xc3\xb6\xc3\xbc\n");
	t.o.ops->row(&t.o, &ev2, record(-4999, "a"), 24);
	take(&t, "no minus zero", "    0.00  a\n");
	t.o.ops->row(&t.o, &ev2, record(7, "a"), 3);
	take(&t, "a short record", "    0.00\n");
	t.o.ops->screen(&t.o);
	t.o.ops->row(&t.o, &ev2, record(1500000, "a"), 24);
	t.o.ops->screen(&t.o);
	t.o.tty = true;
	t.o.ops->screen(&t.o);
	take(&t, "screens", " LAT(ms)  NAME\n    1.50  a\n\n\033[H\033[J");
	j.o.ops->row(&j.o, &ev, NULL, 0);
	j.o.ops->screen(&j.o);
	j.o.ops->row(&j.o, &ev, record(INT64_MAX, "a\"b"), 24);
	j.o.ops->row(&j.o, &ev2, record(1500000, "abcd"), 24);
	take(&j, "JSON", "{\"type\": \"row\", \"data\": {\"PID\": \"9223372036854775807\", \"COMM\": \"a\\\"b\"}}\n"
			 "{\"type\": \"row\", \"data\": {\"LAT(ms)\": 1.50, \"NAME\": \"abcd\"}}\n");
	v.o.ops->row(&v.o, &ev, record(1, "a,\"b"), 24);
	v.o.ops->row(&v.o, &ev, record(2, "plain"), 24);
	take(&v, "CSV", "PID,COMM\n1,\"a,\"\"b\"\n2,plain\n");
	stop(&t);
	stop(&j);
	stop(&v);
}

static void units(void)
{
	static const struct {
		const char *fmt;
		int64_t x;
		const char *want;
	} table[] = {
		{ "A:%d", -5, "A\n-5\n" },
		{ "A:%.3{s}", 1999999999, "A\n2.000\n" },
		{ "A:%{s}", 1999999999, "A\n1\n" },
		{ "A:%.0{s}", 1999999999, "A\n2\n" },
		{ "A:%6.1{K}", 1536, "     A\n   1.5\n" },
		{ "A:%.2{/100}", 9999, "A\n99.99\n" },
		{ "A:%.9{s}", INT64_MIN, "A\n-9223372036.854775808\n" },
		{ "READ_HIT%:%.1{G}", 1 << 30, "READ_HIT%\n      1.0\n" },
		{ "A:%04o", 8, "   A\n0010\n" },
		{ "A:%x", -1, "A\nffffffffffffffff\n" },
		{ "A:%-6x B:%s", 255, "A      B\nff     z\n" },
		{ "TO:%-9(%d:%s)X:%s", 80, "TO       X\n80:z\n" },
	};
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct run t = start(&out_text_ops, CELL_TEXT);
		struct event ev = event_of(table[i].fmt);
		t.o.ops->row(&t.o, &ev, record(table[i].x, "z"), 24);
		take(&t, table[i].fmt, table[i].want);
		stop(&t);
	}
}

static void kept(void)
{
	struct event ev = { .kind = EV_RANK, .fmt = STR("NAME:%-4s N:%d"), .fixed_size = 32 };
	mk_arg(&a, &ev, type_int(&a, 8, true), 0);
	mk_arg(&a, &ev, type_string(&a, 16), 8);
	mk_arg(&a, &ev, type_int(&a, 8, true), 24);
	static const struct { int64_t key; const char *s; } in[] = { { 5, "five" }, { -7, "min" }, { 9, "nine-is-long" }, { 5, "five2" } };
	struct run r[3] = { start(&out_text_ops, CELL_TEXT), start(&out_json_ops, CELL_JSON), start(&out_csv_ops, CELL_CSV) };
	static const char *const all[] = {
		"NAME          N\nnine-is-long  9\nfive          5\nfive2         5\nmin          -7\n",
		"{\"type\": \"table\", \"data\": [{\"NAME\": \"nine-is-long\", \"N\": 9}, {\"NAME\": \"five\", \"N\": 5}, {\"NAME\": \"five2\", \"N\": 5}, "
		"{\"NAME\": \"min\", \"N\": -7}]}\n",
		"NAME,N\nnine-is-long,9\nfive,5\nfive2,5\nmin,-7\n",
	}, *const two[] = {
		"NAME         N\nnine-is-long 9\nfive         5\n",
		"{\"type\": \"table\", \"data\": [{\"NAME\": \"nine-is-long\", \"N\": 9}, {\"NAME\": \"five\", \"N\": 5}]}\n",
		"nine-is-long,9\nfive,5\n",
	}, *const none[] = { "NAME N\n", "{\"type\": \"table\", \"data\": []}\n", "" };
	for (int i = 0; i < 3; i++) {
		for (uint64_t n = 0; n < 4; n += 2) {
			for (size_t k = 0; k < 4; k++) {
				char rec[32];
				memcpy(rec, record(in[k].key, in[k].s), 24);
				memcpy(rec + 24, &in[k].key, 8);
				check_true(&c, "kept", out_table_keep(&r[i].o, &ev, rec, 32) == 0);
			}
			out_table_sort(&r[i].o.table);
			r[i].o.ops->table(&r[i].o, &ev, n);
			out_table_clear(&r[i].o.table);
			take(&r[i], "kept rows", n ? two[i] : all[i]);
		}
		r[i].o.ops->table(&r[i].o, &ev, 0);
		take(&r[i], "no rows", none[i]);
		stop(&r[i]);
	}
}

int main(void)
{
	arena_init(&a);
	rows();
	units();
	kept();
	arena_fini(&a);
	return check_end(&c);
}
