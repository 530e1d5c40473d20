/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preprocessor lines of a program's C text, tokens of C, and constant
 * expressions. Only what scripts use: object-like #define, conditionals, and
 * #include, which reads nothing: with BTF the kernel's types are there
 * already, without it the line is refused.
 */
#include <stdlib.h>

#include "sema/ctext.h"

void ctext_init(struct ctext *t, struct sema_ctx *c, struct str text, struct span span, struct ctext_state *st)
{
	*t = (struct ctext){ .c = c, .s = text.s, .len = text.len, .base = span.lo, .st = st };
	ctext_next(t);
}

bool ctext_expand(struct ctext *t, const struct ctext *from, struct str text)
{
	if (from->depth >= CTEXT_DEPTH || from->st->work++ > CTEXT_WORK)
		return false;
	*t = *from;
	t->s = text.s;
	t->len = text.len;
	t->pos = 0;
	if (!t->whole.lo)
		t->whole = (struct span){ from->base + from->lo, from->base + from->hi };
	t->depth++;
	ctext_next(t);
	return true;
}

static bool ctext_is_letter(char ch)
{
	return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || ch == '_';
}
static bool ctext_is_digit(char ch)
{
	return ch >= '0' && ch <= '9';
}

static void ctext_skip_space(struct ctext *t)
{
	for (;;) {
		const char *p = t->s + t->pos;
		uint32_t left = t->len - t->pos;
		if (left && (*p == ' ' || (*p >= '\t' && *p <= '\r') || *p == '\\')) {
			t->pos++;
		} else if (left > 1 && p[0] == '/' && p[1] == '/') {
			const char *nl = memchr(p, '\n', left);
			t->pos = nl ? (uint32_t)(nl - t->s) : t->len;
		} else if (left > 1 && p[0] == '/' && p[1] == '*') {
			const char *e = memmem(p + 2, left - 2, "*/", 2);
			t->pos = e ? (uint32_t)(e + 2 - t->s) : t->len;
		} else {
			return;
		}
	}
}

static void ctext_char(struct ctext *t)
{
	static const char from[] = "ntr0\\'\"", to[] = "\n\t\r\0\\'\"";
	uint32_t i = t->pos + 1;
	t->number = i < t->len ? (signed char)t->s[i] : 0;
	if (i < t->len && t->s[i] == '\\' && ++i < t->len) {
		const char *f = t->s[i] ? strchr(from, t->s[i]) : NULL;
		t->number = f ? to[f - from] : (signed char)t->s[i];
	}
	i++;
	t->hi = i < t->len && t->s[i] == '\'' ? i + 1 : t->len;
	t->kind = CT_NUMBER;
}

void ctext_next(struct ctext *t)
{
	static const char *const two[] = { "&&", "||", "==", "!=", "<=", ">=", "<<", ">>" };
	ctext_skip_space(t);
	t->lo = t->hi = t->pos;
	if (t->pos >= t->len) {
		t->kind = CT_END;
		return;
	}
	char ch = t->s[t->pos];
	if (ctext_is_letter(ch)) {
		t->kind = CT_WORD;
		while (t->hi < t->len && (ctext_is_letter(t->s[t->hi]) || ctext_is_digit(t->s[t->hi])))
			t->hi++;
	} else if (ctext_is_digit(ch)) {
		char num[32];
		while (t->hi < t->len && (ctext_is_letter(t->s[t->hi]) || ctext_is_digit(t->s[t->hi])))
			t->hi++;
		uint32_t n = t->hi - t->lo, digits = n;
		while (digits > 1 && strchr("uUlL", t->s[t->lo + digits - 1]))
			digits--;
		t->kind = CT_NUMBER;
		if (digits < sizeof(num)) {
			char *end;
			memcpy(num, t->s + t->lo, digits);
			num[digits] = '\0';
			t->number = (int64_t)strtoull(num, &end, 0);
			if (*end)
				ctext_error(t, "not a number");
		} else {
			ctext_error(t, "number too long");
		}
	} else if (ch == '\'') {
		ctext_char(t);
	} else {
		t->kind = CT_PUNCT;
		t->hi++;
		for (size_t i = 0; i < sizeof(two) / sizeof(*two); i++)
			if (t->len - t->pos >= 2 && !memcmp(t->s + t->pos, two[i], 2))
				t->hi = t->pos + 2;
	}
	t->pos = t->hi;
}

