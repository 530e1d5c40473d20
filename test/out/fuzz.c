/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random types, formats and payloads, whole and cut anywhere: nothing is read beyond the payload (it lies at the end of
 * a block of its own; build with the address sanitiser), nothing that could steer a terminal comes out as text, and
 * what comes out as JSON is JSON. The checkers are written from RFC 8259 and RFC 3629, not from the code under test.
 *
 * fuzz [ROUNDS [SEED]]
 */
#include <fcntl.h>

#include "make.h"

static struct check c = { .suite = "out" };
static struct arena a;
static struct module mod;
static struct out_env env = { .module = &mod, .trunc_trailer = { "..", 2 } };
static uint64_t state;

static uint32_t rnd(uint32_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return n ? (uint32_t)((state >> 16) % n) : 0;
}

/* --- what may come out --- */

/* Length of a well-formed UTF-8 sequence, 0 if it is none. */
static unsigned utf8(const unsigned char *p, size_t n, uint32_t *cp)
{
	unsigned char x = p[0], lo = 0x80, hi = 0xbf;
	unsigned len;
	*cp = x;
	if (x < 0x80)
		return 1;
	if (x >= 0xc2 && x <= 0xdf)
		len = 2, *cp = x & 0x1f;
	else if (x >= 0xe0 && x <= 0xef)
		len = 3, *cp = x & 0xf, lo = x == 0xe0 ? 0xa0 : lo, hi = x == 0xed ? 0x9f : hi;
	else if (x >= 0xf0 && x <= 0xf4)
		len = 4, *cp = x & 7, lo = x == 0xf0 ? 0x90 : lo, hi = x == 0xf4 ? 0x8f : hi;
	else
		return 0;
	if (len > n)
		return 0;
	for (unsigned i = 1; i < len; i++, lo = 0x80, hi = 0xbf) {
		if (p[i] < lo || p[i] > hi)
			return 0;
		*cp = *cp << 6 | (p[i] & 0x3f);
	}
	return len;
}

static bool is_safe(const char *s, size_t n)
{
	for (size_t i = 0; i < n;) {
		uint32_t cp;
		unsigned len = utf8((const unsigned char *)s + i, n - i, &cp);
		if (!len || cp < 0x20 || (cp >= 0x7f && cp <= 0x9f) || (cp >= 0x200b && cp <= 0x200f) ||
		    (cp >= 0x2028 && cp <= 0x202e) || (cp >= 0x2060 && cp <= 0x206f) || cp == 0xfeff)
			return false;
		i += len;
	}
	return true;
}

struct json {
	const unsigned char *p, *end;
	int depth;
};
static bool json_value(struct json *j);

static bool json_take(struct json *j, const char *word)
{
	size_t n = strlen(word);
	if ((size_t)(j->end - j->p) < n || memcmp(j->p, word, n))
		return false;
	j->p += n;
	return true;
}
static void json_space(struct json *j)
{
	while (j->p < j->end && *j->p == ' ')
		j->p++;
}
static bool json_string(struct json *j)
{
	if (!json_take(j, "\""))
		return false;
	while (j->p < j->end && *j->p != '"') {
		uint32_t cp;
		unsigned len = utf8(j->p, (size_t)(j->end - j->p), &cp);
		if (!len || cp < 0x20)
			return false;
		j->p += len;
		if (cp != '\\')
			continue;
		if (j->p == j->end || !strchr("\"\\/bfnrtu", *j->p) || !*j->p)
			return false;
		if (*j->p++ != 'u')
			continue;
		for (int i = 0; i < 4; i++, j->p++)
			if (j->p == j->end || !*j->p || !strchr("0123456789abcdef", *j->p))
				return false;
	}
	return json_take(j, "\"");
}
static bool json_number(struct json *j)
{
	json_take(j, "-");
	if (j->p == j->end || *j->p < '0' || *j->p > '9')
		return false;
	if (*j->p == '0')
		return j->p++, true;
	while (j->p < j->end && *j->p >= '0' && *j->p <= '9')
		j->p++;
	return true;
}
static bool json_members(struct json *j, bool named, const char *close)
{
	json_space(j);
	if (json_take(j, close))
		return true;
	do {
		json_space(j);
		if (named && (!json_string(j) || !json_take(j, ": ")))
			return false;
		if (!json_value(j))
			return false;
	} while (json_take(j, ","));
	return json_take(j, close);
}
static bool json_value(struct json *j)
{
	bool ok;
	if (++j->depth > 200 || j->p == j->end)
		return false;
	switch (*j->p) {
	case '{': j->p++, ok = json_members(j, true, "}"); break;
	case '[': j->p++, ok = json_members(j, false, "]"); break;
	case '"': ok = json_string(j); break;
	case 't': ok = json_take(j, "true"); break;
	case 'f': ok = json_take(j, "false"); break;
	case 'n': ok = json_take(j, "null"); break;
	default: ok = json_number(j);
	}
	j->depth--;
	return ok;
}
static bool is_json(const char *s, size_t n)
{
	struct json j = { (const unsigned char *)s, (const unsigned char *)s + n, 0 };
	return json_value(&j) && j.p == j.end;
}

