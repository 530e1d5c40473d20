/* SPDX-License-Identifier: Apache-2.0 */
/*
 * options { ... }: the command line of a script, written as its usage shows it (docs/language.md has the grammar):
 *
 *	-p, --pid PID: int 1..             "this process only"
 *	[INTERVAL]: duration s 1ms..       "between outputs"
 *
 * The block is raw text to the parser; here it becomes rows. The same rows check a command line (cli/args.c), make usage and
 * manual pages, and give sema the constants that opt.pid and opt.interval are. Calls of getopt() count as rows, too, so
 * that --help shows all that a script takes.
 */
#include <ctype.h>
#include <stdio.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/user.h"
#include "lang/lex.h"
#include "lang/option.h"

enum { OPTION_MAX = 200 };

struct option_reader {
	struct lexer lex;
	struct token tok;
	bool failed;
};

static void reader_next(struct option_reader *r)
{
	lex_next(&r->lex, &r->tok);
}

static void reader_error(struct option_reader *r, const char *what)
{
	if (!r->failed)
		diag_add(r->lex.diags, D_OPTION, lex_span(&r->lex, r->tok.lo, r->tok.hi), what);
	r->failed = true;
}

static bool reader_accept(struct option_reader *r, enum token_kind k)
{
	if (r->tok.kind != k)
		return false;
	reader_next(r);
	return true;
}

/* A name with dashes in it: max-args. */
static struct str reader_name(struct option_reader *r)
{
	uint32_t lo = r->tok.lo, hi = lo;
	if (r->tok.kind != TK_IDENT)
		reader_error(r, "expected the name of an option");
	while (!r->failed && (r->tok.kind == TK_IDENT || r->tok.kind == TK_INT || r->tok.kind == TK_MINUS) &&
	       (hi == lo || r->tok.lo == hi)) {
		hi = r->tok.hi;
		reader_next(r);
	}
	return (struct str){ arena_strndup(r->lex.arena, r->lex.s + lo, hi - lo), hi - lo };
}

/* "..." as the lexer sees it. */
static bool reader_dots(struct option_reader *r)
{
	if (!reader_accept(r, TK_DOTDOT))
		return false;
	if (!reader_accept(r, TK_DOT))
		reader_error(r, "expected '...'");
	return true;
}

static void reader_names(struct option_reader *r, struct option_decl *o)
{
	struct arena *a = r->lex.arena;
	if (reader_accept(r, TK_MINUS)) {
		if (r->tok.kind != TK_IDENT && r->tok.kind != TK_INT)
			reader_error(r, "expected a letter behind '-'");
		else if (r->tok.hi != r->tok.lo + 1)
			reader_error(r, "a short option is one letter; a longer name stands behind '--'");
		o->letter = r->tok.str.len ? r->tok.str.s[0] : 0;
		o->name = r->tok.str;
		reader_next(r);
		if (reader_accept(r, TK_COMMA) && r->tok.kind != TK_MINUSMINUS)
			reader_error(r, "expected '--' and the long name");
	}
	if (reader_accept(r, TK_MINUSMINUS)) {
		o->name = reader_name(r);
		o->is_long = true;
	} else if (!o->letter) {
		bool optional = reader_accept(r, TK_LBRACKET);
		o->positional = true;
		o->value = reader_name(r);
		o->list = reader_dots(r);
		o->required = !optional;
		if (optional && !reader_accept(r, TK_RBRACKET))
			reader_error(r, "expected ']'");
		char *low = arena_strndup(a, o->value.s, o->value.len);
		for (char *p = low; *p; p++)
			*p = (char)tolower((unsigned char)*p);
		o->name = (struct str){ low, o->value.len };
	}
	if (!o->positional && r->tok.kind == TK_IDENT) {
		o->value = reader_name(r);
		o->list = reader_accept(r, TK_COMMA);
		if (o->list && !reader_dots(r))
			reader_error(r, "expected '...': one value, or a list of them as PORT,...");
	}
	o->type = o->value.len ? OPTION_STRING : OPTION_FLAG;
}

