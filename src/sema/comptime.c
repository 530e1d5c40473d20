/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls that are gone after sema: what is known at compile time becomes a
 * literal (type predicates, getopt, kaddr, pton, registers keep an offset),
 * what is made of other things becomes those (assert, container_of, is_err),
 * and compile-time errors are reported where they survive (fail,
 * static_assert). Options of the script (reference 4.5) are read here.
 */
#include <arpa/inet.h>
#include <strings.h>

#include "lang/lex.h"
#include "sema/sema_priv.h"

static struct type *fold_bool(struct sema_ctx *c, struct node *n, bool v)
{
	n->kind = N_BOOL;
	n->ival = v;
	n->list.n = 0;
	return n->type = sema_basic(c, SB_BOOL);
}

static struct type *fold_int(struct sema_ctx *c, struct node *n, uint64_t v, bool is_signed)
{
	n->kind = N_INT;
	n->ival = (int64_t)v;
	n->is_unsigned = !is_signed;
	n->list.n = 0;
	return n->type = sema_int(c, 8, is_signed);
}

static struct type *fold_string(struct sema_ctx *c, struct node *n, struct str s)
{
	n->kind = N_STRING;
	n->str = s;
	n->list.n = 0;
	return n->type = type_string(c->a, s.len + 1);
}

/* Argument i as a string literal, or NULL (reported). */
static const struct node *fold_text(struct sema_ctx *c, struct node *n, uint32_t i)
{
	struct type *t = sema_expr(c, &n->list.v[i]);
	const struct node *x = n->list.v[i];
	if (x->kind == N_STRING)
		return x;
	if (t && t->kind != T_ERROR) {
		SERR(c, D_ARG_LITERAL, x->span, builtin_info[n->builtin].name, "string", sema_base_name(t));
		sema_hint_param(c, x);
	}
	return NULL;
}

/* A check that has been made: nothing is left of it. */
static struct type *fold_nothing(struct sema_ctx *c, struct node *n)
{
	if (c->final) {
		n->kind = N_BLOCK;
		n->str = (struct str){ "", 0 };
		n->list.n = 0;
	}
	return n->type = sema_basic(c, SB_NONE);
}

static bool fold_is_literal(const struct node *n)
{
	return n->kind == N_INT || n->kind == N_STRING || n->kind == N_BOOL;
}

/* ------------------------------------------------- predicates over types */

static struct type *fold_predicate(struct sema_ctx *c, struct node *n)
{
	struct node *x = n->list.v[0];
	if (n->builtin == B_IS_SCALAR) {
		if (x->kind != N_MAP || x->a) {
			SERR(c, D_ARG_MAP, x->span, "is_scalar");
			return sema_basic(c, SB_BOOL);
		}
		return x->map->keyed_known || c->final ? fold_bool(c, n, !x->map->keyed) : sema_basic(c, SB_BOOL);
	}
	struct type *t = sema_expr(c, &n->list.v[0]);
	x = n->list.v[0];
	if (n->builtin == B_IS_LITERAL) /* folding below may still turn it into one */
		return t && (fold_is_literal(x) || c->final || c->folding) ? fold_bool(c, n, fold_is_literal(x)) : sema_basic(c, SB_BOOL);
	if (!t || t->kind == T_ERROR)
		return t ? t : sema_basic(c, SB_BOOL);
	if (!c->final && !c->folding) /* the type may still change: another statement may widen it, or turn its sign */
		return sema_basic(c, SB_BOOL);
	switch (n->builtin) {
	case B_IS_STR: return fold_bool(c, n, t->kind == T_STRING);
	case B_IS_PTR: return fold_bool(c, n, t->kind == T_PTR);
	case B_IS_ARRAY: return fold_bool(c, n, t->kind == T_ARRAY);
	case B_IS_INTEGER: return fold_bool(c, n, type_is_int(t));
	default: return fold_bool(c, n, type_is_int(t) && !t->is_signed);
	}
}

static struct type *fold_strcap(struct sema_ctx *c, struct node *n)
{
	struct type *t = sema_expr(c, &n->list.v[0]);
	if (!t || t->kind == T_ERROR)
		return t ? t : sema_int(c, 8, false);
	if ((t->kind == T_STRING || t->kind == T_ARRAY) && !c->final && !c->folding) /* it may still grow */
		return sema_int(c, 8, false);
	if (t->kind == T_STRING)
		return fold_int(c, n, t->size, false);
	if (t->kind == T_ARRAY && sema_char_like(t->elem))
		return fold_int(c, n, t->count, false);
	struct node *len = sema_node_call(c, B_STRLEN, n->span);
	vec_push(c->a, &len->list, n->list.v[0]);
	return sema_become(c, n, len);
}