struct str ctext_word(const struct ctext *t)
{
	return (struct str){ arena_strndup(t->c->a, t->s + t->lo, t->hi - t->lo), t->hi - t->lo };
}

bool ctext_is(const struct ctext *t, const char *s)
{
	return t->kind != CT_END && t->hi - t->lo == strlen(s) && !memcmp(t->s + t->lo, s, t->hi - t->lo);
}

bool ctext_accept(struct ctext *t, const char *s)
{
	if (!ctext_is(t, s))
		return false;
	ctext_next(t);
	return true;
}

void ctext_error(struct ctext *t, const char *what)
{
	if (t->st->failed)
		return;
	t->st->failed = true;
	diag_add(t->c->d, D_C_TEXT, t->whole.lo ? t->whole : (struct span){ t->base + t->lo, t->base + t->hi }, what);
}

void ctext_skip_parens(struct ctext *t)
{
	int depth = 0;
	while (t->kind != CT_END) {
		if (ctext_is(t, "("))
			depth++;
		else if (ctext_is(t, ")") && --depth == 0) {
			ctext_next(t);
			return;
		}
		ctext_next(t);
	}
}

/* --------------------------------------------------- constant expressions */

static int64_t const_binary(struct ctext *t, int min);

static int64_t const_word(struct ctext *t)
{
	struct str w = ctext_word(t);
	struct sema_ctx *c = t->c;
	int64_t v = 0;
	struct type *et;
	if (t->in_if && ctext_accept(t, "defined")) {
		bool paren = ctext_accept(t, "(");
		if (t->kind != CT_WORD)
			ctext_error(t, "'defined' wants a name");
		v = map_get(&c->defines, ctext_word(t)) != NULL;
		ctext_next(t);
		if (paren && !ctext_accept(t, ")"))
			ctext_error(t, "expected ')'");
		return v;
	}
	if (!t->in_if && ctext_accept(t, "sizeof")) {
		struct type *st = NULL;
		if (!ctext_accept(t, "("))
			ctext_error(t, "expected '('");
		else
			st = ctext_type_name(t);
		if (!ctext_accept(t, ")"))
			ctext_error(t, "expected ')'");
		return st ? st->size : 0;
	}
	const struct str *def = map_get(&c->defines, w);
	const struct enum_const *ec = map_get(&c->enums, w);
	struct ctext sub;
	if (def && def->len && !t->st->failed) {
		if (!ctext_expand(&sub, t, *def)) {
			ctext_error(t, "#define expands too deeply");
			return 0;
		}
		v = ctext_const(&sub);
		if (sub.kind != CT_END)
			ctext_error(t, "not a constant expression");
	} else if (ec) {
		v = ec->value;
	} else if (!t->in_if && !(c->env->facts && c->env->facts->ops->enum_value(c->env->facts, w, &v, &et))) {
		ctext_error(t, arena_printf(c->a, "'%.*s' is not a constant", STR_FMT(w)));
	}
	ctext_next(t);
	return v;
}

static int64_t const_unary(struct ctext *t)
{
	int64_t v = 0;
	if (t->st->failed || t->depth > CTEXT_DEPTH) {
		ctext_error(t, "nested too deeply");
		return 0;
	}
	t->depth++;
	if (ctext_accept(t, "!")) {
		v = !const_unary(t);
	} else if (ctext_accept(t, "-")) {
		v = (int64_t)(0 - (uint64_t)const_unary(t));
	} else if (ctext_accept(t, "+")) {
		v = const_unary(t);
	} else if (ctext_accept(t, "~")) {
		v = ~const_unary(t);
	} else if (ctext_accept(t, "(")) {
		v = ctext_const(t);
		if (!ctext_accept(t, ")"))
			ctext_error(t, "expected ')'");
	} else if (t->kind == CT_NUMBER) {
		v = t->number;
		ctext_next(t);
	} else if (t->kind == CT_WORD) {
		v = const_word(t);
	} else {
		ctext_error(t, "expected a constant expression");
	}
	t->depth--;
	return v;
}

