/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Expressions: the type of every node, bottom up (reference 2.4 to 2.7).
 *
 * sema_expr runs in every round of inference. Before the last one a node may
 * get T_ERROR because something it uses is not known yet; nothing is reported
 * and the tree is not changed in a way that depends on types. In the last
 * round each node is visited once: errors are reported, `.` on pointers
 * becomes an explicit dereference, operands are converted.
 *
 * Address spaces: a pointer's type says where its pointee lives (type.as); an
 * aggregate that is used in place says where it lives (node.as). A pointer
 * loaded from memory gets its space from the memory it came from
 * (expr_loaded), with one exception: kernel objects that the verifier knows
 * (AS_BTF) lead to others that it knows, but for members of unions, arrays and
 * pointers to anything but structs.
 */
#include "sema/sema_priv.h"

enum { TUPLE_MAX_BYTES = 1 << 16, TUPLE_MAX_NESTING = 32 };

static struct type *expr_error(struct sema_ctx *c)
{
	return sema_basic(c, SB_ERROR);
}

enum addr_space sema_space(const struct clause *cl)
{
	const struct provider *p = cl->provider;
	if (p->id == PROV_TRACEPOINT && cl->attach.n)
		return str_is(cl->attach.v[0]->target, "syscalls") ? AS_USER : AS_KERNEL;
	return p->ptr_as == AS_USER || p->ptr_as == AS_NONE ? p->ptr_as : AS_KERNEL;
}

bool sema_complete(struct sema_ctx *c, struct type *t)
{
	if (t->kind != T_STRUCT)
		return true;
	if (!t->complete && c->env->facts)
		c->env->facts->ops->complete(c->env->facts, t);
	for (uint32_t i = 0; i < t->fields.n; i++)
		if (!t->fields.v[i].name.len && t->fields.v[i].type->kind == T_STRUCT && !t->fields.v[i].type->complete)
			sema_complete(c, t->fields.v[i].type);
	return t->complete;
}

void sema_complete_whole(struct sema_ctx *c, struct type *t)
{
	if (!t || t->whole)
		return;
	sema_complete(c, t);
	if (t->kind == T_ARRAY) {
		sema_complete_whole(c, t->elem);
	} else if (t->kind == T_STRUCT || t->kind == T_TUPLE || t->kind == T_RECORD) {
		t->whole = true;
		for (uint32_t i = 0; i < t->fields.n; i++)
			sema_complete_whole(c, t->fields.v[i].type);
	}
}

void sema_near_field(struct sema_ctx *c, const struct type *t, struct str name)
{
	if (!c->final)
		return;
	int best = 1 + (int)name.len / 4;
	const char *near = NULL;
	for (uint32_t i = 0; i < t->fields.n; i++) {
		const struct field *f = &t->fields.v[i];
		int d = f->name.len ? str_distance(f->name.s, name.s, best) : best + 1;
		if (d <= best) {
			best = d - 1;
			near = f->name.s;
		}
	}
	if (near)
		diag_hint(c->d, "did you mean '%s'?", near);
}

/* Is the member reached through an anonymous union of t? */
static bool expr_through_union(const struct type *t, struct str name)
{
	for (uint32_t i = 0; i < t->fields.n; i++) {
		const struct field *f = &t->fields.v[i];
		if (f->name.len && str_eq(f->name, name))
			return t->is_union;
		if (!f->name.len && f->type->kind == T_STRUCT && type_field(f->type, name, NULL))
			return t->is_union || f->type->is_union || expr_through_union(f->type, name);
	}
	return false;
}

/* May a pointer that is loaded from this place be trusted, if the place may? Not inside unions and arrays. */
static bool expr_is_direct(const struct node *n)
{
	for (; n->kind == N_FIELD || n->kind == N_INDEX; n = n->a) {
		if (n->kind == N_INDEX)
			return false;
		const struct type *t = n->a->type;
		while (t && t->kind == T_PTR)
			t = t->elem;
		if (!t || t->kind != T_STRUCT || expr_through_union(t, n->str))
			return false;
		if (n->a->type->kind == T_PTR)
			break; /* behind it another object begins */
	}
	return true;
}