static struct type *fold_assert_str(struct sema_ctx *c, struct node *n)
{
	struct type *t = sema_expr(c, &n->list.v[0]);
	struct span sp = n->list.v[0]->span;
	if (t && t->kind != T_ERROR && sema_not_string(t))
		SERR(c, D_STR_LIKE, sp, sema_not_string(t));
	return fold_nothing(c, n);
}

static struct type *fold_check_key(struct sema_ctx *c, struct node *n)
{
	struct node *m = n->list.v[0];
	const struct node *who = fold_text(c, n, 2);
	if (m->kind != N_MAP || m->a) {
		SERR(c, D_ARG_MAP, m->span, "check_key");
		return fold_nothing(c, n);
	}
	struct type *k = sema_expr(c, &n->list.v[1]);
	if (c->final && m->map->keyed_known && !m->map->keyed && who)
		SERR(c, D_MAP_NO_KEYS, m->span, arena_strndup(c->a, who->str.s, who->str.len));
	else if (k && k->kind != T_ERROR)
		sema_access(c, m, true, k);
	m->type = sema_basic(c, SB_NONE);
	return fold_nothing(c, n);
}

static struct type *fold_userspace(struct sema_ctx *c, struct node *n)
{
	const struct provider *p = c->clause->provider;
	const struct node *who = fold_text(c, n, 0);
	if (who && p->id != PROV_UPROBE && p->id != PROV_URETPROBE && p->id != PROV_USDT) {
		const char *s = arena_printf(c->a, "%.*s can not be used for this probetype: %s", STR_FMT(who->str), p->name);
		SERR(c, D_FAIL, n->span, (int)strlen(s), s);
	}
	return fold_nothing(c, n);
}

/* ---------------------------------------------------- compile-time errors */

static struct type *fold_fail(struct sema_ctx *c, struct node *n)
{
	const struct node *fmt = fold_text(c, n, 0);
	struct format_spec sp;
	struct buf b = { 0 };
	uint32_t pos = 0, at = 0, arg = 1;
	for (uint32_t i = 1; i < n->list.n; i++) {
		sema_expr(c, &n->list.v[i]);
		if (!fold_is_literal(n->list.v[i])) {
			SERR(c, D_FAIL_LITERALS, n->list.v[i]->span);
			return fold_nothing(c, n);
		}
	}
	if (!fmt || !c->final)
		return fold_nothing(c, n);
	while (sema_format_next(fmt->str, &pos, &sp)) {
		buf_add(&b, fmt->str.s + at, sp.lo - at);
		at = sp.hi;
		const struct node *x = sp.conv[0] != '%' && arg < n->list.n ? n->list.v[arg++] : NULL;
		if (!x)
			buf_add(&b, fmt->str.s + (sp.conv[0] == '%' ? sp.hi - 1 : sp.lo), sp.conv[0] == '%' ? 1 : sp.hi - sp.lo);
		else if (x->kind == N_STRING)
			buf_add(&b, x->str.s, x->str.len);
		else if (x->kind == N_BOOL)
			buf_adds(&b, x->ival ? "true" : "false");
		else
			buf_addf(&b, x->is_unsigned ? "%llu" : sp.conv[0] == 'x' ? "%llx" : "%lld", (long long)x->ival);
	}
	buf_add(&b, fmt->str.s + at, fmt->str.len - at);
	const char *text = arena_strndup(c->a, b.s ? b.s : "", b.len);
	buf_fini(&b);
	SERR(c, D_FAIL, n->span, (int)strlen(text), text);
	return fold_nothing(c, n);
}

static struct type *fold_static_assert(struct sema_ctx *c, struct node *n)
{
	sema_expr(c, &n->list.v[0]);
	const struct node *x = n->list.v[0], *msg = fold_text(c, n, 1);
	if (x->type && x->type->kind == T_ERROR)
		return fold_nothing(c, n);
	if (x->kind != N_BOOL && x->kind != N_INT)
		SERR(c, D_COMPTIME, x->span);
	else if (!x->ival && msg)
		SERR(c, D_FAIL, n->span, STR_FMT(msg->str));
	return fold_nothing(c, n);
}