/* One end of a range: a number of the option's type. */
static bool reader_bound(struct option_reader *r, const struct option_decl *o, int64_t *ret)
{
	bool neg = reader_accept(r, TK_MINUS);
	struct option_decl any = { .type = o->type, .unit = o->unit };
	struct option_value v;
	if (r->tok.kind != TK_INT)
		return false;
	const char *why = option_read(r->lex.arena, &any, r->tok.str, &v);
	if (why)
		reader_error(r, why);
	*ret = neg ? -v.num : v.num;
	reader_next(r);
	return true;
}

static void reader_type(struct option_reader *r, struct option_decl *o)
{
	static const struct { const char *word; enum option_type type; bool ranged; } types[] = {
		{ "int", OPTION_INT, true }, { "string", OPTION_STRING, false }, { "duration", OPTION_DURATION, true }, { "size", OPTION_SIZE, true },
		{ "user", OPTION_USER, false }, { "mntns", OPTION_MNTNS, false }, { "cgroup", OPTION_CGROUP, false },
	};
	static const char wanted[] = "expected a type: int, string, duration, size, user, mntns, cgroup, or words as a|b|c";
	size_t i = 0, n = sizeof(types) / sizeof(*types);
	struct token first = r->tok;
	if (r->tok.kind != TK_IDENT)
		reader_error(r, wanted);
	reader_next(r);
	while (i < n && !str_is(first.str, types[i].word))
		i++;
	if (r->tok.kind == TK_OR || i == n) {
		o->type = OPTION_STRING;
		vec_push(r->lex.arena, &o->choices, first.str);
		while (reader_accept(r, TK_OR)) {
			vec_push(r->lex.arena, &o->choices, r->tok.str);
			reader_next(r);
		}
		if (o->choices.n == 1)
			reader_error(r, wanted);
		return;
	}
	o->type = types[i].type;
	if (o->type == OPTION_DURATION && r->tok.kind == TK_IDENT) {
		struct option_value v;
		struct option_decl any = { .type = OPTION_DURATION };
		o->unit = r->tok.str;
		if (option_read(r->lex.arena, &any, str_of(arena_printf(r->lex.arena, "1%.*s", STR_FMT(o->unit))), &v))
			reader_error(r, "expected a unit: ns, us, ms, s, m, h, d");
		reader_next(r);
	}
	if (!types[i].ranged)
		return;
	o->has_lo = reader_bound(r, o, &o->lo);
	if (reader_accept(r, TK_DOTDOT))
		o->has_hi = reader_bound(r, o, &o->hi);
	else if (o->has_lo)
		reader_error(r, "expected '..': a range is 1..100, or 1..");
	if (o->has_lo && o->has_hi && o->lo > o->hi)
		reader_error(r, "this range is empty");
}

static void reader_default(struct option_reader *r, struct option_decl *o)
{
	uint32_t lo = r->tok.lo;
	bool text = r->tok.kind == TK_STRING;
	o->def = r->tok.str;
	if (reader_accept(r, TK_MINUS))
		o->def = (struct str){ r->lex.s + lo, r->tok.hi - lo };
	struct option_decl any = *o;
	struct option_value v;
	any.has_lo = any.has_hi = false;
	const char *why = o->type == OPTION_FLAG ? "an option without a value has no default" :
			  !text && r->tok.kind != TK_INT && r->tok.kind != TK_IDENT ? "expected the default" :
										     option_read(r->lex.arena, &any, o->def, &v);
	if (why)
		reader_error(r, why);
	reader_next(r);
}