/* The type of a value of type t that is loaded from memory in space `as`; n: the place. */
static struct type *expr_loaded(struct sema_ctx *c, struct type *t, enum addr_space as, const struct node *n)
{
	enum addr_space to = as;
	if (t->kind == T_STRUCT)
		sema_complete(c, t);
	if (t->kind != T_PTR)
		return t;
	if (as == AS_CTX || as == AS_BTF) {
		enum provider_id p = c->clause->provider->id;
		bool typed = as == AS_BTF || c->clause->provider->typed || p == PROV_ITER;
		bool known = t->elem->kind == T_STRUCT && !t->elem->is_union && t->elem->origin && !t->elem->maker;
		/* (the members of an iterator's context lie in unions with a u64, for their size) */
		to = !typed ? sema_space(c->clause) : known && (as == AS_CTX || expr_is_direct(n)) ? AS_BTF : AS_KERNEL;
	} else if (as == AS_NONE) {
		to = t->as == AS_BTF || t->as == AS_CTX ? AS_KERNEL : t->as ? t->as : sema_space(c->clause);
	}
	return t->as == to ? t : type_ptr(c->a, t->elem, to);
}

struct node *sema_deref(struct sema_ctx *c, struct node *p)
{
	struct node *n = node_new(c->a, N_UNARY, p->span);
	n->op = O_DEREF;
	n->a = p;
	n->as = p->type->as ? p->type->as : sema_space(c->clause); /* never ours: & is no way to a pointer */
	n->type = expr_loaded(c, p->type->elem, n->as, n);
	n->typed = c->final;
	return n;
}

bool sema_condition(struct sema_ctx *c, struct node **pn)
{
	struct type *t = sema_expr(c, pn);
	if (t->kind == T_ERROR)
		return false;
	if (t->kind == T_BOOL || type_is_int(t) || t->kind == T_PTR || type_is_castable(t))
		return true;
	SERR(c, D_CONDITION, (*pn)->span, sema_base_name(t));
	return false;
}

/* -------------------------------------------------------- fields, indices */

static void expr_no_field(struct sema_ctx *c, const struct node *n, const struct type *t, bool args)
{
	enum provider_id p = c->clause->provider->id;
	if (args && p == PROV_TRACEPOINT && str_starts(n->str, "common_")) {
		SERR(c, D_COMMON_FIELD, n->span);
		return;
	}
	if (args && p != PROV_TRACEPOINT)
		SERR(c, D_NO_PARAMETER, n->span, STR_FMT(n->str));
	else if (t->kind == T_RECORD)
		SERR(c, D_RECORD_FIELD, n->span, STR_FMT(n->str));
	else
		SERR(c, D_NO_FIELD, n->span, type_str(c->a, t), STR_FMT(n->str));
	sema_near_field(c, t, n->str);
}

/* `.` goes through pointers, any number of them, to what has members. */
static struct type *expr_behind(struct sema_ctx *c, struct node *n, struct type *t, enum addr_space *as)
{
	while (t->kind == T_PTR && (t->elem->kind == T_PTR || t->elem->kind == T_STRUCT || t->elem->kind == T_RECORD || t->elem->kind == T_TUPLE)) {
		*as = t->as ? t->as : sema_space(c->clause);
		if (c->final) {
			n->a = sema_deref(c, n->a);
			t = n->a->type;
		} else {
			/* the same without touching the tree */
			t = expr_loaded(c, t->elem, *as, &(struct node){ .kind = N_UNARY });
		}
	}
	return t;
}