/* assert(cond, msg): if (!cond) { errorf("assert failed: %s", msg); exit(1); } */
static struct type *fold_assert(struct sema_ctx *c, struct node *n)
{
	struct node *cond = node_new(c->a, N_UNARY, n->list.v[0]->span), *body = node_new(c->a, N_BLOCK, n->span);
	struct node *iff = node_new(c->a, N_IF, n->span), *fmt = node_new(c->a, N_STRING, n->span);
	struct node *code = node_new(c->a, N_INT, n->span);
	struct node *calls[] = { sema_node_call(c, B_ERRORF, n->span), sema_node_call(c, B_EXIT, n->span) };
	cond->op = O_NOT;
	cond->a = n->list.v[0];
	fmt->str = STR("assert failed: %s");
	code->ival = 1;
	vec_push(c->a, &calls[0]->list, fmt);
	vec_push(c->a, &calls[0]->list, n->list.v[1]);
	vec_push(c->a, &calls[1]->list, code);
	for (int i = 0; i < 2; i++) {
		struct node *st = node_new(c->a, N_EXPRSTMT, n->span);
		st->a = calls[i];
		vec_push(c->a, &body->list, st);
	}
	iff->a = cond;
	iff->b = body;
	return sema_become(c, n, iff);
}

/* ---------------------------------------------------- pointers, addresses */

static struct node *fold_cast(struct sema_ctx *c, const char *type, struct node *x)
{
	struct node *n = node_new(c->a, N_CAST, x->span);
	n->tref = node_new(c->a, N_TYPEREF, x->span);
	n->tref->str = str_of(type);
	n->a = x;
	return n;
}

/* (uint64)p >= -4095 as unsigned: the last page holds error codes */
static struct type *fold_is_err(struct sema_ctx *c, struct node *n)
{
	struct type *t = sema_expr(c, &n->list.v[0]);
	if (!t || t->kind == T_ERROR)
		return sema_basic(c, SB_BOOL);
	if (t->kind != T_PTR && !type_is_int(t)) {
		SERR(c, D_ARG_TYPE, n->list.v[0]->span, "is_err", "pointer", sema_base_name(t));
		return sema_basic(c, SB_BOOL);
	}
	struct node *ge = node_new(c->a, N_BINARY, n->span), *v = node_new(c->a, N_INT, n->span);
	v->ival = -4095;
	v->is_unsigned = true;
	v->type = sema_int(c, 8, false);
	ge->op = O_GE;
	/* by way of the signed type, so that a narrow negative number keeps its sign */
	ge->a = fold_cast(c, "uint64", type_is_int(t) && t->is_signed ? fold_cast(c, "int64", n->list.v[0]) : n->list.v[0]);
	ge->b = v;
	return sema_become(c, n, ge);
}

/* container_of(ptr, type, member): (type *)((uint8 *)ptr - offsetof(type, member)); pointers keep their address space */
static struct type *fold_container_of(struct sema_ctx *c, struct node *n)
{
	struct node *t = n->list.v[1], *m = n->list.v[2];
	if (t->kind != N_TYPEOF || !(t->tref || t->a)) {
		SERR(c, D_ARG_TYPE, t->span, "container_of", "typeof", "expression");
		return sema_basic(c, SB_ERROR);
	}
	struct node *off = node_new(c->a, N_OFFSETOF, n->span), *sub = node_new(c->a, N_BINARY, n->span);
	struct node *cast = node_new(c->a, N_CAST, n->span);
	for (; m->kind == N_FIELD; m = m->a) { /* member a.b.c, innermost last */
		struct node *f = node_new(c->a, N_IDENT, m->span);
		f->str = m->str;
		vec_push(c->a, &off->list, f);
	}
	if (m->kind != N_IDENT) {
		SERR(c, D_ARG_TYPE, n->list.v[2]->span, "container_of", "member", "expression");
		return sema_basic(c, SB_ERROR);
	}
	vec_push(c->a, &off->list, m);
	for (uint32_t i = 0; i < off->list.n / 2; i++) {
		struct node *x = off->list.v[i];
		off->list.v[i] = off->list.v[off->list.n - 1 - i];
		off->list.v[off->list.n - 1 - i] = x;
	}
	off->tref = node_clone(c->a, t->tref);
	off->a = node_clone(c->a, t->a);
	sub->op = O_SUB;
	sub->a = fold_cast(c, "uint8", n->list.v[0]);
	vec_push(c->a, &sub->a->tref->list, node_new(c->a, N_PTRSUFFIX, t->span));
	sub->b = off;
	cast->tref = node_new(c->a, N_TYPEREF, t->span);
	cast->tref->tref = node_clone(c->a, t->tref);
	cast->tref->a = node_clone(c->a, t->a);
	vec_push(c->a, &cast->tref->list, node_new(c->a, N_PTRSUFFIX, t->span));
	cast->a = sub;
	return sema_become(c, n, cast);
}