static void reader_row(struct option_reader *r, struct options *to)
{
	struct option_decl o = { 0 };
	uint32_t lo = r->tok.lo;
	reader_names(r, &o);
	if (!r->failed && reader_accept(r, TK_COLON)) {
		if (o.type == OPTION_FLAG)
			reader_error(r, "a type needs a name for the value: --pid PID: int");
		else
			reader_type(r, &o);
	}
	if (!r->failed && reader_accept(r, TK_ASSIGN))
		reader_default(r, &o);
	if (r->tok.kind != TK_STRING)
		reader_error(r, "expected the help of this option, a string");
	o.help = r->tok.str;
	o.span = lex_span(&r->lex, lo, r->tok.lo);
	if (r->failed)
		return;
	for (uint32_t i = 0; i < to->v.n; i++) {
		const struct option_decl *old = &to->v.v[i];
		if (option_find(&(struct options){ .v = { (struct option_decl *)(uintptr_t)old, 1, 1 } }, o.name) ||
		    (o.letter && old->letter == o.letter)) {
			diag_add(r->lex.diags, D_OPTION, o.span, "this option is declared twice");
			diag_add_context(r->lex.diags, D_CONTEXT, old->span, "first here");
			r->failed = true;
			return;
		}
		if (o.positional && old->positional && (old->list || (o.required && !old->required))) {
			diag_add(r->lex.diags, D_OPTION, o.span,
				 old->list ? "nothing may follow arguments without end (...)" :
					     "an argument that must be given stands behind one that may be left out");
			r->failed = true;
			return;
		}
	}
	if (to->v.n == OPTION_MAX)
		reader_error(r, "too many options");
	else
		vec_push(r->lex.arena, &to->v, o);
	reader_next(r);
}

static void option_block(struct arena *a, struct diags *d, const struct node *n, struct options *to)
{
	struct option_reader r = { .lex = { .arena = a, .diags = d, .s = n->str.s, .len = n->str.len, .quiet = true,
					    .base = n->span.hi - n->str.len - 1 } };
	to->declared = true;
	reader_next(&r);
	while (r.tok.kind != TK_EOF && !r.failed)
		reader_row(&r, to);
}

/* getopt("name", default, "help"), wherever it stands */
static void option_calls(struct arena *a, const struct node *n, struct options *to)
{
	if (!n)
		return;
	if (n->kind == N_CALL && str_is(n->str, "getopt") && n->list.n && n->list.v[0]->kind == N_STRING &&
	    !option_find(to, n->list.v[0]->str) && to->v.n < OPTION_MAX) {
		const struct node *def = n->list.n > 1 ? n->list.v[1] : NULL, *text = n->list.n > 2 ? n->list.v[2] : NULL;
		bool neg = def && def->kind == N_UNARY && def->op == O_NEG && def->a->kind == N_INT;
		struct option_decl o = { .name = n->list.v[0]->str, .is_long = true, .by_getopt = true, .span = n->span };
		if (def && def->kind == N_STRING) {
			o.type = OPTION_STRING;
			o.def = def->str;
		} else if (neg || (def && def->kind == N_INT)) {
			o.type = OPTION_INT;
			o.def = str_of(arena_printf(a, "%s%lld", neg ? "-" : "", (long long)(neg ? def->a->ival : def->ival)));
		}
		if (o.type != OPTION_FLAG)
			o.value = o.type == OPTION_INT ? STR("N") : STR("TEXT");
		if (text && text->kind == N_STRING)
			o.help = text->str;
		vec_push(a, &to->v, o);
	}
	option_calls(a, n->a, to);
	option_calls(a, n->b, to);
	option_calls(a, n->c, to);
	for (uint32_t i = 0; i < n->list.n; i++)
		option_calls(a, n->list.v[i], to);
}

void option_collect(struct arena *a, struct diags *d, const struct node *program, struct options *ret)
{
	*ret = (struct options){ 0 };
	for (uint32_t i = 0; i < program->list.n; i++)
		if (program->list.v[i]->kind == N_OPTIONS)
			option_block(a, d, program->list.v[i], ret);
	option_calls(a, program, ret);
}