static struct type *expr_field(struct sema_ctx *c, struct node *n)
{
	struct type *t = sema_expr(c, &n->a);
	enum addr_space as = n->a->as;
	bool args = n->a->kind == N_BUILTIN && n->a->builtin == B_ARGS;
	if (t->kind == T_ERROR)
		return t;
	t = expr_behind(c, n, t, &as);
	if (t->kind != T_STRUCT && t->kind != T_RECORD) {
		SERR(c, D_FIELD_OF, n->span, STR_FMT(n->str), type_str(c->a, t));
		return expr_error(c);
	}
	if (!sema_complete(c, t)) {
		SERR(c, D_UNKNOWN_TYPE, n->a->span, type_str(c->a, t));
		return expr_error(c);
	}
	const struct field *f = type_field(t, n->str, NULL);
	if (!f) {
		expr_no_field(c, n, t, args);
		return expr_error(c);
	}
	if (f->absent) {
		SERR(c, D_ARG_UNREADABLE, n->span, STR_FMT(n->str), f->absent);
		return expr_error(c);
	}
	if (args && c->clause->provider->id == PROV_UPROBE) /* registers and words of the stack: values, not a context */
		as = AS_NONE;
	n->as = (uint8_t)as;
	if (f->data_loc || f->rel_loc)
		return f->type->kind == T_PTR ? type_ptr(c->a, f->type->elem, AS_KERNEL) :
		       type_ptr(c->a, f->type->kind == T_ARRAY ? f->type->elem : sema_int(c, 1, true), AS_KERNEL);
	if (t->kind == T_RECORD)
		return f->type;
	return expr_loaded(c, f->type, as, n);
}

/* A literal within a record that is written down here (config, typeinfo) is that literal. */
static struct type *expr_literal_field(struct sema_ctx *c, struct node *n, struct type *t)
{
	if (n->a->kind != N_RECORD || t->kind == T_ERROR || !(c->final || c->folding))
		return t;
	for (uint32_t i = 0; i < n->a->list.n; i++) {
		struct node *f = n->a->list.v[i];
		if (!str_eq(f->str, n->str) || !sema_is_literal(f->a))
			continue;
		struct span sp = n->span;
		*n = *f->a;
		n->span = sp;
		return n->type ? n->type : t;
	}
	return t;
}

static struct type *expr_tuple_index(struct sema_ctx *c, struct node *n)
{
	struct type *t = sema_expr(c, &n->a);
	if (t->kind == T_ERROR)
		return t;
	enum addr_space as;
	t = expr_behind(c, n, t, &as);
	if (t->kind != T_TUPLE) {
		SERR(c, D_TUPLE_INDEX_OF, n->span, (long long)n->ival, type_str(c->a, t));
		return expr_error(c);
	}
	if (n->ival < 0 || (uint64_t)n->ival >= t->fields.n) {
		SERR(c, D_TUPLE_INDEX, n->span, (long long)n->ival, t->fields.n);
		return expr_error(c);
	}
	n->as = n->a->as;
	return t->fields.v[n->ival].type;
}

static bool expr_index_checked(struct sema_ctx *c, struct node *n, const struct type *i, uint32_t count)
{
	const struct node *x = n->b;
	if (!type_is_int(i) || (i->is_signed && !i->flexible) || (x->kind == N_INT && x->ival < 0 && !x->is_unsigned)) {
		SERR(c, D_INDEX_SIGNED, x->span, type_str(c->a, i));
		return false;
	}
	if (count && x->kind == N_INT && (uint64_t)x->ival >= count) {
		SERR(c, D_INDEX_BOUNDS, n->span, (long long)x->ival, count);
		return false;
	}
	return true;
}

static bool expr_is_sized(struct sema_ctx *c, struct type *t)
{
	return t->kind != T_VOID && t->kind != T_FUNC && sema_complete(c, t) && t->size;
}

