/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lexer. Tokens are taken on demand because parts of a program are not
 * made of tokens: attach points and C definitions are raw text to the parser.
 * Works on bytes; any input gives tokens or diagnostics, never a crash.
 */
#include "lang/lex.h"

#include <ctype.h>

static const struct {
	const char *text;
	uint8_t len;
} token_rows[TK_COUNT] = {
#define TOKEN(id, text) [TK_##id] = { text, sizeof(text) - 1 },
#include "lang/token.def"
#undef TOKEN
};

void lex_init(struct lexer *l, struct arena *a, struct diags *d, uint32_t source)
{
	const struct source *s = &d->sources.v[source];
	*l = (struct lexer){ .arena = a, .diags = d, .s = s->text.s, .len = s->text.len, .base = s->base };
}

struct span lex_span(const struct lexer *l, uint32_t lo, uint32_t hi)
{
	return (struct span){ l->base + lo, l->base + hi };
}

const char *lex_text(enum token_kind k)
{
	return token_rows[k].text ? token_rows[k].text : "";
}

static bool is_ident_start(char c)
{
	return isalpha((unsigned char)c) || c == '_';
}
static bool is_ident(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* *ret_open: where a comment begins that does not end, else UINT32_MAX */
static uint32_t lex_skip_to(const struct lexer *l, uint32_t i, uint32_t *ret_open)
{
	*ret_open = UINT32_MAX;
	for (;;) {
		while (i < l->len && isspace((unsigned char)l->s[i]))
			i++;
		if (i + 1 < l->len && l->s[i] == '/' && l->s[i + 1] == '/') {
			while (i < l->len && l->s[i] != '\n')
				i++;
		} else if (i + 1 < l->len && l->s[i] == '/' && l->s[i + 1] == '*') {
			const char *e = memmem(l->s + i + 2, l->len - i - 2, "*/", 2);
			if (!e)
				*ret_open = i;
			i = e ? (uint32_t)(e + 2 - l->s) : l->len;
		} else {
			return i;
		}
	}
}

uint32_t lex_skip(const struct lexer *l, uint32_t i)
{
	uint32_t open;
	return lex_skip_to(l, i, &open);
}

static void lex_error(struct lexer *l, uint32_t lo, uint32_t hi, const char *what)
{
	l->n_errors++;
	if (!l->quiet)
		diag_add(l->diags, D_SYNTAX, lex_span(l, lo, hi), what);
}

static int lex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : 99;
}