static struct type *fold_kaddr(struct sema_ctx *c, struct node *n)
{
	const struct node *x = fold_text(c, n, 0);
	struct facts *f = c->env->facts;
	uint64_t v = x && f ? f->ops->kaddr(f, x->str) : 0;
	if (v)
		return fold_int(c, n, v, false);
	if (x)
		SERR(c, D_KADDR, x->span, STR_FMT(x->str));
	return sema_int(c, 8, false);
}

static struct type *fold_cgroupid(struct sema_ctx *c, struct node *n)
{
	const struct node *x = fold_text(c, n, 0);
	struct facts *f = c->env->facts;
	uint64_t id = x && f && f->ops->cgroup ? f->ops->cgroup(f, x->str) : 0;
	if (id)
		return fold_int(c, n, id, false);
	if (x)
		SERR(c, D_CGROUP, x->span, STR_FMT(x->str));
	return sema_int(c, 8, false);
}

/* The bytes of an address as an array: a cast of the integer with those bytes. */
static struct type *fold_pton(struct sema_ctx *c, struct node *n)
{
	const struct node *x = fold_text(c, n, 0);
	uint32_t v4;
	uint8_t v6[16];
	if (!x)
		return type_array(c->a, sema_int(c, 1, false), 4);
	const char *s = arena_strndup(c->a, x->str.s, x->str.len);
	if (inet_pton(AF_INET6, s, v6) == 1) {
		/* its bytes as a string of 16 without room for a NUL, seen as an array */
		struct node *bytes = node_new(c->a, N_STRING, n->span);
		bytes->str = (struct str){ arena_dup(c->a, v6, sizeof(v6)), sizeof(v6) };
		bytes->type = type_string(c->a, sizeof(v6));
		bytes->typed = true;
		n->kind = N_CAST;
		n->ival = 1;
		n->a = bytes;
		n->list.n = 0;
		return n->type = type_array(c->a, sema_int(c, 1, false), sizeof(v6));
	}
	if (inet_pton(AF_INET, s, &v4) != 1) {
		SERR(c, D_ADDRESS_TEXT, x->span, STR_FMT(x->str));
		return type_array(c->a, sema_int(c, 1, false), 4);
	}
	struct node *v = node_new(c->a, N_INT, n->span);
	v->ival = v4;
	v->type = sema_int(c, 4, false);
	struct node *cast = fold_cast(c, "uint8", v), *four = node_new(c->a, N_ARRSUFFIX, n->span);
	four->ival = 4;
	vec_push(c->a, &cast->tref->list, four);
	return sema_become(c, n, cast);
}

static struct type *fold_kfunc_exist(struct sema_ctx *c, struct node *n)
{
	const struct node *x = fold_text(c, n, 0);
	struct facts *f = c->env->facts;
	if (!x)
		return sema_basic(c, SB_BOOL);
	return fold_bool(c, n, f && f->ops->function(f, STR("vmlinux"), x->str));
}

/* -- what a script may ask before it relies on it -- */

/* "struct x", "union x", "enum x", or a typedef's name; NULL: there is none. */
static struct type *fold_kernel_type(struct sema_ctx *c, struct str name)
{
	static const char *const words[] = { "struct ", "union ", "enum " };
	for (size_t i = 0; i < 3; i++) {
		uint32_t n = (uint32_t)strlen(words[i]);
		if (!str_starts(name, words[i]))
			continue;
		while (n < name.len && name.s[n] == ' ')
			n++;
		struct type *t = sema_named_type(c, words[i][0], (struct str){ name.s + n, name.len - n });
		return t && t->kind == T_STRUCT && !sema_complete(c, t) ? NULL : t;
	}
	return sema_named_type(c, 't', name);
}