static struct type *expr_index(struct sema_ctx *c, struct node **pn)
{
	struct node *n = *pn;
	struct type *t = sema_expr(c, &n->a), *i = sema_expr(c, &n->b);
	if (t->kind == T_ERROR)
		return t;
	if (t->kind == T_TUPLE && n->b->kind == N_INT) {
		n->kind = N_TUPLEIDX;
		n->ival = n->b->ival;
		n->b = NULL;
		return expr_tuple_index(c, n);
	}
	if (t->kind == T_PTR && !expr_is_sized(c, t->elem)) {
		SERR(c, D_INDEX_UNSIZED, n->span, type_str(c->a, t));
		return expr_error(c);
	}
	if (t->kind == T_TUPLE || (t->kind != T_ARRAY && t->kind != T_PTR && t->kind != T_STRING)) {
		if (t->kind == T_TUPLE)
			SERR(c, D_TUPLE_LITERAL, n->b->span);
		else
			SERR(c, D_INDEX_TYPE, n->span, type_str(c->a, t));
		return expr_error(c);
	}
	uint32_t count = t->kind == T_ARRAY ? t->count : t->kind == T_STRING ? t->size : 0;
	if (i->kind != T_ERROR && !expr_index_checked(c, n, i, count))
		return expr_error(c);
	if (sema_fold(c, n))
		return n->type;
	if (c->final)
		sema_coerce(c, &n->b, sema_int(c, 8, false));
	if (t->kind == T_STRING) {
		n->as = n->a->as;
		return sema_basic(c, SB_I8);
	}
	if (t->kind == T_ARRAY) {
		n->as = n->a->as == AS_BTF ? AS_KERNEL : n->a->as;
		return expr_loaded(c, t->elem, n->as, n);
	}
	/* p[i] is *(p + i), and arithmetic ends trust */
	struct node *sum = node_new(c->a, N_BINARY, n->span);
	sum->op = O_ADD;
	sum->a = n->a;
	sum->b = n->b;
	sum->type = t->as == AS_BTF || t->as == AS_CTX ? type_ptr(c->a, t->elem, AS_KERNEL) : t;
	sum->typed = c->final;
	struct node *d = sema_deref(c, sum);
	d->span = n->span;
	if (c->final)
		*pn = d;
	return d->type;
}

/* ------------------------------------------------------------- aggregates */

static struct type *expr_part(struct sema_ctx *c, struct node **pn, const char *what)
{
	struct type *t = sema_expr(c, pn);
	if (t->kind == T_ERROR)
		return NULL;
	if (t->kind == T_NONE || (type_is_agg(t) && !type_is_castable(t)) || ((*pn)->as == AS_CTX && t->kind == T_STRUCT)) {
		SERR(c, D_PART, (*pn)->span, type_str(c->a, t), what);
		return NULL;
	}
	t = sema_value_type(c, t);
	sema_coerce(c, pn, t);
	return t;
}

static uint32_t expr_nesting(const struct type *t)
{
	uint32_t most = 0;
	for (uint32_t i = 0; (t->kind == T_TUPLE || t->kind == T_RECORD) && i < t->fields.n; i++) {
		uint32_t d = 1 + expr_nesting(t->fields.v[i].type);
		most = d > most ? d : most;
	}
	return most;
}

static struct type *expr_tuple(struct sema_ctx *c, struct node *n)
{
	uint64_t size = 0;
	bool record = n->kind == N_RECORD, bad = false;
	if (n->list.n == 0)
		return sema_basic(c, SB_NONE);
	struct type *t = type_new(c->a, record ? T_RECORD : T_TUPLE, 0, 1);
	for (uint32_t i = 0; i < n->list.n; i++) {
		struct node *x = n->list.v[i];
		struct field f = { .type = expr_part(c, record ? &x->a : &n->list.v[i], record ? "record" : "tuple") };
		if (record) {
			f.name = x->str;
			x->type = f.type ? f.type : expr_error(c);
		}
		bad |= !f.type;
		if (f.type) {
			vec_push(c->a, &t->fields, f);
			size += f.type->size;
		}
	}
	if (bad)
		return expr_error(c);
	/* types that are made of themselves, through maps, double with each step */
	if (size > TUPLE_MAX_BYTES || expr_nesting(t) > TUPLE_MAX_NESTING) {
		SERR(c, D_TOO_MANY, n->span,
		     arena_printf(c->a, "Tuples and records of more than %d bytes, or nested more than %d deep, "
				  "are not supported",
				  TUPLE_MAX_BYTES, TUPLE_MAX_NESTING));
		return expr_error(c);
	}
	type_layout(t);
	return t;
}