const struct option_decl *option_find(const struct options *o, struct str name)
{
	for (uint32_t i = 0; i < o->v.n; i++) {
		struct str n = o->v.v[i].name;
		uint32_t k = 0;
		while (n.len == name.len && k < n.len && (n.s[k] == name.s[k] || (n.s[k] == '-' && name.s[k] == '_')))
			k++;
		if (n.len == name.len && k == n.len)
			return &o->v.v[i];
	}
	return NULL;
}

/* ------------------------------------------------------------------ values */

/* 1.5, 10, 250 with a unit of the table; `bare`: the factor of a number without a unit, 0: it must have one. */
static const char *option_scaled(struct arena *a, struct str t, const char *const *units, const uint64_t *factors, uint64_t bare,
				 const char *what, int64_t *ret)
{
	uint64_t whole = 0, part = 0, scale = 1, f = bare;
	uint32_t i = 0;
	bool digits = false, over = false;
	for (; i < t.len && isdigit((unsigned char)t.s[i]); i++, digits = true)
		over |= __builtin_mul_overflow(whole, (uint64_t)10, &whole) ||
			__builtin_add_overflow(whole, (uint64_t)(t.s[i] - '0'), &whole);
	if (i < t.len && t.s[i] == '.')
		for (i++; i < t.len && isdigit((unsigned char)t.s[i]); i++, digits = true)
			if (scale < 1000000000) {
				part = part * 10 + (uint64_t)(t.s[i] - '0');
				scale *= 10;
			}
	struct str unit = { t.s + i, t.len - i };
	if (!digits)
		return arena_printf(a, "'%.*s' is no %s", STR_FMT(t), what);
	if (unit.len) {
		f = 0;
		for (uint32_t k = 0; units[k]; k++)
			if (unit.len == strlen(units[k]) && !strncasecmp(unit.s, units[k], unit.len))
				f = factors[k];
		if (!f)
			return arena_printf(a, "'%.*s' has no unit that is known: %s", STR_FMT(t),
					    what[0] == 's' ? "k, m, g, t" : "ns, us, ms, s, m, h, d");
	}
	if (!f)
		return arena_printf(a, "'%.*s' needs a unit: 5s, 10ms, 250us", STR_FMT(t));
	over |= __builtin_mul_overflow(whole, f, &whole);
	if (over || __builtin_add_overflow(whole, (uint64_t)((unsigned __int128)part * f / scale), &whole) || whole > INT64_MAX)
		return arena_printf(a, "'%.*s' is too large", STR_FMT(t));
	*ret = (int64_t)whole;
	return NULL;
}

static const char *option_duration(struct arena *a, const struct option_decl *o, struct str t, int64_t *ret)
{
	static const char *const units[] = { "ns", "us", "ms", "s", "m", "h", "d", NULL };
	static const uint64_t factors[] = { 1, 1000, 1000000, 1000000000, 60000000000, 3600000000000, 86400000000000 };
	uint64_t bare = 0;
	for (uint32_t k = 0; units[k]; k++)
		if (str_is(o->unit, units[k]))
			bare = factors[k];
	return option_scaled(a, t, units, factors, bare, "duration", ret);
}

static const char *option_size(struct arena *a, struct str t, int64_t *ret)
{
	static const char *const units[] = { "b", "k", "kb", "kib", "m", "mb", "mib", "g", "gb", "gib", "t", "tb", "tib", NULL };
	static const uint64_t factors[] = { 1, 1 << 10, 1 << 10, 1 << 10, 1 << 20, 1 << 20, 1 << 20, 1 << 30, 1 << 30, 1 << 30,
					    1ull << 40, 1ull << 40, 1ull << 40 };
	return option_scaled(a, t, units, factors, 1, "size", ret);
}

