/* SPDX-License-Identifier: Apache-2.0 */
/* str.c: matching, edit distance, buffers, escaping. */
#include <time.h>

#include <stdlib.h>

#include "../check.h"

static struct check c = { .suite = "unit" };
static struct buf b;

/* The meaning of a pattern, spelled out; exponential, for short ones. */
static bool match_plain(const char *p, const char *s)
{
	if (*p == '*')
		return match_plain(p + 1, s) || (*s && match_plain(p, s + 1));
	if (!*p || !*s)
		return !*p && !*s;
	return (*p == '?' || *p == *s) && match_plain(p + 1, s + 1);
}

static void matching(void)
{
	static const struct {
		const char *p, *s;
		bool yes;
	} rows[] = {
		{ "", "", true },
		{ "", "a", false },
		{ "a", "", false },
		{ "*", "", true },
		{ "*", "abc", true },
		{ "?", "", false },
		{ "?", "a", true },
		{ "a*c", "abc", true },
		{ "a*c", "ac", true },
		{ "a*c", "abcd", false },
		{ "*b*", "abc", true },
		{ "sys_enter_*", "sys_enter_openat", true },
		{ "sys_enter_*", "sys_exit_openat", false },
		{ "*?", "", false },
		{ "a**b", "ab", true },
		{ "*a?", "aab", true },
		{ "a*b*c", "aXbYbZc", true },
		{ "*ab", "aab", true },
		{ "?*", "x", true },
		{ "*", "*", true },
		{ "a*", "a*b", true },
		{ "\\*", "*", false },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char name[80];
		snprintf(name, sizeof(name), "match '%s' '%s'", rows[i].p, rows[i].s);
		check_true(&c, name, str_match(rows[i].p, rows[i].s) == rows[i].yes);
	}
	/* All patterns of up to 5 of a b ? * against all strings of up to 5 of a b. */
	bool same = true;
	for (unsigned pn = 0; pn < 4 * 4 * 4 * 4 * 4 * 6; pn++) {
		char p[6] = "", s[6];
		unsigned len = pn % 6, x = pn / 6;
		for (unsigned i = 0; i < len; i++, x /= 4)
			p[i] = "ab?*"[x % 4];
		for (unsigned sn = 0; sn < 32 * 6; sn++) {
			memset(s, 0, sizeof(s));
			for (unsigned i = 0, y = sn / 6; i < sn % 6; i++, y /= 2)
				s[i] = "ab"[y % 2];
			same &= str_match(p, s) == match_plain(p, s);
		}
	}
	check_true(&c, "matching agrees with its definition on all short patterns", same);

	/* A pattern that is exponential for a matcher that goes back to every star. */
	static char p[2001], s[20001];
	for (int i = 0; i < 1000; i++)
		p[2 * i] = '*', p[2 * i + 1] = 'a';
	p[1999] = 'b';
	memset(s, 'a', sizeof(s) - 1);
	clock_t begun = clock();
	CHECK(&c, !str_match(p, s));
	CHECK(&c, !str_match("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", s));
	CHECK(&c, (clock() - begun) / CLOCKS_PER_SEC < 5);
}