static struct type *fold_exists(struct sema_ctx *c, struct node *n)
{
	const struct node *x = fold_text(c, n, 0), *y = n->builtin == B_FIELD_EXISTS ? fold_text(c, n, 1) : x;
	struct facts *f = c->env->facts;
	bool found = false;
	if (!x || !y)
		return sema_basic(c, SB_BOOL);
	if (n->builtin == B_PROBE_EXISTS) {
		found = sema_probe_exists(c, n, x->str);
	} else if (n->builtin == B_ENUM_EXISTS) {
		int64_t v;
		struct type *t;
		found = f && f->ops->enum_value(f, x->str, &v, &t);
	} else {
		struct type *t = fold_kernel_type(c, x->str);
		found = t != NULL;
		struct str path = y->str;
		while (n->builtin == B_FIELD_EXISTS && found) { /* "a.b.c" */
			uint32_t k = 0, extra;
			while (k < path.len && path.s[k] != '.')
				k++;
			if (t->kind == T_PTR && t->elem)
				t = t->elem;
			const struct field *fl = t->kind == T_STRUCT && sema_complete(c, t) ?
							 type_field(t, (struct str){ path.s, k }, &extra) : NULL;
			found = fl != NULL;
			if (k >= path.len)
				break;
			t = fl ? fl->type : t;
			path = (struct str){ path.s + k + 1, path.len - k - 1 };
		}
	}
	return fold_bool(c, n, found);
}

/* reg("ip"): where it lies in struct pt_regs */
static struct type *fold_reg(struct sema_ctx *c, struct node *n)
{
	static const struct {
		const char *name;
		uint8_t off;
	} rows[] = { { "r15", 0 }, { "r14", 8 }, { "r13", 16 }, { "r12", 24 }, { "bp", 32 }, { "bx", 40 }, { "r11", 48 },
		     { "r10", 56 }, { "r9", 64 }, { "r8", 72 }, { "ax", 80 }, { "cx", 88 }, { "dx", 96 }, { "si", 104 },
		     { "di", 112 }, { "orig_rax", 120 },
		     { "ip", 128 }, { "pc", 128 }, { "cs", 136 }, { "flags", 144 }, { "sp", 152 }, { "ss", 160 } };
	const struct node *x = fold_text(c, n, 0);
	const struct provider *p = c->clause->provider;
	bool found = false;
	for (size_t i = 0; x && i < sizeof(rows) / sizeof(*rows); i++) {
		if (str_is(x->str, rows[i].name)) {
			n->ival = rows[i].off;
			found = true;
		}
	}
	if (!(p->access & ACC_REG))
		SERR(c, D_ACCESS_REG, n->span, "reg", p->name);
	else if (c->loop)
		SERR(c, D_LOOP_BUILTIN, n->span, "reg");
	else if (x && !found)
		SERR(c, D_REGISTER, x->span, STR_FMT(x->str));
	return sema_int(c, 8, false);
}

/* ----------------------------------------------------------------- getopt */

struct getopt_opt {
	const struct node *def; /* NULL: bool, false */
	struct str text;        /* description */
	bool failed;
};

/* The word "--name" or "--name=value" given for an option. */
static bool getopt_given(const struct sema_ctx *c, struct str name, bool *ret_bare, struct str *ret_value)
{
	bool found = false;
	for (uint32_t i = 0; i < c->env->named.n; i++) { /* the last one counts */
		struct str w = c->env->named.v[i];
		if (w.len < name.len + 2 || memcmp(w.s, "--", 2) || memcmp(w.s + 2, name.s, name.len))
			continue;
		if (w.len > name.len + 2 && w.s[name.len + 2] != '=')
			continue;
		*ret_bare = w.len == name.len + 2;
		*ret_value = *ret_bare ? STR("true") : (struct str){ w.s + name.len + 3, w.len - name.len - 3 };
		found = true;
	}
	return found;
}

static void getopt_error(struct sema_ctx *c, struct node *n, struct getopt_opt *o, struct str name, const char *what, struct str v)
{
	if (!c->final || o->failed)
		return;
	o->failed = true; /* said once, in however many places the option is read */
	diag_add(c->d, D_GETOPT, n->span,
		 arena_printf(c->a, "program command line option --%.*s %s (value: %.*s)", STR_FMT(name), what, STR_FMT(v)));
}