/* --- what goes in --- */

static struct type *random_type(int depth)
{
	static const enum type_kind leaves[] = { T_NONE,      T_BOOL,	T_INT,	  T_INT,	 T_ENUM,  T_PTR,
						 T_STRING,    T_STRING, T_STRING, T_BUFFER,	 T_INET,  T_MAC,
						 T_TIMESTAMP, T_KSYM,	T_USYM,	  T_CGROUP_PATH, T_PROBE, T_COUNT,
						 T_SUM,	      T_MIN,	T_MAX,	  T_AVG,	 T_STATS, T_TSERIES };
	enum { LEAVES = sizeof(leaves) / sizeof(leaves[0]) };
	uint32_t k = rnd(depth > 3 ? LEAVES : LEAVES + 6);
	struct type *t;
	if (k >= LEAVES + 4)
		return type_array(&a, random_type(depth + 1), rnd(6));
	if (k >= LEAVES) {
		t = mk(&a, k == LEAVES ? T_TUPLE : k == LEAVES + 1 ? T_RECORD : T_STRUCT, 0);
		for (uint32_t i = 0, n = rnd(5); i < n; i++) {
			mk_add(&a, t, rnd(5) ? "f" : "", random_type(depth + 1));
			struct field *f = &vec_last(&t->fields);
			if (t->kind == T_TUPLE || rnd(4))
				continue;
			f->bit_offset = (uint8_t)rnd(64);
			f->bit_size = (uint8_t)(type_is_int(f->type) ? rnd(64) : 0);
			f->data_loc = rnd(3) == 0;
			f->rel_loc = rnd(3) == 0;
		}
		return t;
	}
	uint32_t size = leaves[k] == T_INT || leaves[k] == T_ENUM	 ? 1u << rnd(4)
			: leaves[k] == T_BOOL				 ? 1
			: leaves[k] == T_MAC				 ? 6
			: leaves[k] == T_STRING || leaves[k] == T_BUFFER ? rnd(40) + (leaves[k] == T_BUFFER ? 4 : 0)
			: leaves[k] == T_NONE				 ? 0
			: leaves[k] == T_INET				 ? 24
			: leaves[k] == T_PROBE				 ? 4
			: leaves[k] == T_PTR || leaves[k] == T_KSYM	 ? 8
									 : 16;
	t = mk(&a, leaves[k], size);
	t->is_signed = rnd(2);
	if (t->kind == T_PTR)
		t->elem = mk(&a, T_VOID, 0);
	return t;
}

