/* SPDX-License-Identifier: Apache-2.0 */
/* printf to the byte (language reference 4.3 and appendix C), and join. */
#include "make.h"

static struct check c = { .suite = "out" };
static struct arena a;
static struct out_env env = { .trunc_trailer = { "..", 2 } };
static struct buf b;

/* One format, one 64-bit integer as each of its arguments (at most 10). */
static void num(const char *fmt, const int64_t *x, uint32_t n, const char *want)
{
	struct event ev = { .kind = EV_PRINTF, .fmt = str_of(fmt), .fixed_size = 8 * n };
	for (uint32_t i = 0; i < n; i++)
		mk_arg(&a, &ev, type_int(&a, 8, true), 8 * i);
	out_format(&env, &ev, x, 8 * n, &b);
	check_text(&c, fmt, want, &b);
}
#define N(fmt, want, ...) num(fmt, (const int64_t[]){ __VA_ARGS__ }, sizeof((int64_t[]){ __VA_ARGS__ }) / 8, want)

/* One format, one argument of any type. */
static void one(const char *fmt, struct type *t, const void *p, uint32_t n, const char *want)
{
	struct event ev = { .kind = EV_PRINTF, .fmt = str_of(fmt), .fixed_size = n };
	void *copy = malloc(n ? n : 1);
	memcpy(copy, p, n);
	mk_arg(&a, &ev, t, 0);
	out_format(&env, &ev, copy, n, &b);
	check_text(&c, fmt, want, &b);
	free(copy);
}

static void integers(void)
{
	N("%d", "42", 42);
	N("[%5d|%-5d|%05d|%+d|%#x|%o|%c|%hhd|%hx]", "[   42|42   |00042|+42|0xff|10|A|44|1170]", 42, 42, 42, 42, 255, 8,
	  65, 300, 70000);
	N("%d %x %lx", "-1 ffffffff ffffffffff", 0xffffffffff, 0xffffffffff, 0xffffffffff);
	N("%p %p", "0xdead 0", 0xdead, 0);
	N("%u %lu %llu", "4294967295 18446744073709551615 18446744073709551615", -1, -1, -1);
	N("%i|%li|%lld|%jd|%zd|%td", "-2|-2|-2|-2|-2|-2", -2, -2, -2, -2, -2, -2);
	N("%d", "-2147483648", 0x80000000);
	N("%ld", "2147483648", 0x80000000);
	N("%hd|%hu|%hhu|%hhx", "-1|65535|255|ff", -1, -1, -1, -1);
	N("%X|%#X|%#o|%#x", "FF|0XFF|010|0", 255, 255, 8, 0);
	N("%lo", "1777777777777777777777", -1);
	N("%05d|%-05d|%+05d|%#06x", "-0042|-42  |+0042|0x00ff", -42, -42, 42, 255);
	N("% d", "7", 7);
	N("%*d", "5", 5);
	N("%.2d|%.*d", "5|6", 5, 6);
	N("%8lx|%-8lx|%08lx", "      ff|ff      |000000ff", 255, 255, 255);
	N("%18p|%-18p|", "            0xdead|0xdead            |", 0xdead, 0xdead);
	N("%3c|%-3c|", "  A|A  |", 65, 66 - 1);
	N("%c", "\\x1b", 27);
	N("%c", "\\x9b", 0x9b);
	N("%c", "B", 0x142);
	N("%s %5s|%-5s|%05s", "-3    -3|-3   |000-3", -3, -3, -3, -3);
	one("%d", type_bool(&a), "\1", 1, "1");
	one("%s", type_bool(&a), "\1", 1, "true");
	one("%x", type_int(&a, 1, true), "\377", 1, "ffffffff");
	one("%x", type_int(&a, 1, false), "\377", 1, "ff");
	one("%d", type_int(&a, 4, false), "\377\377\377\377", 4, "-1");
	one("%lld", type_int(&a, 4, false), "\377\377\377\377", 4, "4294967295");
	one("%lx", type_ptr(&a, type_int(&a, 4, true), AS_USER), "\1\2\3\4\5\6\7\10", 8, "807060504030201");
	one("%s", type_ptr(&a, type_int(&a, 4, true), AS_USER), "\1\2\0\0\0\0\0\0", 8, "0x201");
	struct type *e = type_new(&a, T_ENUM, 4, 4);
	vec_push(&a, &e->values, ((struct enum_value){ STR("RED"), 3 }));
	one("%s", e, "\3\0\0\0", 4, "RED");
	one("%d", e, "\3\0\0\0", 4, "3");
	one("%d", mk(&a, T_AVG, 16), "\11\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0", 16, "4");
}