static int64_t const_apply(struct ctext *t, int op, int64_t a, int64_t b)
{
	uint64_t x = (uint64_t)a, y = (uint64_t)b;
	switch (op) {
	case 0: return a || b;
	case 1: return a && b;
	case 2: return a | b;
	case 3: return a ^ b;
	case 4: return a & b;
	case 5: return a == b;
	case 6: return a != b;
	case 7: return a <= b;
	case 8: return a >= b;
	case 9: return a < b;
	case 10: return a > b;
	case 11: return (int64_t)(y < 64 ? x << y : 0);
	case 12: return y < 64 ? a >> y : 0;
	case 13: return (int64_t)(x + y);
	case 14: return (int64_t)(x - y);
	case 15: return (int64_t)(x * y);
	default:
		if (b == 0 || (b == -1 && a == INT64_MIN)) {
			ctext_error(t, "division that has no result");
			return 0;
		}
		return op == 16 ? a / b : a % b;
	}
}

static int64_t const_binary(struct ctext *t, int min)
{
	static const struct {
		const char *text;
		int prec;
	} ops[] = { { "||", 1 }, { "&&", 2 }, { "|", 3 }, { "^", 4 }, { "&", 5 }, { "==", 6 }, { "!=", 6 }, { "<=", 7 }, { ">=", 7 },
		    { "<", 7 }, { ">", 7 }, { "<<", 8 }, { ">>", 8 }, { "+", 9 }, { "-", 9 }, { "*", 10 }, { "/", 10 }, { "%", 10 } };
	int64_t l = const_unary(t);
	while (!t->st->failed) {
		int i, n = (int)(sizeof(ops) / sizeof(*ops));
		for (i = 0; i < n && !ctext_is(t, ops[i].text); i++)
			;
		if (i == n || ops[i].prec < min)
			break;
		ctext_next(t);
		int64_t r = const_binary(t, ops[i].prec + 1);
		if (t->st->failed)
			break;
		l = const_apply(t, i, l, r);
	}
	return l;
}

int64_t ctext_const(struct ctext *t)
{
	int64_t v = const_binary(t, 1);
	if (t->st->failed || !ctext_accept(t, "?"))
		return v;
	if (t->depth++ > CTEXT_DEPTH) {
		ctext_error(t, "nested too deeply");
		return 0;
	}
	int64_t a = ctext_const(t);
	if (!ctext_accept(t, ":"))
		ctext_error(t, "expected ':'");
	int64_t b = ctext_const(t);
	t->depth--;
	return v ? a : b;
}

/* ------------------------------------------------------------------ lines */

static void cpp_define(struct ctext *t)
{
	struct sema_ctx *c = t->c;
	if (t->kind != CT_WORD) {
		ctext_error(t, "#define wants a name");
		return;
	}
	struct str name = ctext_word(t), *text = arena_new(c->a, struct str);
	/* a macro with parameters is known to #ifdef, but has no value */
	bool function = t->hi < t->len && t->s[t->hi] == '(';
	ctext_next(t);
	uint32_t lo = t->lo, hi = t->len;
	while (hi > lo && (t->s[hi - 1] == ' ' || t->s[hi - 1] == '\t' || t->s[hi - 1] == '\r'))
		hi--;
	if (function || t->kind == CT_END)
		hi = lo;
	*text = (struct str){ arena_strndup(c->a, t->s + lo, hi - lo), hi - lo };
	map_put(c->a, &c->defines, name, text);
}

/* Headers of the kernel: what they define is in its BTF. */
static bool cpp_is_kernels(struct str name)
{
	static const char *const folders[] = { "linux/", "asm/", "asm-generic/", "uapi/", "net/", "trace/", "generated/", "scsi/", "crypto/", "drm/",
					       "sound/", "xen/", "video/" };
	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++)
		if (str_starts(name, folders[i]))
			return true;
	return false;
}