/* ------------------------------------------------------------ maps, names */

void sema_access(struct sema_ctx *c, struct node *n, bool keyed, struct type *key)
{
	struct map_sym *m = n->map;
	m->has_access = true;
	if (!m->keyed_known) {
		m->keyed_known = c->changed = true;
		m->keyed = keyed;
	}
	if (m->keyed != keyed) {
		if (keyed)
			SERR(c, D_MAP_KEYED, n->span, STR_FMT(m->name));
		else
			SERR(c, D_MAP_SCALAR, n->span, STR_FMT(m->name));
		return;
	}
	if (!keyed || !key || key->kind == T_ERROR)
		return;
	struct span sp = n->a ? n->a->span : n->span;
	if (key->kind == T_NONE) {
		SERR(c, D_KEY_NONE, sp);
		return;
	}
	bool context = (key->kind == T_PTR && key->as == AS_CTX) || (n->a && n->a->as == AS_CTX && key->kind == T_STRUCT);
	if ((type_is_agg(key) && !type_is_castable(key)) || context) {
		SERR(c, D_KEY_TYPE, sp, type_is_agg(key) ? type_str(c->a, key) : "context");
		return;
	}
	key = sema_value_type(c, key);
	struct type *merged = type_merge(c->a, m->key, key);
	if (c->final) {
		if (!m->key || (m->key->kind != T_ERROR && (!merged || !type_eq(merged, m->key))))
			SERR(c, D_KEY_MISMATCH, sp, STR_FMT(m->name), type_str(c->a, key), type_str(c->a, m->key));
	} else if (merged && (!m->key || !type_eq(merged, m->key) || merged->flexible != m->key->flexible)) {
		m->key = merged;
		c->changed = true;
	}
}

static struct type *expr_map(struct sema_ctx *c, struct node *n)
{
	struct type *key = n->a ? sema_expr(c, &n->a) : NULL;
	sema_access(c, n, n->a != NULL, key);
	if (n->map->keyed != (n->a != NULL))
		return expr_error(c);
	if (n->a)
		sema_coerce(c, &n->a, n->map->key);
	return n->map->value ? n->map->value : expr_error(c);
}

static struct type *expr_var(struct sema_ctx *c, struct node *n)
{
	struct var_sym *v = n->var;
	if (c->final && !v->seen) {
		v->seen = true;
		if (v->assigned && v->type && v->type->kind != T_ERROR)
			diag_add(c->d, D_VAR_EARLY, n->span, STR_FMT(v->name));
	}
	return v->type ? v->type : expr_error(c);
}

static struct type *expr_branches(struct sema_ctx *c, struct node *n)
{
	sema_condition(c, &n->a);
	struct type *x = sema_expr(c, &n->b), *y = sema_expr(c, &n->c);
	if (x->kind == T_ERROR || y->kind == T_ERROR)
		return !c->final && x->kind != T_ERROR ? x : !c->final ? y : expr_error(c);
	if (sema_fold(c, n))
		return n->type;
	if (x->kind == T_NONE && y->kind == T_NONE)
		return x;
	x = sema_value_type(c, x);
	y = sema_value_type(c, y);
	struct type *t = x->kind == T_NONE || y->kind == T_NONE ? NULL : type_merge(c->a, x, y);
	if (!t && c->s->config.generated && ((x->kind == T_BOOL && y->kind == T_INT) || (x->kind == T_INT && y->kind == T_BOOL)))
		t = x->kind == T_INT ? x : y; /* as in C, which such programs were written in */
	if (!t) {
		SERR(c, D_BRANCH_TYPES, n->span, type_str(c->a, x), type_str(c->a, y));
		return expr_error(c);
	}
	sema_coerce(c, &n->b, t);
	sema_coerce(c, &n->c, t);
	return t;
}

