/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of tables: alignment, values that are too wide, units, kept rows, chosen ones, stacks, in text, JSON and CSV. */
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

/* Which rows are printed, and how often. */
static void chosen(void)
{
	static const char *const names[] = { "one", "two", "one", "three", "two", "one" };
	struct event ev = event_of("PID:%-4d COMM:%-6s");
	struct run t = start(&out_text_ops, CELL_TEXT);
	t.o.rows = (struct out_rows){ .contains = STR("o"), .max = 4 };
	for (size_t i = 0; i < 6; i++)
		check_true(&c, "the last one is said", out_row(&t.o, &ev, record(7, names[i]), 24) == (i == 4));
	out_rows_end(&t.o);
	take(&t, "four rows with an o", "PID  COMM\n7    one\n7    two\n7    one\n7    two\n");
	struct run r[3] = { start(&out_text_ops, CELL_TEXT), start(&out_json_ops, CELL_JSON), start(&out_csv_ops, CELL_CSV) };
	static const char *const want[] = {
		"PID  COMM\n7    one\n-->COUNT 3\n\n7    two\n-->COUNT 2\n\n7    three\n-->COUNT 1\n\n",
		"{\"type\": \"row\", \"count\": 3, \"data\": {\"PID\": 7, \"COMM\": \"one\"}}\n"
		"{\"type\": \"row\", \"count\": 2, \"data\": {\"PID\": 7, \"COMM\": \"two\"}}\n"
		"{\"type\": \"row\", \"count\": 1, \"data\": {\"PID\": 7, \"COMM\": \"three\"}}\n",
		"PID,COMM,COUNT\n7,one,3\n7,two,2\n7,three,1\n",
	};
	for (int i = 0; i < 3; i++) {
		r[i].o.rows.counted = true;
		for (size_t k = 0; k < 6; k++)
			out_row(&r[i].o, &ev, record(7, names[k]), 24);
		out_rows_end(&r[i].o);
		take(&r[i], "counted", want[i]);
		stop(&r[i]);
	}
	/* More different ones than the first index has room for. */
	r[0] = start(&out_text_ops, CELL_TEXT);
	r[0].o.rows.counted = true;
	for (int64_t i = 0; i < 3000; i++)
		out_row(&r[0].o, &ev, record(i % 1000, "x"), 24);
	check_true(&c, "a thousand different rows", r[0].o.rows.kept.n == 1000 && r[0].o.rows.kept.v[999].n == 3);
	out_rows_fini(&r[0].o.rows);
	take(&r[0], "only the header yet", "PID  COMM\n");
	stop(&r[0]);
	stop(&t);
}

static uint32_t two_frames(void *arg, const struct type *t, uint64_t id, uint64_t *frames)
{
	(void)arg, (void)t;
	frames[0] = id >> STACK_ID_BITS;
	frames[1] = 0x20;
	return 2;
}

static bool one_name(void *arg, bool user, uint32_t pid, uint64_t addr, struct out_frame *ret)
{
	(void)arg, (void)pid;
	*ret = (struct out_frame){ .name = addr == 0x1f ? "main" : user ? "leaf" : "kernel", .offset = 3 };
	return true;
}

/* Stacks below their rows, and maps by stacks as blocks. */
static void stacks(void)
{
	struct type *kstack = type_stack(&a, false, 4, STACK_BPFTRACE), *ustack = type_stack(&a, true, 4, STACK_BPFTRACE);
	struct event ev = { .kind = EV_ROW, .fmt = STR("A:%-3d K:%s B:%s U:%s"), .fixed_size = 48 };
	mk_arg(&a, &ev, type_int(&a, 8, true), 0);
	mk_arg(&a, &ev, kstack, 8);
	mk_arg(&a, &ev, type_int(&a, 8, true), 16);
	mk_arg(&a, &ev, ustack, 24);
	const uint64_t id = 0x10 << STACK_ID_BITS | 2, other = 0x14 << STACK_ID_BITS | 2, rec[] = { 5, id, 6, id, 77, 0 };
	struct run t = start(&out_text_ops, CELL_TEXT);
	env.stack = two_frames;
	env.frame = one_name;
	t.o.ops->row(&t.o, &ev, rec, 48);
	t.o.ops->row(&t.o, &ev, rec, 48);
	take(&t, "stacks below", "A   B\n5   6\n        kernel+3\n        main+4\n        leaf+3\n        main+4\n\n"
				 "5   6\n        kernel+3\n        main+4\n        leaf+3\n        main+4\n\n");
	struct type *key = mk(&a, T_TUPLE, 0);
	mk_add(&a, mk_add(&a, mk_add(&a, mk_add(&a, key, "", type_string(&a, 8)), "", type_int(&a, 8, true)), "", kstack), "", ustack);
	char keys[3][64];
	uint64_t values[] = { 2, 3, 4 };
	struct out_row rows[3];
	for (int i = 0; i < 3; i++) {
		memset(keys[i], 0, sizeof(keys[i]));
		strcpy(keys[i] + key->fields.v[0].offset, "comm");
		put(keys[i], key->fields.v[1].offset, 9, 8);
		put(keys[i], key->fields.v[2].offset, i == 1 ? 0 : id, 8);
		put(keys[i], key->fields.v[3].offset, i == 2 ? other : id, 8); /* another address, the same name */
		rows[i] = (struct out_row){ keys[i], &values[i] };
	}
	struct out_map m = { .name = STR("@"), .key = key, .value = type_int(&a, 8, false), .value_size = 8, .rows = rows, .n = 3 };
	env.blocks = STACKS_DELIMITED;
	env.no_offsets = true;
	t.o.ops->map(&t.o, &m);
	take(&t, "blocks", "  leaf\n  main\n    comm [9]\n    3\n\n  kernel\n  main\n    --\n  leaf\n  main\n    comm [9]\n    6\n\n");
	env.blocks = STACKS_BLOCK;
	m.n = 1;
	m.div = 2;
	t.o.ops->map(&t.o, &m);
	take(&t, "a block", "  kernel\n  main\n  leaf\n  main\n    comm [9]\n    1\n\n");
	env = (struct out_env){ .module = &mod, .trunc_trailer = { "..", 2 } };
	stop(&t);
}

int main(void)
{
	arena_init(&a);
	rows();
	units();
	kept();
	chosen();
	stacks();
	arena_fini(&a);
	return check_end(&c);
}