static struct type *getopt_bool(struct sema_ctx *c, struct node *n, struct getopt_opt *o, struct str name, struct str v)
{
	static const char *const yes[] = { "1", "true", "on", "yes" }, *const no[] = { "0", "false", "off", "no" };
	for (int i = 0; i < 4; i++) {
		if (v.len == strlen(yes[i]) && !strncasecmp(v.s, yes[i], v.len))
			return fold_bool(c, n, true);
		if (v.len == strlen(no[i]) && !strncasecmp(v.s, no[i], v.len))
			return fold_bool(c, n, false);
	}
	getopt_error(c, n, o, name, "expects a boolean (e.g. 'true')", v);
	return sema_basic(c, SB_BOOL);
}

static struct type *getopt_int(struct sema_ctx *c, struct node *n, struct getopt_opt *o, struct str name, struct str v, bool bare)
{
	bool is_signed = o->def->ival < 0 && !o->def->is_unsigned, neg = v.len && v.s[0] == '-', uns;
	uint64_t x;
	if (bare) {
		getopt_error(c, n, o, name, "expects an integer", v);
	} else if (lex_integer(c->a, neg ? (struct str){ v.s + 1, v.len - 1 } : v, true, &x, &uns) ||
		   (neg && (!is_signed || x > (uint64_t)INT64_MAX + 1)) || (!neg && is_signed && x > INT64_MAX)) {
		getopt_error(c, n, o, name, "invalid integer", v);
	} else {
		return fold_int(c, n, neg ? 0 - x : x, is_signed);
	}
	return sema_int(c, 8, is_signed);
}

static bool getopt_same(const struct node *x, const struct node *y)
{
	if (!x || !y)
		return (x ? x : y) == NULL || ((x ? x : y)->kind == N_BOOL && !(x ? x : y)->ival);
	return x->kind == y->kind && (x->kind == N_STRING ? str_eq(x->str, y->str) : x->ival == y->ival);
}

static const char *getopt_default(struct sema_ctx *c, const struct node *d)
{
	if (!d || d->kind == N_BOOL)
		return d && d->ival ? "true" : "false";
	return d->kind == N_STRING ? arena_strndup(c->a, d->str.s, d->str.len) : arena_printf(c->a, "%lld", (long long)d->ival);
}

static struct type *fold_getopt(struct sema_ctx *c, struct node *n)
{
	const struct node *name = fold_text(c, n, 0), *def = NULL, *text = NULL;
	if (n->list.n > 1) {
		struct type *t = sema_expr(c, &n->list.v[1]);
		def = n->list.v[1];
		if (!fold_is_literal(def)) {
			if (t && t->kind != T_ERROR)
				SERR(c, D_ARG_LITERAL, def->span, "getopt", "bool, int, or string", sema_base_name(t));
			return c->final ? sema_basic(c, SB_ERROR) : NULL;
		}
	}
	if (n->list.n > 2)
		text = fold_text(c, n, 2);
	if (!name || (n->list.n > 2 && !text))
		return sema_basic(c, SB_ERROR);
	struct getopt_opt *o = map_get(&c->getopts, name->str);
	if (!o) {
		o = arena_new(c->a, struct getopt_opt);
		o->def = def ? node_clone(c->a, def) : NULL;
		o->text = text ? text->str : (struct str){ "", 0 };
		map_put(c->a, &c->getopts, name->str, o);
	} else if (!getopt_same(o->def, def)) {
		SERR(c, D_GETOPT, n->span,
		     arena_printf(c->a, "Command line option '%.*s' needs to have the same default value in all places it is used. "
				  "Previous default value: %s", STR_FMT(name->str), getopt_default(c, o->def)));
		return sema_basic(c, SB_ERROR);
	} else if (!str_eq(o->text, text ? text->str : (struct str){ "", 0 })) {
		SERR(c, D_GETOPT, n->span,
		     arena_printf(c->a, "Command line option '%.*s' must have the same description in all places it's used. "
				  "Hint: You can wrap it in a macro", STR_FMT(name->str)));
		return sema_basic(c, SB_ERROR);
	}
	struct str v = { "", 0 };
	bool bare = false, given = getopt_given(c, name->str, &bare, &v);
	if (!def || def->kind == N_BOOL)
		return given ? getopt_bool(c, n, o, name->str, v) : fold_bool(c, n, def && def->ival);
	if (def->kind == N_STRING)
		return fold_string(c, n, given ? (bare ? STR("true") : v) : def->str);
	if (given)
		return getopt_int(c, n, o, name->str, v, bare);
	return fold_int(c, n, (uint64_t)def->ival, def->ival < 0 && !def->is_unsigned);
}