const char *lex_integer(struct arena *a, struct str t, bool params, uint64_t *ret, bool *ret_unsigned)
{
	static const struct {
		const char *suffix;
		uint64_t mul;
	} units[] = { { "ns", 1 },
		      { "us", 1000 },
		      { "ms", 1000000 },
		      { "s", 1000000000ull },
		      { "m", 60000000000ull },
		      { "h", 3600000000000ull },
		      { "d", 86400000000000ull } };
	unsigned base = 10;
	uint32_t i = 0;
	uint64_t v = 0;
	bool digits = false, under = false, over = false;

	if (t.len > 1 && t.s[0] == '0' && (t.s[1] == 'x' || t.s[1] == 'X'))
		base = 16, i = 2;
	else if (params && t.len > 1 && t.s[0] == '0' && (t.s[1] == 'b' || t.s[1] == 'B'))
		base = 2, i = 2;
	else if (t.len > 1 && t.s[0] == '0' && isdigit((unsigned char)t.s[1]))
		base = 8;
	for (; i < t.len; i++) {
		if (t.s[i] == '_') {
			under = true;
			continue;
		}
		unsigned d = (unsigned)lex_digit(t.s[i]);
		if (d >= base)
			break;
		under = false;
		digits = true;
		if (__builtin_mul_overflow(v, (uint64_t)base, &v) || __builtin_add_overflow(v, (uint64_t)d, &v))
			over = true;
	}
	struct str suf = { t.s + i, t.len - i };
	if (under)
		return "trailing underscore in integer literal";
	if (!digits)
		return arena_printf(a, "invalid integer: %.*s", STR_FMT(t));
	if (base == 10 && suf.len > 1 && (suf.s[0] == 'e' || suf.s[0] == 'E') && isdigit((unsigned char)suf.s[1])) {
		unsigned e = 0;
		if (i != 1 || v == 0)
			return arena_printf(a, "coefficient part of scientific literal must be 1-9: %.*s", STR_FMT(t));
		if (suf.s[1] == '0')
			return arena_printf(a, "invalid exponent: %.*s", STR_FMT(t));
		for (uint32_t j = 1; j < suf.len; j++) {
			if (!isdigit((unsigned char)suf.s[j]))
				return arena_printf(a, "invalid exponent: %.*s", STR_FMT(t));
			e = e * 10 + (unsigned)(suf.s[j] - '0');
			if (e > 19)
				break;
		}
		for (unsigned j = 0; j < e; j++)
			if (__builtin_mul_overflow(v, (uint64_t)10, &v))
				over = true;
		suf.len = 0;
	}
	uint64_t max = UINT64_MAX;
	*ret_unsigned = false;
	if (suf.len) {
		bool found = false;
		for (size_t u = 0; u < sizeof(units) / sizeof(*units); u++) {
			if (str_is(suf, units[u].suffix)) {
				found = true;
				if (__builtin_mul_overflow(v, units[u].mul, &v))
					over = true;
			}
		}
		char low[4] = "";
		for (uint32_t j = 0; j < suf.len && suf.len < 4; j++)
			low[j] = (char)tolower((unsigned char)suf.s[j]);
		if (!found && !strcmp(low, "u"))
			found = true, max = UINT32_MAX, *ret_unsigned = true;
		else if (!found && (!strcmp(low, "ul") || !strcmp(low, "ull")))
			found = true, *ret_unsigned = true;
		else if (!found && (!strcmp(low, "l") || !strcmp(low, "ll")))
			found = true, max = INT64_MAX;
		if (!found)
			return arena_printf(a, "invalid integer suffix '%.*s'", STR_FMT(suf));
	}
	if (over || v > max)
		return arena_printf(a, "overflow error, maximum value is %llu: %.*s", (unsigned long long)max, STR_FMT(t));
	if (v > INT64_MAX)
		*ret_unsigned = true;
	*ret = v;
	return NULL;
}

static void lex_string(struct lexer *l, struct token *t)
{
	uint32_t start = l->pos, i = start + 1, n = 0;
	char *out = arena_alloc(l->arena, 1);
	uint32_t cap = 1;
	for (;; n++) {
		if (i >= l->len || l->s[i] == '\n') {
			lex_error(l, start, i, "unterminated string");
			l->lost = true;
			break;
		}
		char c = l->s[i++];
		if (c == '"')
			break;
		if (c == '\\') {
			uint32_t at = i - 1;
			char e = i < l->len ? l->s[i++] : '\0';
			static const char from[] = "ntr\"\\", to[] = "\n\t\r\"\\";
			const char *f = e ? strchr(from, e) : NULL;
			unsigned v = 0, k = 0;
			if (f) {
				c = to[f - from];
			} else if (e >= '0' && e <= '7') {
				for (i--; k < 3 && i < l->len && l->s[i] >= '0' && l->s[i] <= '7'; k++)
					v = v * 8 + (unsigned)(l->s[i++] - '0');
				if (v > 255)
					lex_error(l, at, i, "octal escape sequence out of range");
				c = (char)v;
			} else if (e == 'x' || e == 'X') {
				for (; k < 2 && i < l->len && lex_digit(l->s[i]) < 16; k++)
					v = v * 16 + (unsigned)lex_digit(l->s[i++]);
				if (k == 0)
					lex_error(l, at, i, "invalid hex escape sequence");
				c = (char)v;
			} else {
				lex_error(l, at, i, arena_printf(l->arena, "invalid escape character '\\%c'", e ? e : ' '));
			}
		}
		if (n + 1 >= cap) {
			out = arena_grow(l->arena, out, cap, cap * 2 + 16);
			cap = cap * 2 + 16;
		}
		out[n] = c;
	}
	out[n] = '\0';
	t->kind = TK_STRING;
	t->str = (struct str){ out, n };
	l->pos = i;
}