static void distance(void)
{
	static const struct {
		const char *a, *b;
		int max, want;
	} rows[] = {
		{ "", "", 3, 0 },
		{ "abc", "abc", 3, 0 },
		{ "", "ab", 3, 2 },
		{ "ab", "", 3, 2 },
		{ "kitten", "sitting", 5, 3 },
		{ "kitten", "sitting", 3, 3 },
		{ "kitten", "sitting", 2, 3 },
		{ "coutn", "count", 3, 1 },
		{ "abcd", "badc", 4, 2 },
		{ "ab", "ba", 0, 1 },
		{ "xab", "ba", 4, 2 },
		{ "prnt", "print", 3, 1 },
		{ "abcdef", "x", 2, 3 },
		{ "a", "b", 0, 1 },
		{ "a", "a", 0, 0 },
		{ "flaw", "lawn", 4, 2 },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char name[80];
		snprintf(name, sizeof(name), "distance '%s' '%s' within %d", rows[i].a, rows[i].b, rows[i].max);
		check_true(&c, name, str_distance(rows[i].a, rows[i].b, rows[i].max) == rows[i].want);
		check_true(&c, name, str_distance(rows[i].b, rows[i].a, rows[i].max) == rows[i].want);
	}
	char big[70];
	memset(big, 'a', 69);
	big[69] = 0;
	CHECK(&c, str_distance(big, big, 5) == 6); /* too long to be a name: never near */
	big[63] = 0;
	CHECK(&c, str_distance(big, big, 5) == 0);
	/* Slices end where they end. */
	char *s = malloc(3);
	memcpy(s, "cat", 3);
	CHECK(&c, str_edits((struct str){ s, 3 }, STR("car"), 3) == 1);
	free(s);
	CHECK(&c, str_edits((struct str){ "catalogue", 3 }, STR("cat"), 3) == 0);
	CHECK(&c, str_edits((struct str){ NULL, 0 }, STR("ab"), 3) == 2);
}

static void slices(void)
{
	CHECK(&c, str_eq(STR("a\0b"), STR("a\0b")));
	CHECK(&c, !str_eq(STR("a\0b"), STR("a\0c")));
	CHECK(&c, str_eq((struct str){ NULL, 0 }, STR("")));
	CHECK(&c, str_is(STR("abc"), "abc") && !str_is(STR("abc"), "ab") && !str_is(STR("ab"), "abc"));
	CHECK(&c, str_starts(STR("abc"), "") && str_starts(STR("abc"), "abc") && !str_starts(STR("ab"), "abc"));
	CHECK(&c, str_of(NULL).len == 0);
}

static void buffers(void)
{
	struct buf x = { 0 };
	buf_fini(&x);
	buf_clear(&x);
	buf_adds(&x, "");
	CHECK(&c, x.s && x.len == 0 && x.s[0] == 0);
	buf_addc(&x, 'a');
	buf_add(&x, "\0b", 2);
	buf_pad(&x, '-', 3);
	buf_pad(&x, '-', 0);
	buf_pad(&x, '-', -5);
	buf_addf(&x, "%d|%s", 7, "z");
	CHECK(&c, x.len == 9 && memcmp(x.s, "a\0b---7|z", 10) == 0);
	buf_clear(&x);
	CHECK(&c, x.len == 0 && x.s[0] == 0);
	bool good = true;
	for (int i = 0; i < 20000; i++) {
		buf_addf(&x, "%05d", i);
		good &= x.len == (size_t)(i + 1) * 5 && x.s[x.len] == 0 && x.len < x.cap;
	}
	CHECK(&c, good && memcmp(x.s + 5 * 12345, "12345", 5) == 0);
	/* Formats of every length around the room that is left. */
	for (int n = 0; n < 300; n++) {
		struct buf y = { 0 };
		buf_addf(&y, "%*s", n, "");
		good &= y.len == (size_t)n && y.s[n] == 0;
		buf_addf(&y, "%*d", n, 1);
		good &= y.len == (size_t)(n + (n ? n : 1)) && y.s[y.len - 1] == '1';
		buf_fini(&y);
	}
	CHECK(&c, good);
	/* Memory runs out: it sticks, and what is there stays. */
	size_t len = x.len;
	buf_add(&x, "", SIZE_MAX / 2);
	CHECK(&c, x.oom && x.len == len);
	buf_adds(&x, "more");
	buf_addf(&x, "%d", 1);
	buf_pad(&x, ' ', 1);
	CHECK(&c, x.len == len);
	buf_fini(&x);
	CHECK(&c, !x.oom && !x.s);
}

static void safe(const char *in, size_t n, bool ws, const char *want)
{
	char *copy = malloc(n ? n : 1);
	memcpy(copy, in, n);
	buf_add_safe(&b, copy, n, ws);
	check_text(&c, want, want, &b);
	free(copy);
}