static void option_bound(const struct option_decl *o, int64_t v, struct buf *out)
{
	static const struct { const char *unit; int64_t f; } times[] = { { "s", 1000000000 }, { "ms", 1000000 }, { "us", 1000 } };
	for (size_t i = 0; o->type == OPTION_DURATION && v && i < sizeof(times) / sizeof(*times); i++) {
		if (v % times[i].f == 0) {
			buf_addf(out, "%lld%s", (long long)(v / times[i].f), times[i].unit);
			return;
		}
	}
	buf_addf(out, "%lld%s", (long long)v, o->type == OPTION_DURATION && v ? "ns" : "");
}

static const char *option_ranged(struct arena *a, const struct option_decl *o, struct str t, int64_t v)
{
	struct buf b = { 0 };
	if ((!o->has_lo || v >= o->lo) && (!o->has_hi || v <= o->hi))
		return NULL;
	buf_addf(&b, "'%.*s' is out of range: ", STR_FMT(t));
	if (o->has_lo)
		option_bound(o, o->lo, &b);
	buf_adds(&b, o->has_lo && o->has_hi ? " to " : o->has_lo ? " or more" : "at most ");
	if (o->has_hi)
		option_bound(o, o->hi, &b);
	const char *why = arena_strdup(a, b.s ? b.s : "");
	buf_fini(&b);
	return why;
}

/* "5s" and "1e3" are integers to the language; here they are mistakes. */
static bool option_is_number(struct str t)
{
	bool hex = t.len > 2 && t.s[0] == '0' && (t.s[1] | 32) == 'x';
	for (uint32_t i = hex ? 2 : 0; i < t.len; i++)
		if (!(hex ? isxdigit((unsigned char)t.s[i]) : isdigit((unsigned char)t.s[i])))
			return false;
	return t.len > 0;
}

/* A number need not be a user's of this machine: there are containers. */
static const char *option_user(struct arena *a, struct str t, int64_t *ret)
{
	uint64_t v;
	uint32_t id;
	bool uns;
	if (!option_is_number(t)) {
		if (!t.len || !user_id(t, &id))
			return arena_printf(a, "'%.*s' is no user in /etc/passwd", STR_FMT(t));
		*ret = id;
		return NULL;
	}
	if (lex_integer(a, t, true, &v, &uns) || v > UINT32_MAX)
		return arena_printf(a, "'%.*s' is too large", STR_FMT(t));
	*ret = (int64_t)v;
	return NULL;
}

static const char *option_mntns(struct arena *a, struct str t, int64_t *ret)
{
	struct stat st;
	if (!option_is_number(t) || stat(arena_printf(a, "/proc/%.*s/ns/mnt", STR_FMT(t)), &st))
		return arena_printf(a, "'%.*s' is no process whose mount namespace can be seen", STR_FMT(t));
	*ret = (int64_t)st.st_ino;
	return NULL;
}

const char *option_read(struct arena *a, const struct option_decl *o, struct str t, struct option_value *ret)
{
	const char *why = NULL;
	bool neg = t.len && t.s[0] == '-', uns;
	struct str digits;
	uint64_t v;
	*ret = (struct option_value){ .text = t };
	switch (o->type) {
	case OPTION_FLAG:
	case OPTION_CGROUP:
		return NULL;
	case OPTION_STRING:
		for (uint32_t i = 0; i < o->choices.n; i++)
			if (str_eq(o->choices.v[i], t))
				return NULL;
		if (!o->choices.n)
			return NULL;
		why = arena_printf(a, "'%.*s' is none of", STR_FMT(t));
		for (uint32_t i = 0; i < o->choices.n; i++)
			why = arena_printf(a, "%s%s %.*s", why, i ? "," : "", STR_FMT(o->choices.v[i]));
		return why;
	case OPTION_INT:
		digits = neg ? (struct str){ t.s + 1, t.len - 1 } : t;
		if (!option_is_number(digits) || lex_integer(a, digits, true, &v, &uns) || v > INT64_MAX)
			return arena_printf(a, "'%.*s' is no integer", STR_FMT(t));
		ret->num = neg ? -(int64_t)v : (int64_t)v;
		break;
	case OPTION_DURATION:
		why = option_duration(a, o, t, &ret->num);
		break;
	case OPTION_SIZE:
		why = option_size(a, t, &ret->num);
		break;
	case OPTION_MNTNS:
		return option_mntns(a, t, &ret->num);
	case OPTION_USER:
		return option_user(a, t, &ret->num);
	}
	return why ? why : option_ranged(a, o, t, ret->num);
}