static void literals(void)
{
	N("%z\n", "%z\n");
	N("100%", "100%");
	N("%% %d%%", "% 5%", 5);
	N("%5%|", "%|");
	N("%0-5d %d", "%0-5d 7", 7);
	N("%q%d", "%q7", 7);
	N("%.d %d", "%.d 7", 7);
	N("%l", "%l");
	N("", "");
	N("%d %d", "1 %d", 1);
	N("%f %d", "%f 1", 1);
	N("\033[1m%d\t\n", "\033[1m1\t\n", 1);
	struct event huge = { .kind = EV_PRINTF, .fmt = STR("%1000000000000000000000d"), .fixed_size = 8 };
	mk_arg(&a, &huge, type_int(&a, 8, true), 0);
	out_format(&env, &huge, "\1\0\0\0\0\0\0", 8, &b);
	check_true(&c, "an absurd width does not exhaust memory",
		   b.len > 1000 && b.len <= 1 << 20 && b.s[b.len - 1] == '1');
	buf_clear(&b);
}

static void strings(void)
{
	struct type *s = type_string(&a, 16);
	one("%.2s", s, "abcdef", 7, "abcdef");
	one("[%8s|", s, "abc", 4, "[     abc|");
	one("[%-8s|", s, "abc", 4, "[abc     |");
	one("[%08s|", s, "abc", 4, "[00000abc|");
	one("[%2s|", s, "abc", 4, "[abc|");
	one("[%6s|", s, "\033", 2, "[  \\x1b|");
	one("%s\n", s, "a\nb", 4, "a\\x0ab\n");
	one("%s", type_string(&a, 4), "abcd", 4, "abcd..");
	one("%d", s, "abc", 4, "!{invalid integer conversion: string[16]}");
	struct type *buf = type_buffer(&a, 12);
	const char bytes[] = "\3\0\0\0a\1b";
	one("%r", buf, bytes, 7, "a\\x01b");
	one("%rx", buf, bytes, 7, "\\x61\\x01\\x62");
	one("%rh", buf, bytes, 7, "61 01 62");
	one("%s", buf, bytes, 7, "a\\x01b");
	one("%10rh|", buf, bytes, 7, "  61 01 62|");
	one("%rq", buf, bytes, 7, "a\\x01bq");
	struct type *i = type_int(&a, 1, true);
	struct type *t = mk_add(&a, mk_add(&a, mk(&a, T_TUPLE, 0), "", i), "", type_string(&a, 2));
	one("%s", t, "\1a", 3, "(1, a)");
	one("%10s", t, "\1a", 3, "         (1, a)");
	one("%s", mk_add(&a, mk(&a, T_RECORD, 0), "a", i), "\1", 1, "{ .a = 1 }");
	one("%s", mk(&a, T_MAC, 6), "\1\2\3\4\5\6", 6, "01:02:03:04:05:06");
}

static void gfp(void)
{
	N("%gr", "0", 0);
	N("%gr", "GFP_KERNEL", 0xcc0);
	N("%gr", "GFP_KERNEL|__GFP_ZERO", 0xdc0);
	N("%gr", "GFP_KERNEL_ACCOUNT", 0x400cc0);
	N("%gr", "GFP_ATOMIC", 0x820);
	N("%gr", "GFP_NOWAIT", 0x2800);
	N("%gr", "GFP_NOFS", 0xc40);
	N("%gr", "GFP_NOIO", 0xc00);
	N("%gr", "GFP_USER", 0x100cc0);
	N("%gr", "GFP_HIGHUSER", 0x100cc2);
	N("%gr", "GFP_HIGHUSER_MOVABLE", 0x100cca);
	N("%gr", "GFP_HIGHUSER_MOVABLE|__GFP_ZERO", 0x2100dca);
	N("%gr", "GFP_TRANSHUGE_LIGHT", 0x1c20ca);
	N("%gr", "GFP_TRANSHUGE", 0x1c24ca);
	N("%gr", "GFP_DMA|GFP_DMA32", 5);
	N("%gr", "__GFP_KSWAPD_RECLAIM", 0x800);
	N("%gr", "__GFP_COMP|0x8", 0x40008);
	N("%gr", "0x8000000", 0x8000000);
	N("%20gr|", "          GFP_KERNEL|", 0xcc0);
}