/* Bytes with a liking for what is dangerous: escapes, halves of UTF-8 sequences, lengths that lie. */
static void random_bytes(unsigned char *p, uint32_t n)
{
	static const char *const bits[] = {
		"\033[31m",	    "\302\233",		"\342\200\256", "\342\201\246", "\300\200", "\355\240\200",
		"\360\237\220\247", "\364\220\200\200", "\"",		"\\",		"\r\n",	    "\177",
		"\377\377",	    "\303\251",		"\342\200\213", "%s%n"
	};
	for (uint32_t i = 0; i < n;) {
		switch (rnd(4)) {
		case 0:
			p[i++] = (unsigned char)rnd(256);
			break;
		case 1:
			p[i++] = (unsigned char)(rnd(2) ? rnd(4) : 'a' + rnd(26));
			break;
		default:
			for (const char *s = bits[rnd(sizeof(bits) / sizeof(bits[0]))]; *s && i < n; s++)
				p[i++] = (unsigned char)*s;
		}
	}
}

static void random_format(char *s, uint32_t max)
{
	static const char *const bits[] = { "%d",  "%s",   "%5s",  "%-20s", "%lx", "%r", "%rx",	    "%rh",
					    "%gr", "%p",   "%c",   "%%",    "%z",  "%",	 "%020lld", "%-+ #0",
					    "%*s", "%.3s", "%hhu", "text ", "|",   "%f", "%0100s",  "%ls" };
	uint32_t n = 0;
	for (uint32_t k = 1 + rnd(8); k; k--) {
		const char *b = bits[rnd(sizeof(bits) / sizeof(bits[0]))];
		if (n + strlen(b) >= max)
			break;
		strcpy(s + n, b);
		n += (uint32_t)strlen(b);
	}
	s[n] = 0;
}

static bool fail(const char *what, const struct buf *b)
{
	printf("FAIL out: %s\n", what);
	check_show("got ", b->s ? b->s : "", b->len);
	c.failed++;
	return false;
}

/* One round; false after a failure. */
static bool round_values(struct buf *b)
{
	struct type *t = random_type(0);
	uint32_t n = rnd(4) ? t->size + rnd(8) : rnd(t->size + 1);
	unsigned char *p = malloc(n ? n : 1);
	bool ok = true;
	random_bytes(p, n);
	out_value_text(&env, t, p, n, false, b);
	if (!is_safe(b->s, b->len))
		ok = fail("text that is not safe", b);
	buf_clear(b);
	out_value_json(&env, t, p, n, b);
	if (!is_json(b->s, b->len))
		ok = fail("JSON that is none", b);
	buf_clear(b);
	if (n >= t->size) {
		out_key_text(&env, t, p, b);
		if (!is_safe(b->s, b->len))
			ok = fail("a key that is not safe", b);
		buf_clear(b);
	}
	free(p);
	return ok;
}

static bool round_format(struct buf *b, struct out *o)
{
	char fmt[200];
	random_format(fmt, sizeof(fmt));
	struct event ev = { .kind = EV_PRINTF, .fmt = str_of(fmt), .fixed_size = rnd(64) };
	for (uint32_t i = 0, n = rnd(9); i < n; i++) {
		mk_arg(&a, &ev, random_type(2), rnd(70));
		vec_last(&ev.args).packed = vec_last(&ev.args).type->kind == T_STRING && rnd(2);
	}
	uint32_t n = rnd(200);
	unsigned char *p = malloc(n ? n : 1);
	bool ok = true;
	random_bytes(p, n);
	env.json = false;
	out_format(&env, &ev, p, n, b);
	if (!is_safe(b->s, b->len))
		ok = fail("printf that is not safe", b);
	buf_clear(b);
	out_join(&env, &ev, p, n, b);
	if (!is_safe(b->s, b->len))
		ok = fail("join that is not safe", b);
	buf_clear(b);
	/* The same in JSON, through the stream. */
	env.json = true;
	out_format(&env, &ev, p, n, b);
	o->ops->text(o, (enum out_text_kind)rnd(5), b->s ? b->s : "", b->len);
	if (o->buf.len < 2 || o->buf.s[o->buf.len - 1] != '\n' || !is_json(o->buf.s, o->buf.len - 1))
		ok = fail("a record that is no JSON", &o->buf);
	buf_clear(&o->buf);
	if (ev.args.n) {
		o->ops->value(o, &ev.args.v[0], p, n);
		if (o->buf.len < 2 || !is_json(o->buf.s, o->buf.len - 1))
			ok = fail("a value that is no JSON", &o->buf);
	}
	buf_clear(&o->buf);
	buf_clear(b);
	env.json = false;
	free(p);
	return ok;
}