static void lex_number(struct lexer *l, struct token *t)
{
	uint32_t lo = l->pos, i = lo;
	while (i < l->len && is_ident(l->s[i]))
		i++;
	l->pos = i;
	t->kind = TK_INT;
	t->str = (struct str){ arena_strndup(l->arena, l->s + lo, i - lo), i - lo };
	const char *err = lex_integer(l->arena, t->str, false, &t->ival, &t->is_unsigned);
	if (err)
		lex_error(l, lo, i, err);
}

void lex_next(struct lexer *l, struct token *t)
{
	memset(t, 0, sizeof(*t));
	uint32_t open;
	l->pos = lex_skip_to(l, l->pos, &open);
	uint32_t lo = l->pos, i = lo;
	if (open != UINT32_MAX) {
		lex_error(l, open, open + 2, "unterminated comment");
		l->lost = true;
	}
	t->lo = lo;
	if (lo >= l->len) {
		t->kind = TK_EOF;
		t->hi = lo;
		return;
	}
	char c = l->s[lo];
	if (is_ident_start(c)) {
		while (i < l->len && is_ident(l->s[i]))
			i++;
		t->kind = TK_IDENT;
	} else if (isdigit((unsigned char)c)) {
		lex_number(l, t);
		t->hi = l->pos;
		return;
	} else if (c == '"') {
		lex_string(l, t);
		t->hi = l->pos;
		return;
	} else if (c == '@' || (c == '$' && lo + 1 < l->len && is_ident_start(l->s[lo + 1]))) {
		i++;
		if (c == '$' || (i < l->len && is_ident_start(l->s[i])))
			while (i < l->len && is_ident(l->s[i]))
				i++;
		t->kind = c == '@' ? TK_MAP : TK_VAR;
	} else if (c == '$' && lo + 1 < l->len && l->s[lo + 1] == '#') {
		i += 2;
		t->kind = TK_PARAMCOUNT;
	} else if (c == '$' && lo + 1 < l->len && isdigit((unsigned char)l->s[lo + 1])) {
		for (i++; i < l->len && isdigit((unsigned char)l->s[i]); i++)
			if (t->ival < UINT32_MAX)
				t->ival = t->ival * 10 + (uint64_t)(l->s[i] - '0');
		t->kind = TK_PARAM;
		if (t->ival == 0 || t->ival > INT32_MAX)
			lex_error(l, lo, i,
				  arena_printf(l->arena, "param %.*s is out of integer range [1, 9223372036854775807]",
					       (int)(i - lo), l->s + lo));
	} else {
		t->kind = TK_BAD;
		for (int k = TK_BAD + 1; k < TK_COUNT; k++) {
			if (l->len - lo >= token_rows[k].len && !memcmp(l->s + lo, token_rows[k].text, token_rows[k].len)) {
				t->kind = (enum token_kind)k;
				i = lo + token_rows[k].len;
				break;
			}
		}
		if (t->kind == TK_BAD)
			i++;
	}
	t->hi = l->pos = i;
	t->str = (struct str){ arena_strndup(l->arena, l->s + lo, i - lo), i - lo };
}

void lex_dump(struct arena *a, struct diags *d, uint32_t source, struct buf *out)
{
	struct lexer l;
	struct token t;
	lex_init(&l, a, d, source);
	do {
		lex_next(&l, &t);
		buf_addf(out, "%u-%u ", t.lo, t.hi);
		if (t.kind == TK_STRING) {
			buf_adds(out, "string \"");
			buf_add_json(out, t.str.s, t.str.len);
			buf_adds(out, "\"\n");
		} else if (t.kind == TK_EOF) {
			buf_adds(out, "eof\n");
		} else if (t.kind == TK_INT) {
			buf_addf(out, "int %llu\n", (unsigned long long)t.ival);
		} else {
			buf_addf(out, "%.*s\n", STR_FMT(t.str));
		}
	} while (t.kind != TK_EOF);
}