bool option_next(struct str *list, struct str *ret)
{
	if (!list->s)
		return false;
	const char *comma = memchr(list->s, ',', list->len);
	uint32_t n = comma ? (uint32_t)(comma - list->s) : list->len;
	*ret = (struct str){ list->s, n };
	*list = comma ? (struct str){ comma + 1, list->len - n - 1 } : (struct str){ 0 };
	return true;
}

/* ------------------------------------------------------------------- usage */

void option_form(const struct option_decl *o, struct buf *out)
{
	if (o->positional) {
		buf_addf(out, "%.*s%s", STR_FMT(o->value), o->list ? "..." : "");
		return;
	}
	if (o->letter)
		buf_addf(out, "-%c%s", o->letter, o->is_long ? ", " : "");
	if (o->is_long)
		buf_addf(out, "%s--%.*s", o->letter ? "" : "    ", STR_FMT(o->name));
	if (o->value.len)
		buf_addf(out, "%s%.*s%s", o->by_getopt ? "=" : " ", STR_FMT(o->value), o->list ? ",..." : "");
}

void option_synopsis(const struct options *o, const char *name, int width, struct buf *out)
{
	size_t line = out->len;
	int indent = (int)strlen(name) + 4, open = 0;
	buf_addf(out, "    %s", name);
	for (int positional = 0; positional <= 1; positional++) {
		for (uint32_t i = 0; i < o->v.n; i++) {
			const struct option_decl *d = &o->v.v[i];
			char word[96];
			if (d->positional != (positional == 1))
				continue;
			if (d->positional)
				snprintf(word, sizeof(word), "%s%.*s%s", d->required ? "" : "[", STR_FMT(d->value), d->list ? "..." : "");
			else if (d->letter)
				snprintf(word, sizeof(word), "[-%c%s%.*s%s]", d->letter, d->value.len ? " " : "", STR_FMT(d->value),
					 d->list ? ",..." : "");
			else
				snprintf(word, sizeof(word), "[--%.*s%s%.*s%s]", STR_FMT(d->name),
					 !d->value.len ? "" : d->by_getopt ? "=" : " ", STR_FMT(d->value), d->list ? ",..." : "");
			open += d->positional && !d->required;
			if ((int)(out->len - line + strlen(word) + 1) > width) {
				buf_addc(out, '\n');
				line = out->len;
				buf_pad(out, ' ', indent);
			}
			buf_addf(out, " %s", word);
		}
	}
	buf_pad(out, ']', open);
	buf_addc(out, '\n');
}

void option_help(const struct options *o, struct buf *out)
{
	enum { COLUMN = 30 };
	for (uint32_t i = 0; i < o->v.n; i++) {
		const struct option_decl *d = &o->v.v[i];
		size_t line = out->len;
		buf_adds(out, "    ");
		option_form(d, out);
		int used = (int)(out->len - line);
		if (used >= COLUMN) {
			buf_addc(out, '\n');
			used = 0;
		}
		buf_pad(out, ' ', COLUMN - used);
		buf_add(out, d->help.s, d->help.len);
		for (uint32_t k = 0; k < d->choices.n; k++)
			buf_addf(out, "%s%.*s", k ? ", " : ": ", STR_FMT(d->choices.v[k]));
		if (d->def.len && !(d->by_getopt && d->type == OPTION_FLAG))
			buf_addf(out, "%s(%.*s)", d->help.len ? " " : "", STR_FMT(d->def));
		buf_addc(out, '\n');
	}
}