static bool round_map(struct out *o)
{
	struct type *key = random_type(1), *value = random_type(1);
	if (!key->size || !value->size)
		return true;
	unsigned char *k = malloc(key->size), *v = malloc(value->size);
	struct out_row row = { k, v };
	struct out_map m = { .name = STR("@m"),
			     .key = key,
			     .value = value,
			     .value_size = value->size,
			     .rows = &row,
			     .n = 1,
			     .div = rnd(4) };
	random_bytes(k, key->size);
	random_bytes(v, value->size);
	o->ops->map(o, &m);
	bool ok = o->buf.len > 1 && is_json(o->buf.s, o->buf.len - 1);
	if (!ok)
		fail("a map that is no JSON", &o->buf);
	buf_clear(&o->buf);
	free(k);
	free(v);
	return ok;
}

/* The checkers themselves: a checker that says yes to everything would find nothing. */
static void checkers(void)
{
	static const char *const bad[] = { "",	 "{",	"[1,]", "{\"a\" 1}", "\"\n\"", "\"\\x\"", "\"\\u12\"",
					   "01", "nul", "1 2",	"\"\377\"",  "{a: 1}", "\"" };
	static const char *const good[] = {
		"{}", "[]", "[1,-2,\"a\\n\"]", "{\"a\": {\"b\": null}, \"c\": true}", "\"\303\251\\u00e9\"", "0"
	};
	static const char *const unsafe[] = { "\033",	      "\n",   "\302\233", "\233",
					      "\342\200\256", "\177", "\300\200", "a\303" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		check_true(&c, bad[i], !is_json(bad[i], strlen(bad[i])));
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		check_true(&c, good[i], is_json(good[i], strlen(good[i])));
	for (size_t i = 0; i < sizeof(unsafe) / sizeof(unsafe[0]); i++)
		check_true(&c, "unsafe text is found", !is_safe(unsafe[i], strlen(unsafe[i])));
	check_true(&c, "safe text is safe", is_safe("a\\x1b\303\251", 7));
}

int main(int argc, char **argv)
{
	unsigned long rounds = argc > 1 ? strtoul(argv[1], NULL, 0) : 30000;
	unsigned long long seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
	struct buf b = { 0 };
	struct out o = { .ops = &out_json_ops, .env = &env, .fd = -1, .err_fd = -1, .buffering = OUT_BUF_FULL };
	struct attach_point ap = { .name = STR("uprobe:/tmp/\033x:f") };
	checkers();
	bool ok = true;
	unsigned long i;
	for (i = 0; i < rounds && ok; i++) {
		state = (seed + i) * 0x9e3779b97f4a7c15ull | 1;
		arena_fini(&a);
		memset(&mod.strings, 0, sizeof(mod.strings));
		memset(&mod.attaches, 0, sizeof(mod.attaches));
		vec_push(&a, &mod.strings, STR("%H:%M:%S.%f"));
		vec_push(&a, &mod.attaches, &ap);
		ok = round_values(&b) && round_format(&b, &o) && round_map(&o);
	}
	if (!ok)
		printf("  round %lu: fuzz 1 %llu\n", i, seed + i - 1);
	else
		c.passed++;
	check_true(&c, "no output failed", o.error == 0);
	buf_fini(&b);
	buf_fini(&o.buf);
	arena_fini(&a);
	return check_end(&c);
}