static void cpp_include(struct cpp *p, struct ctext *t)
{
	struct sema_ctx *c = t->c;
	struct str what = { arena_strndup(c->a, t->s + t->lo, t->len - t->lo), t->len - t->lo };
	while (what.len && (what.s[what.len - 1] <= ' '))
		what.len--;
	bool btf = c->env->facts && c->env->facts->ops->has(c->env->facts, FEAT_BTF);
	struct span sp = { t->base + t->lo, t->base + t->lo + what.len };
	if (!t->base) /* of --include: nowhere */
		sp = (struct span){ 0 };
	const char *shown = arena_strndup(c->a, what.s, what.len);
	char end = what.len > 2 && what.s[0] == '<' ? '>' : what.len > 2 && what.s[0] == '"' ? '"' : '\0';
	const char *close = end ? memchr(what.s + 1, end, what.len - 1) : NULL;
	if (!close) {
		ctext_error(t, "#include wants <file> or \"file\"");
		return;
	}
	struct str name = { what.s + 1, (uint32_t)(close - what.s - 1) };
	bool angled = end == '>', kernels = angled && cpp_is_kernels(name);
	if (kernels && btf && !c->env->include_dirs && !c->header_depth) /* a header of the system knows what it needs */
		return;
	if (sema_header(c, p, name, angled, sp))
		return;
	if (!btf)
		diag_add(c->d, D_C_INCLUDE, sp, shown);
	else if (!angled)
		diag_add(c->d, D_C_HEADER, sp, STR_FMT(name));
}

static bool cpp_if(struct ctext *t, const char *dir)
{
	if (strcmp(dir, "if") && strcmp(dir, "elif")) {
		bool is = t->kind == CT_WORD && map_get(&t->c->defines, ctext_word(t));
		if (t->kind != CT_WORD)
			ctext_error(t, arena_printf(t->c->a, "#%s wants a name", dir));
		return strcmp(dir, "ifdef") ? !is : is;
	}
	t->in_if = true;
	int64_t v = ctext_const(t);
	if (t->kind != CT_END)
		ctext_error(t, arena_printf(t->c->a, "#%s wants a constant expression", dir));
	return v != 0;
}

static void cpp_condition(struct cpp *p, struct ctext *t, struct str dir)
{
	bool live = cpp_live(p);
	if (str_starts(dir, "if")) {
		if (p->depth == CPP_DEPTH) {
			ctext_error(t, "conditionals nested too deeply");
			return;
		}
		struct cpp_cond *k = &p->stack[p->depth++];
		*k = (struct cpp_cond){ .span = p->span, .outer = live };
		k->live = live && cpp_if(t, dir.s);
		k->taken = k->live;
		return;
	}
	struct cpp_cond *k = p->depth ? &p->stack[p->depth - 1] : NULL;
	if (!k || (k->in_else && !str_is(dir, "endif"))) {
		t->lo = 0, t->hi = t->len;
		ctext_error(t, arena_printf(t->c->a, "#%.*s without #if", STR_FMT(dir)));
		return;
	}
	if (str_is(dir, "endif")) {
		p->depth--;
	} else if (str_is(dir, "else")) {
		k->in_else = true;
		k->live = k->outer && !k->taken;
		k->taken = true;
	} else {
		k->live = k->outer && !k->taken && cpp_if(t, "elif");
		k->taken |= k->live;
	}
}

bool cpp_live(const struct cpp *p)
{
	return !p->depth || p->stack[p->depth - 1].live;
}

void cpp_line(struct sema_ctx *c, struct cpp *p, struct node *n)
{
	static const char *const conditions[] = { "if", "ifdef", "ifndef", "elif", "else", "endif" };
	struct ctext_state st = { 0 };
	struct ctext t;
	p->span = n->span;
	ctext_init(&t, c, n->str, n->span, &st);
	ctext_next(&t); /* behind '#' */
	if (t.kind == CT_END)
		return;
	struct str dir = ctext_word(&t);
	for (size_t i = 0; i < sizeof(conditions) / sizeof(*conditions); i++) {
		if (str_is(dir, conditions[i])) {
			ctext_next(&t);
			cpp_condition(p, &t, dir);
			return;
		}
	}
	if (!cpp_live(p) || str_is(dir, "pragma") || str_is(dir, "line") || t.kind == CT_NUMBER)
		return;
	if (ctext_accept(&t, "define")) {
		cpp_define(&t);
	} else if (ctext_accept(&t, "undef")) {
		map_put(c->a, &c->defines, ctext_word(&t), NULL);
	} else if (ctext_accept(&t, "include")) {
		cpp_include(p, &t);
	} else if (str_is(dir, "error") || str_is(dir, "warning")) {
		t.lo = 0, t.hi = t.len;
		if (str_is(dir, "error"))
			ctext_error(&t, arena_printf(c->a, "%.*s", STR_FMT(n->str)));
	} else {
		ctext_error(&t, arena_printf(c->a, "unknown preprocessor line #%.*s", STR_FMT(dir)));
	}
}
