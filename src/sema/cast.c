/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conversions: casts in the source (reference 2.7) and the implicit ones, which
 * become N_CAST nodes with ival = 1 in the last round, so that lowering never
 * asks what type an operand really is. Literals take the type at once.
 */
#include "sema/sema_priv.h"

bool sema_fits(const struct node *n, const struct type *t)
{
	if (n->kind != N_INT)
		return false;
	if (n->ival < 0 && n->is_unsigned)
		return t->size == 8 && !t->is_signed;
	if (n->ival < 0 && !t->is_signed)
		return false;
	if (t->size >= 8)
		return true;
	int64_t max = ((int64_t)1 << (t->size * 8 - t->is_signed)) - 1;
	return n->ival <= max && n->ival >= (t->is_signed ? -max - 1 : 0);
}

/* The type without trusted pointers: what comes out of memory of ours is a plain address. */
static struct type *value_plain(struct sema_ctx *c, struct type *t)
{
	if (t->kind == T_PTR && t->as == AS_BTF)
		return type_ptr(c->a, t->elem, AS_KERNEL);
	if (t->kind != T_TUPLE && t->kind != T_RECORD)
		return t;
	struct type *r = NULL;
	for (uint32_t i = 0; i < t->fields.n; i++) {
		struct type *f = value_plain(c, t->fields.v[i].type);
		if (f == t->fields.v[i].type)
			continue;
		if (!r) {
			r = arena_dup(c->a, t, sizeof(*t));
			r->fields.v = arena_dup(c->a, t->fields.v, sizeof(*t->fields.v) * t->fields.n);
			r->fields.cap = t->fields.n;
		}
		r->fields.v[i].type = f;
	}
	return r ? r : t;
}

struct type *sema_value_type(struct sema_ctx *c, struct type *t)
{
	if (type_is_castable(t))
		return sema_int(c, 8, t->is_signed && t->kind != T_COUNT);
	return value_plain(c, t);
}

static void cast_literal(struct node *n, struct type *t)
{
	uint64_t v = (uint64_t)n->ival;
	unsigned shift = 64 - t->size * 8;
	v = t->is_signed ? (uint64_t)((int64_t)(v << shift) >> shift) : v << shift >> shift;
	n->kind = N_INT;
	n->ival = (int64_t)v;
	n->is_unsigned = !t->is_signed && n->ival < 0;
	n->type = t;
}

/* A tuple or record that is written out: convert its parts. */
static bool cast_parts(struct sema_ctx *c, struct node *n, struct type *t)
{
	if ((n->kind != N_TUPLE || t->kind != T_TUPLE) && (n->kind != N_RECORD || t->kind != T_RECORD))
		return false;
	if (n->list.n != t->fields.n)
		return false;
	for (uint32_t i = 0; n->kind == N_RECORD && i < n->list.n; i++)
		if (!str_eq(n->list.v[i]->str, t->fields.v[i].name))
			return false;
	for (uint32_t i = 0; i < n->list.n; i++) {
		struct node **part = n->kind == N_RECORD ? &n->list.v[i]->a : &n->list.v[i];
		sema_coerce(c, part, t->fields.v[i].type);
		if (n->kind == N_RECORD)
			n->list.v[i]->type = t->fields.v[i].type;
	}
	n->type = t;
	return true;
}

void sema_coerce(struct sema_ctx *c, struct node **pn, struct type *t)
{
	struct node *n = *pn;
	struct type *from = n->type;
	if (!c->final || !t || !from || from->kind == T_ERROR || t->kind == T_ERROR || from == t)
		return;
	bool trust = from->kind == T_PTR && t->kind == T_PTR && from->as != t->as &&
		     (from->as == AS_BTF || from->as == AS_CTX || t->as == AS_BTF || t->as == AS_CTX);
	if (type_eq(from, t) && !trust)
		return;
	if ((n->kind == N_INT || n->kind == N_BOOL) && t->kind == T_INT) {
		cast_literal(n, t);
		return;
	}
	if (n->kind == N_STRING && t->kind == T_STRING && t->size >= from->size) {
		n->type = t;
		return;
	}
	if (cast_parts(c, n, t))
		return;
	struct node *x = node_new(c->a, N_CAST, n->span);
	x->ival = 1;
	x->type = t;
	x->typed = true;
	x->a = n;
	*pn = x;
}

/* ---------------------------------------------------------- written casts */

/* Where an integer that becomes a pointer points: by the pointers it was made of, else by the probe. Text is read from the user's side, too,
 * if the address says so: kernel probes see many of a system call's arguments. */
static enum addr_space cast_space(struct sema_ctx *c, const struct node *n, const struct type *elem)
{
	while (n) {
		if (n->type && n->type->kind == T_PTR)
			return n->type->as == AS_BTF || n->type->as == AS_CTX ? AS_KERNEL : n->type->as;
		if (n->type && n->type->kind == T_INT && n->type->as)
			return n->type->as; /* kptr(), uptr() of a number */
		if (n->kind == N_BINARY && n->b && n->b->type && sema_is_literal(n->b))
			n = n->a;
		else if (n->kind == N_BINARY && n->a && sema_is_literal(n->a))
			n = n->b;
		else if (n->kind == N_CAST || n->kind == N_UNARY)
			n = n->a;
		else
			break;
	}
	enum addr_space as = n && n->kind == N_INT ? AS_KERNEL : sema_space(c->clause);
	bool text = elem->kind == T_INT && elem->size == 1 && n && n->kind != N_INT;
	return as == AS_KERNEL && text ? AS_NONE : as;
}