static void escaping(void)
{
	safe("a\n\tb", 4, false, "a\\x0a\\x09b");
	safe("a\n\tb\r", 5, true, "a\n\tb\\x0d");
	safe("\0", 1, true, "\\x00");
	safe("", 0, true, "");
	safe("\342\202\254\342\202", 5, true, "\342\202\254\\xe2\\x82");
	buf_add_safe(&b, NULL, 0, false);
	buf_add_json(&b, NULL, 0);
	check_text(&c, "nothing", "", &b);

	/* Every code point: in well-formed UTF-8 it passes or is escaped as a whole; ASCII passes but for controls. */
	unsigned passed = 0, escaped = 0;
	bool good = true;
	for (uint32_t cp = 0; cp < 0x110000; cp++) {
		unsigned char u[4];
		size_t n = 0;
		if (cp < 0x80)
			u[n++] = (unsigned char)cp;
		else if (cp < 0x800)
			u[n++] = (unsigned char)(0xc0 | cp >> 6), u[n++] = 0x80 | (cp & 63);
		else if (cp < 0x10000)
			u[n++] = (unsigned char)(0xe0 | cp >> 12), u[n++] = 0x80 | (cp >> 6 & 63),
			u[n++] = 0x80 | (cp & 63);
		else
			u[n++] = (unsigned char)(0xf0 | cp >> 18), u[n++] = 0x80 | (cp >> 12 & 63),
			u[n++] = 0x80 | (cp >> 6 & 63), u[n++] = 0x80 | (cp & 63);
		buf_clear(&b);
		buf_add_safe(&b, u, n, false);
		bool same = b.len == n && memcmp(b.s, u, n) == 0;
		bool hex = b.len == 4 * n && memcmp(b.s, "\\x", 2) == 0;
		good &= same != hex;
		same ? passed++ : escaped++;
		if (cp < 0x80)
			good &= same == (cp >= 0x20 && cp != 0x7f);
		if ((cp >= 0x80 && cp < 0xa0) || (cp >= 0xd800 && cp < 0xe000) || (cp >= 0x202a && cp <= 0x202e) ||
		    (cp >= 0x2066 && cp <= 0x2069))
			good &= hex;
		buf_clear(&b);
		buf_add_json(&b, u, n);
		/* in JSON the same ones pass, but for quote and backslash */
		good &= (b.len == n && memcmp(b.s, u, n) == 0) == (same && cp != '"' && cp != '\\');
	}
	check_true(&c, "every code point", good);
	/* controls 65, surrogates 2048, and the invisible ones */
	check_true(&c, "few are escaped",
		   escaped > 2048 + 65 && escaped < 2048 + 65 + 200 && passed + escaped == 0x110000);

	/* No two bytes together can come out as a control. */
	good = true;
	for (unsigned x = 0; x < 65536; x++) {
		char in[2] = { (char)(x >> 8), (char)x };
		buf_clear(&b);
		buf_add_safe(&b, in, 2, false);
		for (size_t i = 0; i < b.len; i++) {
			unsigned char u = (unsigned char)b.s[i];
			/* what is not ASCII must be a whole sequence that begins U+00A0 or above */
			if (u < 0x20 || u == 0x7f ||
			    (u >= 0x80 && (u < 0xc2 || i + 1 >= b.len || ((unsigned char)b.s[i + 1] & 0xc0) != 0x80)))
				good = false;
			if (u == 0xc2)
				good &= (unsigned char)b.s[i + 1] >= 0xa0;
			i += u >= 0x80;
		}
	}
	check_true(&c, "every pair of bytes", good);
	buf_clear(&b);
	buf_add_json(&b, "\"\\/\b\f\n\r\t\377\360\237\220\247", 13);
	check_text(&c, "JSON escapes", "\\\"\\\\/\\u0008\\u000c\\n\\r\\t\\u00ff\360\237\220\247", &b);
}

int main(void)
{
	matching();
	distance();
	slices();
	buffers();
	escaping();
	buf_fini(&b);
	return check_end(&c);
}