static struct type *expr_call(struct sema_ctx *c, struct node *n)
{
	if (builtin_info[n->builtin].flags & BF_AGG) {
		SERR(c, D_AGG_DIRECT, n->span, builtin_info[n->builtin].name);
		return expr_error(c);
	}
	struct type *t = sema_call(c, n);
	if (n->kind == N_BLOCK || n->kind == N_IF || n->kind == N_TERNARY)
		return n->type ? n->type : t;
	return t;
}

/* A block (the body of a macro, mostly) that is nothing but a value is that value: literals stay literals. */
static struct type *expr_block(struct sema_ctx *c, struct node **pn)
{
	struct node *n = *pn;
	struct type *t = sema_block(c, n, true);
	if (n->list.n == 0 && n->a && (c->final || sema_is_literal(n->a)) && t->kind != T_ERROR) {
		struct node *v = n->a;
		v->span = n->call.lo ? n->call : v->span;
		*pn = v;
	}
	return t;
}

static struct type *expr_kind(struct sema_ctx *c, struct node **pn)
{
	struct node *n = *pn;
	switch (n->kind) {
	case N_INT:
		/* enum constants, typed constants and poisoned ones have their type already */
		return n->type ? n->type : sema_literal_type(c, n->ival, n->is_unsigned);
	case N_STRING:
		if (n->str.len >= c->s->config.max_strlen && (!n->type || n->type->size == n->str.len + 1))
			SERR(c, D_STRING_LONG, n->span, c->s->config.max_strlen, STR_FMT(n->str));
		return n->type ? n->type : type_string(c->a, n->str.len + 1);
	case N_BOOL:
		return sema_basic(c, SB_BOOL);
	case N_BUILTIN:
		return sema_builtin_value(c, n);
	case N_VAR:
		return expr_var(c, n);
	case N_MAP:
		return expr_map(c, n);
	case N_CALL:
		return expr_call(c, n);
	case N_UNARY:
		return sema_unary(c, pn);
	case N_INCDEC:
		return sema_incdec(c, n);
	case N_BINARY:
		return sema_binary(c, pn);
	case N_TERNARY:
		return expr_branches(c, n);
	case N_FIELD:
		return expr_literal_field(c, n, expr_field(c, n));
	case N_TUPLEIDX:
		return expr_tuple_index(c, n);
	case N_INDEX:
		return expr_index(c, pn);
	case N_CAST:
		return sema_cast(c, pn);
	case N_TUPLE:
	case N_RECORD:
		return expr_tuple(c, n);
	case N_SIZEOF:
		return sema_sizeof(c, n);
	case N_OFFSETOF:
		return sema_offsetof(c, n);
	case N_TYPEINFO:
		return sema_typeinfo(c, n);
	case N_TYPEOF:
		SERR(c, D_TYPEOF_ARG, n->span);
		return expr_error(c);
	case N_COMPTIME: {
		struct node *x = n;
		struct type *t = sema_comptime_expr(c, &x);
		if (c->final)
			*pn = x;
		return t;
	}
	case N_IF:
		return sema_if(c, pn, true);
	case N_INLINE:
		return sema_inlined(c, n);
	case N_BLOCK:
		return expr_block(c, pn);
	default:
		return expr_error(c); /* the parser's N_ERROR: reported there */
	}
}

struct type *sema_expr(struct sema_ctx *c, struct node **pn)
{
	struct node *n = *pn;
	if (n->typed)
		return n->type;
	if (c->depth >= SEMA_DEPTH) {
		if (!c->too_deep)
			diag_add(c->d, D_TOO_MANY, n->span, "The expression is nested too deeply");
		c->too_deep = true;
		n->type = expr_error(c);
		return n->type;
	}
	c->depth++;
	struct type *t = expr_kind(c, pn);
	c->depth--;
	n = *pn;
	n->type = t ? t : expr_error(c);
	n->typed = c->final;
	return n->type;
}