/* Options of calls that were pruned or lie in macros that are not used count as known, too. */
static void getopt_names(struct sema_ctx *c, const struct node *n)
{
	if (!n)
		return;
	if (n->kind == N_CALL && str_is(n->str, "getopt") && n->list.n && n->list.v[0]->kind == N_STRING &&
	    !map_get(&c->getopts, n->list.v[0]->str))
		map_put(c->a, &c->getopts, n->list.v[0]->str, arena_new(c->a, struct getopt_opt));
	getopt_names(c, n->a);
	getopt_names(c, n->b);
	getopt_names(c, n->c);
	for (uint32_t i = 0; i < n->list.n; i++)
		getopt_names(c, n->list.v[i]);
}

void sema_getopt_check(struct sema_ctx *c)
{
	struct buf bad = { 0 }, hint = { 0 };
	uint32_t n_bad = 0;
	getopt_names(c, c->program);
	for (uint32_t i = 0; i < c->env->named.n; i++) {
		struct str w = c->env->named.v[i];
		const char *eq = memchr(w.s, '=', w.len);
		struct str name = { w.s + 2, (uint32_t)(eq ? eq - w.s : w.len) - 2 };
		if (w.len >= 2 && (map_get(&c->getopts, name) || option_find(&c->options, name)))
			continue;
		buf_addf(&bad, "%s--%.*s", n_bad++ ? ", " : "", STR_FMT(name));
	}
	if (n_bad) {
		for (uint32_t i = 0; i < c->getopts.n; i++) {
			const struct getopt_opt *o = c->getopts.slots[i].val;
			buf_addf(&hint, "%s--%.*s", i ? "\n" : "", STR_FMT(c->getopts.slots[i].key));
			if (o->text.len)
				buf_addf(&hint, ": %.*s", STR_FMT(o->text));
		}
		diag_add(c->d, D_GETOPT, (struct span){ 0 }, arena_printf(c->a, "unexpected program command line options: %s", bad.s));
		diag_hint(c->d, "expected program options:%s%s", c->getopts.n ? "\n" : " none", hint.s ? hint.s : "");
	}
	buf_fini(&bad);
	buf_fini(&hint);
}

struct type *sema_comptime(struct sema_ctx *c, struct node *n)
{
	switch (n->builtin) {
	case B_IS_STR: case B_IS_PTR: case B_IS_ARRAY: case B_IS_INTEGER: case B_IS_UNSIGNED_INTEGER: case B_IS_LITERAL:
	case B_IS_SCALAR:
		return fold_predicate(c, n);
	case B_STRCAP:
		return fold_strcap(c, n);
	case B_ASSERT_STR:
		return fold_assert_str(c, n);
	case B_CHECK_KEY:
		return fold_check_key(c, n);
	case B_ASSERT_USERSPACE_PROBE:
		return fold_userspace(c, n);
	case B_FAIL:
		return fold_fail(c, n);
	case B_STATIC_ASSERT:
		return fold_static_assert(c, n);
	case B_ASSERT:
		return fold_assert(c, n);
	case B_IS_ERR:
		return fold_is_err(c, n);
	case B_CONTAINER_OF:
		return fold_container_of(c, n);
	case B_KADDR:
		return fold_kaddr(c, n);
	case B_CGROUPID:
		return fold_cgroupid(c, n);
	case B_PTON:
		return fold_pton(c, n);
	case B_KFUNC_EXIST:
		return fold_kfunc_exist(c, n);
	case B_PROBE_EXISTS:
	case B_TYPE_EXISTS:
	case B_FIELD_EXISTS:
	case B_ENUM_EXISTS:
		return fold_exists(c, n);
	case B_REG:
		return fold_reg(c, n);
	case B_GETOPT:
		return fold_getopt(c, n);
	default:
		SERR(c, D_INTERNAL, n->span, arena_printf(c->a, "%s() has no rule", builtin_info[n->builtin].name));
		return sema_basic(c, SB_ERROR);
	}
}