/* int to array of the same size, or a literal to one of up to 8 bytes; "int8[]" takes its length from the operand */
static struct type *cast_to_array(struct sema_ctx *c, struct node *n, const struct type *from, struct type *t,
				  bool *ret_reported)
{
	uint32_t size = from->kind == T_STRING || type_is_int(from) ? from->size : 0;
	if (!size || t->elem->size == 0)
		return NULL;
	if (from->kind == T_STRING && !sema_char_like(t->elem))
		return NULL;
	if (type_is_int(from) && t->elem->kind != T_INT && t->elem->kind != T_BOOL)
		return NULL;
	if (t->count == 0) {
		if (size % t->elem->size) {
			SERR(c, D_CAST_ARRAY, n->span);
			*ret_reported = true;
			return NULL;
		}
		return type_array(c->a, t->elem, size / t->elem->size);
	}
	if (t->size == size || (from->kind != T_STRING && n->a->kind == N_INT && t->size <= 8 && t->size >= size))
		return t;
	return NULL;
}

static bool cast_enum(struct sema_ctx *c, struct node *n, struct type *t)
{
	if (t->values.n == 0 && c->env->facts && t->origin)
		c->env->facts->ops->complete(c->env->facts, t);
	if (n->a->kind != N_INT)
		return true;
	for (uint32_t i = 0; i < t->values.n; i++)
		if (t->values.v[i].value == n->a->ival)
			return true;
	SERR(c, D_ENUM_VALUE, n->span, STR_FMT(t->name), (long long)n->a->ival);
	return false;
}

/* The type of the cast of `from` to `t`, or NULL; *ret_reported when the reason was told. */
static struct type *cast_type(struct sema_ctx *c, struct node *n, struct type *from, struct type *t, bool *ret_reported)
{
	bool number = type_is_int(from) || type_is_castable(from) || from->kind == T_BOOL;
	switch (t->kind) {
	case T_INT:
		if (number || from->kind == T_PTR || (from->kind == T_ARRAY && type_is_int(from->elem) && from->size == t->size))
			return t;
		return NULL;
	case T_BOOL:
		return number || from->kind == T_STRING || from->kind == T_PTR ? t : NULL;
	case T_ENUM:
		if (!number)
			return NULL;
		*ret_reported = !cast_enum(c, n, t);
		return *ret_reported ? NULL : t;
	case T_PTR:
		if (from->kind == T_PTR) {
			/* the kernel knows trusted pointers by their type: another type is another matter */
			bool same = type_eq(from->elem, t->elem) && t->elem->kind == T_STRUCT;
			return type_ptr(c->a, t->elem, from->as == AS_BTF && !same ? AS_KERNEL : from->as);
		}
		return type_is_int(from) || type_is_castable(from) ? type_ptr(c->a, t->elem, cast_space(c, n->a, t->elem)) : NULL;
	case T_USERNAME:
		return type_is_int(from) ? t : NULL;
	case T_ARRAY:
		return type_eq(from, t) ? from : cast_to_array(c, n, from, t, ret_reported);
	case T_STRING:
		if (from->kind != T_STRING)
			return NULL;
		return t->size == 0 ? from : t->size >= from->size ? t : NULL;
	default:
		return t->kind != T_STRUCT && type_eq(from, t) ? t : NULL;
	}
}

struct type *sema_cast(struct sema_ctx *c, struct node **pn)
{
	struct node *n = *pn;
	if (n->ival == 1 && !n->tref)
		return n->type; /* implicit: made by us */
	struct type *from = sema_expr(c, &n->a), *t = sema_typeref(c, n->tref);
	bool reported = false;
	if (from->kind == T_ERROR)
		/* what it is called is known, whatever the operand turns out to be */
		return t && !c->final && (t->kind == T_INT || t->kind == T_BOOL) ? t : sema_basic(c, SB_ERROR);
	if (!t || t->kind == T_ERROR)
		return sema_basic(c, SB_ERROR);
	if (from->kind == T_NONE || (from->kind == T_STRUCT && t->kind != T_STRUCT)) {
		if (from->kind == T_NONE)
			SERR(c, D_CAST_NONE, n->span);
		else
			SERR(c, D_CAST_STRUCT, n->span, type_str(c->a, from));
		return sema_basic(c, SB_ERROR);
	}
	struct type *r = cast_type(c, n, from, t, &reported);
	if (!r) {
		if (!reported)
			SERR(c, D_CAST, n->span, type_str(c->a, from), type_str(c->a, t));
		return sema_basic(c, SB_ERROR);
	}
	if (type_eq(from, r) && !from->flexible && !sema_is_literal(n->a) && r->kind != T_PTR && !c->s->config.generated)
		SERR(c, D_CAST_UNNECESSARY, n->span, type_str(c->a, r));
	if (r->kind == T_ARRAY && n->a->kind == N_INT)
		sema_coerce(c, &n->a, sema_int(c, 8, false));
	n->type = r;
	if (!n->tref->a || c->final || c->folding)
		sema_fold(c, n);
	return n->type;
}