/* Strings packed behind the fixed part: u16 lengths, bytes in argument order. */
static void packed(void)
{
	struct event ev = { .kind = EV_PRINTF, .fmt = STR("%s|%d|%s|%s\n"), .fixed_size = 16 };
	struct type *s = type_string(&a, 8);
	vec_push(&a, &ev.args, ((struct event_arg){ .type = s, .offset = 0, .packed = true }));
	vec_push(&a, &ev.args, ((struct event_arg){ .type = type_int(&a, 4, true), .offset = 4 }));
	vec_push(&a, &ev.args, ((struct event_arg){ .type = s, .offset = 8, .packed = true }));
	vec_push(&a, &ev.args, ((struct event_arg){ .type = s, .offset = 10, .packed = true, .trusted = true }));
	char p[64] = { 0 };
	uint32_t at = 16;
	put(p, 0, 3, 2);
	put(p, 4, 77, 4);
	put(p, 8, 8, 2);
	put(p, 10, 3, 2);
	memcpy(p + at, "ab\0", 3), at += 3;
	memcpy(p + at, "12345678", 8), at += 8;
	memcpy(p + at, "\033x", 3), at += 3;
	static const struct {
		uint32_t len;
		const char *want;
	} rows[] = {
		{ 30, "ab|77|12345678..|\033x\n" },
		{ 29, "ab|77|12345678..|\033x\n" },
		{ 28, "ab|77|12345678..|\033\n" },
		{ 22, "ab|77|123|\n" },
		{ 17, "a|77||\n" },
		{ 16, "|77||\n" },
		{ 7, "|0||\n" },
		{ 1, "|0||\n" },
		{ 0, "|0||\n" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char name[40], *copy = malloc(rows[i].len ? rows[i].len : 1);
		memcpy(copy, p, rows[i].len);
		out_format(&env, &ev, copy, rows[i].len, &b);
		snprintf(name, sizeof(name), "packed strings, %u bytes", rows[i].len);
		check_text(&c, name, rows[i].want, &b);
		free(copy);
	}
	put(p, 0, 0xffff, 2); /* the first string claims everything */
	out_format(&env, &ev, p, 30, &b);
	check_text(&c, "a packed length beyond the record", "ab|77||\n", &b);
}

static void join(void)
{
	struct event ev = { .kind = EV_JOIN, .fmt = STR(", ") };
#define J(name, bytes, want) (out_join(&env, &ev, bytes, sizeof(bytes) - 1, &b), check_text(&c, name, want, &b))
	J("join", "ls\0-l\0/tmp\0", "ls, -l, /tmp");
	J("join of one", "ls\0", "ls");
	J("join of none", "", "");
	J("join with an empty string", "a\0\0b\0", "a, , b");
	J("join without the last NUL", "a\0bc", "a, bc");
	J("join escapes", "\033[2J\0\n\0", "\\x1b[2J, \\x0a");
#undef J
	env.json = true;
	out_join(&env, &ev, "\033\0a", 4, &b);
	check_text(&c, "join leaves escaping to JSON", "\033, a", &b);
	one("%s|%3c|", type_int(&a, 1, true), "\33", 1, "27|%3c|");
	one("%s", type_string(&a, 4), "\033\n", 3, "\033\n");
	env.json = false;
}

int main(void)
{
	integers();
	literals();
	strings();
	gfp();
	packed();
	join();
	buf_fini(&b);
	arena_fini(&a);
	return check_end(&c);
}
