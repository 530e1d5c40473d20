/* SPDX-License-Identifier: Apache-2.0 */
/* Every kind of value as text and as JSON (language reference 5.1, 5.6), whole and cut short. */
#include "make.h"

static struct check c = { .suite = "out" };
static struct arena a;
static struct module mod;
static struct out_env env = { .module = &mod, .trunc_trailer = { "..", 2 } };
static struct buf b;

static void both(const char *name, const struct type *t, const void *p, uint32_t n, const char *text, const char *json)
{
	char label[128];
	/* The bytes lie at the end of a block of their own: reading on is found by the sanitiser. */
	void *copy = malloc(n ? n : 1);
	memcpy(copy, p, n);
	out_value_text(&env, t, n ? copy : NULL, n, false, &b);
	snprintf(label, sizeof(label), "%s, text", name);
	check_text(&c, label, text, &b);
	out_value_json(&env, t, n ? copy : NULL, n, &b);
	snprintf(label, sizeof(label), "%s, JSON", name);
	check_text(&c, label, json, &b);
	free(copy);
}

static void ints(void)
{
	static const struct {
		uint32_t size;
		bool sg;
		uint64_t x;
		const char *text, *json;
	} rows[] = {
		{ 1, true, 0x80, "-128", "-128" }, { 1, false, 0x80, "128", "128" }, { 2, true, 0xffff, "-1", "-1" },
		{ 2, false, 0xffff, "65535", "65535" }, { 4, true, 0x80000000, "-2147483648", "-2147483648" },
		{ 4, false, 0xffffffff, "4294967295", "4294967295" }, { 8, true, 0, "0", "0" },
		{ 8, true, INT64_MAX, "9223372036854775807", "\"9223372036854775807\"" },
		{ 8, true, 1ull << 63, "-9223372036854775808", "-9223372036854775808" },
		{ 8, true, (1ull << 63) + 1, "-9223372036854775807", "\"-9223372036854775807\"" },
		{ 8, false, 1ull << 63, "9223372036854775808", "9223372036854775808" },
		{ 8, false, UINT64_MAX, "18446744073709551615", "\"18446744073709551615\"" },
		{ 8, false, (1ull << 53) - 1, "9007199254740991", "9007199254740991" },
		{ 8, false, 1ull << 53, "9007199254740992", "9007199254740992" },
		{ 8, false, (1ull << 53) + 1, "9007199254740993", "\"9007199254740993\"" },
		{ 8, false, (1ull << 53) + 2, "9007199254740994", "9007199254740994" },
		{ 8, true, (uint64_t)-((1ll << 53) + 1), "-9007199254740993", "\"-9007199254740993\"" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		both(rows[i].text, type_int(&a, rows[i].size, rows[i].sg), &rows[i].x, rows[i].size, rows[i].text,
		     rows[i].json);
	both("int, short by a byte", type_int(&a, 4, true), "\1\1\1", 3, "0", "0");
	both("int, no bytes", type_int(&a, 8, true), "", 0, "0", "0");
	both("true", type_bool(&a), "\1", 1, "true", "true");
	both("any non-zero byte is true", type_bool(&a), "\200", 1, "true", "true");
	both("false", type_bool(&a), "\0", 1, "false", "false");
	both("none", type_none(&a), "", 0, "null", "null");
	struct type *p = type_ptr(&a, type_int(&a, 4, true), AS_KERNEL);
	both("pointer", p, "\0\20\201\200\377\377\377\377", 8, "0xffffffff80811000", "18446744071570526208");
	both("null pointer", p, "\0\0\0\0\0\0\0\0", 8, "0x0", "0");
	struct type *e = mk_signed(&a, T_ENUM, 4);
	vec_push(&a, &e->values, ((struct enum_value){ STR("RED"), 3 }));
	vec_push(&a, &e->values, ((struct enum_value){ STR("NEGATIVE"), -2 }));
	both("enum", e, "\3\0\0\0", 4, "RED", "3");
	both("enum, negative", e, "\376\377\377\377", 4, "NEGATIVE", "-2");
	both("enum, unknown", e, "\7\0\0\0", 4, "7", "7");
}

static void strings(void)
{
	struct type *s8 = type_string(&a, 8);
	both("string", s8, "abc\0zzzz", 8, "abc", "\"abc\"");
	both("empty string", s8, "\0abcdefg", 8, "", "\"\"");
	both("string that fills its type", s8, "abcdefgh", 8, "abcdefgh..", "\"abcdefgh..\"");
	both("string of a shorter record", s8, "abc", 3, "abc", "\"abc\"");
	both("string without bytes", s8, "", 0, "", "\"\"");
	struct type *s = type_string(&a, 64);
#define S(name, bytes, text, json) both(name, s, bytes, sizeof(bytes), text, "\"" json "\"")
	S("space and punctuation", " !\"'\\/<>&~", " !\"'\\/<>&~", " !\\\"'\\\\/<>&~");
	S("newline, tab, return", "a\nb\tc\rd", "a\\x0ab\\x09c\\x0dd", "a\\nb\\tc\\rd");
	S("escape sequence", "\033[2J\007", "\\x1b[2J\\x07", "\\u001b[2J\\u0007");
	S("other C0", "\001\010\013\014\037", "\\x01\\x08\\x0b\\x0c\\x1f", "\\u0001\\u0008\\u000b\\u000c\\u001f");
	S("DEL", "\177", "\\x7f", "\\u007f");
	S("C1 in UTF-8", "\302\233" "31m", "\\xc2\\x9b31m", "\\u009b31m");
	S("C1 as a byte", "\233" "31m", "\\x9b31m", "\\u009b31m");
	S("letters of UTF-8", "\303\251\342\202\254\360\237\220\247", "\303\251\342\202\254\360\237\220\247",
	  "\303\251\342\202\254\360\237\220\247");
	S("first letter beyond C1", "\302\240", "\302\240", "\302\240");
	S("overlong slash", "\300\257", "\\xc0\\xaf", "\\u00c0\\u00af");
	S("overlong escape, 3 bytes", "\340\200\233", "\\xe0\\x80\\x9b", "\\u00e0\\u0080\\u009b");
	S("overlong, 4 bytes", "\360\200\200\233", "\\xf0\\x80\\x80\\x9b", "\\u00f0\\u0080\\u0080\\u009b");
	S("surrogate", "\355\240\200", "\\xed\\xa0\\x80", "\\u00ed\\u00a0\\u0080");
	S("beyond Unicode", "\364\220\200\200", "\\xf4\\x90\\x80\\x80", "\\u00f4\\u0090\\u0080\\u0080");
	S("last of Unicode", "\364\217\277\275", "\364\217\277\275", "\364\217\277\275");
	S("bytes that never occur", "\376\377", "\\xfe\\xff", "\\u00fe\\u00ff");
	S("a sequence cut by the end", "x\342\202", "x\\xe2\\x82", "x\\u00e2\\u0082");
	S("a sequence cut by a letter", "\342\202x", "\\xe2\\x82x", "\\u00e2\\u0082x");
	S("bidi override", "\342\200\256gpj", "\\xe2\\x80\\xaegpj", "\\u202egpj");
	S("bidi embedding", "\342\200\252\342\200\253\342\200\254\342\200\255",
	  "\\xe2\\x80\\xaa\\xe2\\x80\\xab\\xe2\\x80\\xac\\xe2\\x80\\xad", "\\u202a\\u202b\\u202c\\u202d");
	S("bidi isolate", "\342\201\246\342\201\251", "\\xe2\\x81\\xa6\\xe2\\x81\\xa9", "\\u2066\\u2069");
	S("direction marks", "\342\200\216\342\200\217\330\234", "\\xe2\\x80\\x8e\\xe2\\x80\\x8f\\xd8\\x9c",
	  "\\u200e\\u200f\\u061c");
	S("zero width", "\342\200\213\342\200\215\357\273\277", "\\xe2\\x80\\x8b\\xe2\\x80\\x8d\\xef\\xbb\\xbf",
	  "\\u200b\\u200d\\ufeff");
	S("line and paragraph", "\342\200\250\342\200\251", "\\xe2\\x80\\xa8\\xe2\\x80\\xa9", "\\u2028\\u2029");
	S("invisible tags", "\363\240\201\201", "\\xf3\\xa0\\x81\\x81", "\\udb40\\udc41");
#undef S
	out_value_text(&env, s, "a\033\n", 4, true, &b);
	check_text(&c, "the script's own literal passes", "a\033\n", &b);
	struct type *buf = type_buffer(&a, 4 + 8);
	both("buffer", buf, "\4\0\0\0a\0\377~zzzz", 12, "a\\x00\\xff~", "[97,0,-1,126]");
	both("buffer, empty", buf, "\0\0\0\0zzzzzzzz", 12, "", "[]");
	both("buffer that claims more than its type", buf, "\377\377\377\377abcdefgh", 12, "abcdefgh",
	     "[97,98,99,100,101,102,103,104]");
	both("buffer that claims more than there is", buf, "\10\0\0\0ab", 6, "ab", "[97,98]");
	both("buffer without its length", buf, "\10\0", 2, "", "[]");
}

static void composites(void)
{
	struct type *i1 = type_int(&a, 1, true), *i8 = type_int(&a, 8, true), *i4 = type_int(&a, 4, true);
	both("array", type_array(&a, type_int(&a, 2, true), 3), "\1\0\377\377\3\0", 6, "[1,-1,3]", "[1,-1,3]");
	both("array, cut", type_array(&a, i4, 3), "\1\0\0\0\2\0\0\0", 8, "[1,2]", "[1,2]");
	both("array, no bytes", type_array(&a, i4, 0xffffff), "", 0, "[]", "[]");
	both("array of arrays", type_array(&a, type_array(&a, i1, 2), 2), "\1\2\3\4", 4, "[[1,2],[3,4]]",
	     "[[1,2],[3,4]]");
	struct type *in = mk_add(&a, mk_add(&a, mk(&a, T_TUPLE, 0), "", i1), "", i1);
	struct type *t = mk(&a, T_TUPLE, 0);
	mk_add(&a, mk_add(&a, mk_add(&a, mk_add(&a, t, "", i8), "", type_string(&a, 2)), "", in), "", type_bool(&a));
	const char tb[16] = "\1\0\0\0\0\0\0\0a\0\2\3\1";
	both("tuple", t, tb, 16, "(1, a, (2, 3), true)", "[1,\"a\",[2,3],true]");
	both("tuple, cut", t, tb, 9, "(1, a, (0, 0), false)", "[1,\"a\",[0,0],false]");
	both("tuple, no bytes", t, tb, 0, "(0, , (0, 0), false)", "[0,\"\",[0,0],false]");
	both("tuple of one", mk_add(&a, mk(&a, T_TUPLE, 0), "", i1), "\1", 1, "(1)", "[1]");
	struct type *r = mk_add(&a, mk_add(&a, mk(&a, T_RECORD, 0), "a", i1), "b", type_string(&a, 2));
	both("record", r, "\1x", 3, "{ .a = 1, .b = x }", "{\"a\": 1, \"b\": \"x\"}");
	both("no fields", mk(&a, T_STRUCT, 0), "", 0, "{}", "{}");

	/* struct { int x; char c[4]; unsigned char u[4]; struct { void *p; } in; void *ptr; enum e e; bool b; } */
	struct type *sub = mk_add(&a, mk(&a, T_STRUCT, 0), "p", type_ptr(&a, i4, AS_KERNEL));
	struct type *s = mk(&a, T_STRUCT, 0);
	mk_add(&a, mk_add(&a, mk_add(&a, s, "x", i4), "c", type_string(&a, 4)), "u",
	       type_array(&a, type_int(&a, 1, false), 4));
	mk_add(&a, mk_add(&a, s, "in", sub), "ptr", type_ptr(&a, i4, AS_KERNEL));
	mk_add(&a, mk_add(&a, s, "e", mk_signed(&a, T_ENUM, 4)), "b", type_bool(&a));
	both("struct", s, (char[48]){ 0 }, 48,
	     "{ .x = 0, .c = , .u = [0,0,0,0], .in = { .p = 0x0 }, .ptr = 0x0, .e = 0, .b = false }",
	     "{\"x\": 0, \"c\": \"\", \"u\": [0,0,0,0], \"in\": {\"p\": 0}, \"ptr\": 0, \"e\": 0, \"b\": false}");

	/* bit-fields: unsigned lo : 3, mid : 5; signed hi : 4 */
	struct type *bits = mk(&a, T_STRUCT, 4);
	vec_push(&a, &bits->fields,
		 ((struct field){ .name = STR("lo"), .type = type_int(&a, 4, false), .bit_size = 3 }));
	vec_push(
	    &a, &bits->fields,
	    ((struct field){ .name = STR("mid"), .type = type_int(&a, 4, false), .bit_offset = 3, .bit_size = 5 }));
	vec_push(&a, &bits->fields, ((struct field){ .name = STR("hi"), .type = i4, .bit_offset = 8, .bit_size = 4 }));
	both("bit-fields", bits, "\xad\x0e\0\0", 4, "{ .lo = 5, .mid = 21, .hi = -2 }",
	     "{\"lo\": 5, \"mid\": 21, \"hi\": -2}");

	/* members of an anonymous union stand among the others */
	struct type *un = mk(&a, T_STRUCT, 4), *outer = mk(&a, T_STRUCT, 8);
	un->is_union = true;
	vec_push(&a, &un->fields, ((struct field){ .name = STR("i"), .type = i4 }));
	vec_push(&a, &un->fields, ((struct field){ .name = STR("b"), .type = i1 }));
	vec_push(&a, &outer->fields, ((struct field){ .name = STR("k"), .type = i4 }));
	vec_push(&a, &outer->fields, ((struct field){ .type = un, .offset = 4 }));
	both("anonymous union", outer, "\1\0\0\0\2\1\0\0", 8, "{ .k = 1, .i = 258, .b = 2 }",
	     "{\"k\": 1, \"i\": 258, \"b\": 2}");

	/* a tracepoint's dynamic string: offset 8, length 3 */
	struct type *dyn = mk(&a, T_STRUCT, 8);
	vec_push(&a, &dyn->fields,
		 ((struct field){ .name = STR("n"), .type = type_string(&a, 0), .offset = 4, .data_loc = true }));
	both("data_loc", dyn, "\0\0\0\0\10\0\3\0hi\0x", 12, "{ .n = hi }", "{\"n\": \"hi\"}");
	both("data_loc beyond the record", dyn, "\0\0\0\0\20\0\377\377hi", 10, "{ .n =  }", "{\"n\": \"\"}");

	/* unions within unions within ...: ends, and soon */
	struct type *deep = i1;
	for (int i = 0; i < 40; i++) {
		struct type *u = mk(&a, T_STRUCT, 1);
		for (int j = 0; j < 10; j++)
			vec_push(&a, &u->fields, ((struct field){ .name = STR("x"), .type = deep }));
		deep = u;
	}
	out_value_text(&env, deep, "\1", 1, false, &b);
	check_true(&c, "nesting without end is cut", b.len > 0 && b.len < (64 << 20));
	buf_fini(&b);
}

static bool sym_of(void *arg, uint64_t addr, struct buf *ret)
{
	if (addr != 0x1000)
		return false;
	buf_adds(ret, "do_\033it");
	return true;
}
static bool usym_of(void *arg, uint64_t addr, uint32_t pid, struct buf *ret)
{
	if (addr != 0x1000)
		return false;
	buf_addf(ret, "main@%u", pid);
	return true;
}
/* Every stack has the frames 0x1000, 0x2000, 0x3000; functions f1 (or u1@PID) lie at 0x1000 to 0x1fff. */
static uint32_t stack_of(void *arg, const struct type *t, uint64_t id, uint64_t *frames)
{
	for (uint32_t i = 0; i < 3 && i < t->count; i++)
		frames[i] = 0x1000 * (i + 1);
	return t->count < 3 ? t->count : 3;
}

static bool frame_of(void *arg, bool user, uint32_t pid, uint64_t addr, struct out_frame *ret)
{
	static char name[32];
	if (addr < 0x1000 || addr >= 0x2000)
		return false;
	snprintf(name, sizeof(name), user ? "u1@%u\033" : "f1", pid);
	*ret = (struct out_frame){ .name = name, .module = "[mod]", .offset = addr - 0x1000 };
	return true;
}

static bool cgroup_of(void *arg, uint64_t id, struct str filter, struct buf *ret)
{
	if (id != 7)
		return false;
	buf_adds(ret, "unified:/a b");
	return true;
}

static void names(void)
{
	struct type *inet = mk(&a, T_INET, 24), *mac = mk(&a, T_MAC, 6);
	char ip[24] = { 2 }, ip6[24] = { 10 };
	memcpy(ip + 8, "\177\0\0\1", 4);
	ip6[23] = 1;
	both("IPv4", inet, ip, 24, "127.0.0.1", "\"127.0.0.1\"");
	both("IPv6", inet, ip6, 24, "::1", "\"::1\"");
	memcpy(ip6 + 8, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\xca\xfe\0\x01", 16);
	both("IPv6, long", inet, ip6, 24, "2001:db8::cafe:1", "\"2001:db8::cafe:1\"");
	both("address of no family", inet, (char[24]){ 0 }, 24, "", "\"\"");
	both("address, cut", inet, ip, 10, "", "\"\"");
	both("mac", mac, "\0\x1a\xff\x02\x03\xcd", 6, "00:1A:FF:02:03:CD", "\"00:1A:FF:02:03:CD\"");
	both("mac of zeros", mac, "\0\0\0\0\0\0", 6, "00:00:00:00:00:00", "\"00:00:00:00:00:00\"");

	struct type *ksym = type_new(&a, T_KSYM, 8, 8), *usym = mk(&a, T_USYM, 16), *cg = mk(&a, T_CGROUP_PATH, 16);
	both("ksym without a table", ksym, "\5\0\0\0\0\0\0\0", 8, "0x5", "\"0x5\"");
	both("ksym of 0", ksym, "\0\0\0\0\0\0\0\0", 8, "0", "\"0\"");
	env.ksym = sym_of;
	env.usym = usym_of;
	env.cgroup_path = cgroup_of;
	both("ksym", ksym, "\0\x10\0\0\0\0\0\0", 8, "do_\\x1bit", "\"do_\\u001bit\"");
	both("ksym, unknown", ksym, "\5\0\0\0\0\0\0\0", 8, "0x5", "\"0x5\"");
	both("usym", usym, "\0\x10\0\0\0\0\0\0\x2a\0\0\0\0\0\0\0", 16, "main@42", "\"main@42\"");
	both("usym, unknown", usym, "\1\x10\0\0\0\0\0\0\x2a\0\0\0\0\0\0\0", 16, "0x1001", "\"0x1001\"");
	both("cgroup path", cg, "\0\0\0\0\0\0\0\0\7\0\0\0\0\0\0\0", 16, "unified:/a b", "\"unified:/a b\"");
	both("cgroup path, unknown", cg, "\0\0\0\0\0\0\0\0\x8\0\0\0\0\0\0\0", 16, "8", "\"8\"");
	struct type *user = type_new(&a, T_USERNAME, 8, 8);
	both("username", user, "\0\0\0\0\0\0\0\0", 8, "root", "\"root\"");
	both("username, none", user, "\xfe\xff\xff\x7e\0\0\0\0", 8, "2130706430", "\"2130706430\"");

	struct attach_point ap = { .name = STR("interval:us:1000000") };
	vec_push(&a, &mod.attaches, &ap);
	struct type *probe = type_new(&a, T_PROBE, 4, 4);
	both("probe", probe, "\0\0\0\0", 4, "interval:us:1000000", "\"interval:us:1000000\"");
	both("probe out of range", probe, "\1\0\0\0", 4, "1", "\"1\"");

	/* 1700000000 s = 2023-11-14 22:13:20 UTC */
	setenv("TZ", "UTC", 1);
	env.wall_minus_boot_ns = 1700000000000000000;
	env.wall_minus_tai_ns = -37000000000;
	vec_push(&a, &mod.strings, STR("%Y-%m-%d %H:%M:%S.%f"));
	vec_push(&a, &mod.strings, STR("%l|%k|%%f|%"));
	struct type *ts = mk(&a, T_TIMESTAMP, 16);
	char p[16] = { 0 };
	put(p, 8, 1002003004, 8);
	both("timestamp", ts, p, 16, "2023-11-14 22:13:21.002003", "\"2023-11-14 22:13:21.002003\"");
	p[0] = 1;
	both("timestamp, parts of a second", ts, p, 16, "002|002003004|%f|%", "\"002|002003004|%f|%\"");
	p[0] = 0;
	p[4] = CLOCK_MODE_SW_TAI;
	put(p, 8, 1700000037000000000, 8);
	both("timestamp of tai", ts, p, 16, "2023-11-14 22:13:20.000000", "\"2023-11-14 22:13:20.000000\"");
	p[0] = 9;
	both("timestamp of an unknown format", ts, p, 16, "1700000000000000000", "\"1700000000000000000\"");
	out_strftime("%H:%M:%S\n", -1, false, &b);
	check_text(&c, "a time before 1970", "23:59:59\n", &b);
	out_strftime("%f", -1, false, &b);
	check_text(&c, "its part of a second", "999999", &b);
	out_strftime("%", 0, false, &b);
	check_text(&c, "a lone %", "%", &b);
	out_strftime("", 0, false, &b);
	check_text(&c, "an empty format", "", &b);
	out_strftime("\033\n", 0, true, &b);
	check_text(&c, "a format that is not trusted", "\\x1b\n", &b);
	char many[3001];
	memset(many, 'x', 3000);
	many[3000] = 0;
	out_strftime(many, 0, false, &b);
	check_text(&c, "a long format", many, &b);
	/* without the callbacks a stack has no frames */
	struct type *ks = type_stack(&a, false, 8, STACK_BPFTRACE), *us = type_stack(&a, true, 8, STACK_BPFTRACE);
	both("kernel stack without frames", ks, "\0\0\0\0\0\0\0\0", 8, "\n", "\"\\n\"");
	both("kernel stack, lost", ks, "\3\x10\0\0\0\0\0\0", 8, "\n        <lost>\n", "\"\\n        <lost>\\n\"");
	env.stack = stack_of;
	both("kernel stack without names", ks, "\3\x10\0\0\0\0\0\0", 8, "\n        0x1000\n        0x2000\n        0x3000\n",
	     "\"\\n        0x1000\\n        0x2000\\n        0x3000\\n\"");
	env.frame = frame_of;
	/* the first is the place itself; those behind are return addresses: 0x2000 stands behind a call in the function before it */
	both("kernel stack", ks, "\3\x10\0\0\0\0\0\0", 8, "\n        f1+0\n        f1+4096\n        0x3000\n",
	     "\"\\n        f1+0\\n        f1+4096\\n        0x3000\\n\"");
	both("user stack", us, "\2\x10\0\0\0\0\0\0\x2a\0\0\0\0\0\0\0", 16, "\n        u1@42\\x1b+0\n        u1@42\\x1b+4096\n",
	     "\"\\n        u1@42\\u001b+0\\n        u1@42\\u001b+4096\\n\"");
	ks->stack_mode = us->stack_mode = STACK_PERF;
	both("kernel stack, perf", ks, "\3\x10\0\0\0\0\0\0", 8,
	     "\n\t1000 f1+0 ([mod])\n\t2000 f1+4096 ([mod])\n\t3000 0x3000 ([kernel.kallsyms])\n",
	     "\"\\n\\t1000 f1+0 ([mod])\\n\\t2000 f1+4096 ([mod])\\n\\t3000 0x3000 ([kernel.kallsyms])\\n\"");
	both("user stack, perf", us, "\1\x10\0\0\0\0\0\0\x2a\0\0\0\0\0\0\0", 16, "\n\t1000 u1@42\\x1b+0 ([mod])\n",
	     "\"\\n\\t1000 u1@42\\u001b+0 ([mod])\\n\"");
	ks->stack_mode = STACK_RAW;
	both("kernel stack, raw", ks, "\2\x10\0\0\0\0\0\0", 8, "\n1000\n2000\n", "\"\\n1000\\n2000\\n\"");
	both("a stack that was cut", us, "\2\x10\0\0", 4, "\n", "\"\\n\"");
}

static void aggregations(void)
{
	uint64_t w[2] = { 10, 3 }, neg[2] = { (uint64_t)-10, 3 }, unset[2] = { (uint64_t)INT64_MAX, 0 };
	both("count", mk_signed(&a, T_COUNT, 8), neg, 8, "18446744073709551606", "\"18446744073709551606\"");
	both("sum", mk_signed(&a, T_SUM, 8), neg, 8, "-10", "-10");
	both("unsigned sum", mk(&a, T_SUM, 8), w, 8, "10", "10");
	both("min", mk_signed(&a, T_MIN, 16), neg, 16, "-10", "-10");
	both("min that was never set", mk_signed(&a, T_MIN, 16), unset, 16, "0", "0");
	both("max", mk(&a, T_MAX, 16), w, 16, "10", "10");
	both("avg", mk_signed(&a, T_AVG, 16), neg, 16, "-3", "-3");
	both("unsigned avg", mk(&a, T_AVG, 16), w, 16, "3", "3");
	both("avg of nothing", mk(&a, T_AVG, 16), (uint64_t[2]){ 0, 0 }, 16, "0", "0");
	both("avg of the smallest", mk_signed(&a, T_AVG, 16), (uint64_t[2]){ 1ull << 63, UINT64_MAX }, 16, "0", "0");
	both("stats", mk_signed(&a, T_STATS, 16), (uint64_t[2]){ 5, 1 }, 16, "{ .count = 1, .average = 5, .total = 5 }",
	     "{\"count\": 1, \"average\": 5, \"total\": 5}");
	both("stats of nothing", mk_signed(&a, T_STATS, 16), w, 0, "{ .count = 0, .average = 0, .total = 0 }",
	     "{\"count\": 0, \"average\": 0, \"total\": 0}");
}

static void key(const char *name, const struct type *t, const void *p, const char *want)
{
	void *copy = malloc(t->size);
	memcpy(copy, p, t->size);
	out_key_text(&env, t, copy, &b);
	check_text(&c, name, want, &b);
	free(copy);
}

static void keys(void)
{
	struct type *i1 = type_int(&a, 1, true), *i8 = type_int(&a, 8, true);
	key("key", i1, "\377", "-1");
	struct type *t =
	    mk_add(&a, mk_add(&a, mk_add(&a, mk(&a, T_TUPLE, 0), "", i8), "", type_string(&a, 2)), "", type_bool(&a));
	key("tuple key", t, "\1\0\0\0\0\0\0\0x\0\1\0\0\0\0\0", "1, x, true");
	struct type *in = mk_add(&a, mk_add(&a, mk(&a, T_TUPLE, 0), "", i1), "", i1);
	key("tuple in a tuple key", mk_add(&a, mk_add(&a, mk(&a, T_TUPLE, 0), "", in), "", i1), "\1\2\3", "(1, 2), 3");
	key("string key", type_string(&a, 4), "\033a\n", "\\x1ba\\x0a");
	key("mac key", mk(&a, T_MAC, 6), "\0\0\0\0\0\0", "00:00:00:00:00:00");
}

int main(void)
{
	ints();
	strings();
	composites();
	names();
	aggregations();
	keys();
	buf_fini(&b);
	arena_fini(&a);
	return check_end(&c);
}
