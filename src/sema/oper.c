/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operators: which operands they take and what type they give (reference 2.4
 * to 2.6). Arithmetic is done in 64 bits: both operands are converted to the
 * result's type, unsigned only if both are (a literal that is not negative is
 * whatever the other one is). Comparisons convert to a common type in the
 * same way; two strings are compared as they are, whatever their sizes.
 * Operands of && || ! are conditions and stay what they are.
 */
#include "sema/sema_priv.h"

static bool oper_is_compare(enum ast_op op)
{
	return op >= O_EQ && op <= O_GE;
}

static bool oper_is_int(const struct type *t)
{
	return type_is_int(t) || type_is_castable(t);
}

static bool oper_is_number(const struct type *t)
{
	return oper_is_int(t) || t->kind == T_BOOL;
}

/* -1 unsigned, 1 signed, 0 either: a literal that is not negative, a bool */
static int oper_sign(const struct type *t)
{
	if (t->kind == T_BOOL || t->flexible)
		return 0;
	return t->is_signed && t->kind != T_COUNT ? 1 : -1;
}

static struct type *oper_wide(struct sema_ctx *c, const struct type *x, const struct type *y)
{
	int a = oper_sign(x), b = oper_sign(y);
	return sema_int(c, 8, a > 0 || b > 0 || (a == 0 && b == 0));
}

struct type *sema_op_type(struct sema_ctx *c, enum ast_op op, const struct type *x, const struct type *y)
{
	if (!oper_is_number(x) || !oper_is_number(y))
		return NULL;
	if (oper_is_compare(op) || (x->kind == T_BOOL && y->kind == T_BOOL))
		return sema_basic(c, SB_BOOL);
	if (op == O_SUB)
		return sema_int(c, 8, true);
	if (op == O_SHL || op == O_SHR)
		return sema_int(c, 8, oper_sign(x) >= 0);
	return oper_wide(c, x, y);
}

static struct type *oper_refuse(struct sema_ctx *c, const struct node *n, const struct type *x, const struct type *y)
{
	SERR(c, D_OP_TYPES, n->span, ast_op_text[n->op], type_str(c->a, x), type_str(c->a, y));
	return sema_basic(c, SB_ERROR);
}

static struct type *oper_mismatch(struct sema_ctx *c, const struct node *n, const struct type *x, const struct type *y)
{
	const char *l = type_str(c->a, x), *r = type_str(c->a, y);
	if (!c->final)
		return sema_basic(c, SB_ERROR);
	diag_add(c->d, D_OP_MISMATCH, n->span, ast_op_text[n->op], l, r);
	diag_add_context(c->d, D_CONTEXT, n->a->span, arena_printf(c->a, "left (%s)", l));
	diag_add_context(c->d, D_CONTEXT, n->b->span, arena_printf(c->a, "right (%s)", r));
	return sema_basic(c, SB_ERROR);
}

static struct type *oper_numbers(struct sema_ctx *c, struct node *n, struct type *x, struct type *y)
{
	struct type *t = sema_op_type(c, n->op, x, y), *w = t;
	if (oper_is_compare(n->op)) {
		/* of one type already: as they are */
		bool same = type_eq(x, y) && !type_is_agg(x);
		w = same ? x : oper_wide(c, x, y);
	}
	if ((n->op == O_DIV || n->op == O_MOD) && oper_sign(x) * oper_sign(y) < 0)
		SERR(c, D_DIV_SIGNS, n->span, ast_op_text[n->op]);
	sema_coerce(c, &n->a, w);
	sema_coerce(c, &n->b, w);
	return t;
}

/* One operand at least is a pointer; the other one is a pointer or a number. */
static struct type *oper_pointers(struct sema_ctx *c, struct node *n, struct type *x, struct type *y)
{
	if (oper_is_compare(n->op)) {
		if (x->kind == T_PTR && y->kind == T_PTR) {
			if (!type_eq(x, y))
				SERR(c, D_POINTER_TYPES, n->span, type_str(c->a, x), type_str(c->a, y));
			if (!type_eq(x, y))
				sema_coerce(c, &n->b, type_ptr(c->a, x->elem, y->as));
		} else if (x->kind == T_BOOL || y->kind == T_BOOL) {
			return oper_mismatch(c, n, x, y);
		} else {
			/* an address against a number: both as numbers */
			sema_coerce(c, &n->a, sema_int(c, 8, false));
			sema_coerce(c, &n->b, sema_int(c, 8, false));
		}
		return sema_basic(c, SB_BOOL);
	}
	bool left = x->kind == T_PTR;
	if ((n->op != O_ADD && n->op != O_SUB) || (!left && n->op == O_SUB) || !oper_is_int(left ? y : x))
		return oper_refuse(c, n, x, y);
	if (!left && c->final) {
		struct node *swap = n->a;
		n->a = n->b;
		n->b = swap;
	}
	struct type *p = left ? x : y, *i = left ? y : x;
	if (p->elem->kind == T_STRUCT && !sema_complete(c, p->elem)) {
		SERR(c, D_UNKNOWN_TYPE, n->span, type_str(c->a, p->elem));
		return sema_basic(c, SB_ERROR);
	}
	if (c->final)
		sema_coerce(c, &n->b, sema_int(c, 8, oper_sign(i) >= 0));
	/* an address that was computed is no object that the kernel vouches for */
	return p->as == AS_BTF || p->as == AS_CTX ? type_ptr(c->a, p->elem, AS_KERNEL) : p;
}

static struct type *oper_arrays(struct sema_ctx *c, struct node *n, struct type *x, struct type *y)
{
	const char *why = NULL;
	if (!oper_is_compare(n->op))
		return oper_refuse(c, n, x, y);
	if (n->op != O_EQ && n->op != O_NE)
		why = arena_printf(c->a, "The %s operator cannot be used on arrays.", ast_op_text[n->op]);
	else if (x->count != y->count)
		why = "Only arrays of same size support comparison operators.";
	else if (!type_is_int(x->elem) || !type_is_int(y->elem) || x->elem->size != y->elem->size)
		why = "Only arrays of same sized integer support comparison operators.";
	if (!why)
		return sema_basic(c, SB_BOOL);
	SERR(c, D_ARRAY_COMPARE, n->span, why);
	return sema_basic(c, SB_ERROR);
}

static struct type *oper_tuples(struct sema_ctx *c, struct node *n, struct type *x, struct type *y)
{
	if (n->op != O_EQ && n->op != O_NE)
		return oper_refuse(c, n, x, y);
	struct type *t = type_merge(c->a, x, y);
	if (!t)
		return oper_mismatch(c, n, x, y);
	sema_coerce(c, &n->a, t);
	sema_coerce(c, &n->b, t);
	return sema_basic(c, SB_BOOL);
}

/* `probe == "name"`: names are known now, so it is a comparison of numbers, or known altogether. */
static struct type *oper_probe(struct sema_ctx *c, struct node *n)
{
	bool left = n->a->type->kind == T_PROBE;
	struct node *p = left ? n->a : n->b;
	struct str name = (left ? n->b : n->a)->str;
	const struct clause *cl = c->clause;
	uint32_t hits = 0, index = 0;
	for (uint32_t i = 0; i < cl->attach.n; i++)
		hits += str_eq(cl->attach.v[i]->name, name);
	for (uint32_t i = 0; i < c->s->attaches.n; i++) {
		struct attach_point *ap = c->s->attaches.v[i];
		bool ours = false;
		for (uint32_t k = 0; k < cl->attach.n; k++)
			ours |= cl->attach.v[k] == ap;
		if (ours && str_eq(ap->name, name))
			index = ap->number;
	}
	if (p->kind == N_BUILTIN && (hits == 0 || hits == cl->attach.n)) {
		n->kind = N_BOOL;
		n->ival = (hits != 0) == (n->op == O_EQ);
		n->a = n->b = NULL;
		n->op = O_NONE;
		return sema_basic(c, SB_BOOL);
	}
	if (!c->final)
		return sema_basic(c, SB_BOOL);
	sema_coerce(c, &p, sema_int(c, 4, false));
	struct node *i = node_new(c->a, N_INT, n->span);
	i->ival = index;
	i->type = sema_int(c, 4, false);
	i->typed = true;
	n->a = p;
	n->b = i;
	return sema_basic(c, SB_BOOL);
}

static struct type *oper_same_kind(struct sema_ctx *c, struct node *n, struct type *x, struct type *y)
{
	bool eq = n->op == O_EQ || n->op == O_NE;
	switch (x->kind) {
	case T_STRING:
		return eq ? sema_basic(c, SB_BOOL) : oper_refuse(c, n, x, y);
	case T_BUFFER:
		if (!eq)
			return oper_refuse(c, n, x, y);
		return oper_tuples(c, n, x, y);
	case T_ARRAY:
		return oper_arrays(c, n, x, y);
	case T_TUPLE:
	case T_RECORD:
		return oper_tuples(c, n, x, y);
	case T_PROBE:
		return eq ? sema_basic(c, SB_BOOL) : oper_refuse(c, n, x, y);
	default:
		return oper_refuse(c, n, x, y);
	}
}

/* The map or variable that is being assigned to, and has no type yet. */
static bool oper_is_open(const struct sema_ctx *c, const struct node *n)
{
	if (!c->guess || !c->target || n->kind != c->target->kind)
		return false;
	return n->kind == N_MAP ? n->map == c->target->map && !n->map->value : n->var == c->target->var && !n->var->type;
}

struct type *sema_binary(struct sema_ctx *c, struct node **pn)
{
	struct node *n = *pn;
	if (n->op == O_LOR || n->op == O_LAND) {
		bool ok = sema_condition(c, &n->a);
		ok &= sema_condition(c, &n->b);
		if (ok && sema_fold(c, n))
			return n->type;
		return ok || !c->final ? sema_basic(c, SB_BOOL) : sema_basic(c, SB_ERROR);
	}
	struct type *x = sema_expr(c, &n->a), *y = sema_expr(c, &n->b);
	if (x->kind == T_ERROR || y->kind == T_ERROR) {
		if (!oper_is_compare(n->op) && (oper_is_open(c, n->a) || oper_is_number(x)) &&
		    (oper_is_open(c, n->b) || oper_is_number(y)))
			return sema_int(c, 8, true);
		return oper_is_compare(n->op) && !c->final ? sema_basic(c, SB_BOOL) : sema_basic(c, SB_ERROR);
	}
	if (sema_fold(c, n))
		return n->type;
	if (oper_is_number(x) && oper_is_number(y))
		return oper_numbers(c, n, x, y);
	if ((x->kind == T_PTR && (y->kind == T_PTR || oper_is_number(y))) || (y->kind == T_PTR && oper_is_number(x)))
		return oper_pointers(c, n, x, y);
	bool names = (x->kind == T_PROBE && n->b->kind == N_STRING) || (y->kind == T_PROBE && n->a->kind == N_STRING);
	if (names && (n->op == O_EQ || n->op == O_NE))
		return oper_probe(c, n);
	if (x->kind == y->kind)
		return oper_same_kind(c, n, x, y);
	return oper_mismatch(c, n, x, y);
}

/* ------------------------------------------------------------------ unary */

static struct type *oper_deref(struct sema_ctx *c, struct node **pn)
{
	struct node *n = *pn;
	struct type *t = n->a->type;
	if (t->kind == T_INT) {
		/* an integer is the address of its own kind */
		struct type *p = type_ptr(c->a, sema_int(c, t->size, t->is_signed), sema_space(c->clause));
		if (!c->final)
			return p->elem;
		sema_coerce(c, &n->a, p);
		t = p;
	}
	if (t->kind != T_PTR || t->elem->kind == T_VOID || t->elem->kind == T_FUNC) {
		SERR(c, D_UNARY_TYPE, n->span, "*", type_str(c->a, t));
		return sema_basic(c, SB_ERROR);
	}
	if (!sema_complete(c, t->elem)) {
		SERR(c, D_UNKNOWN_TYPE, n->span, type_str(c->a, t->elem));
		return sema_basic(c, SB_ERROR);
	}
	struct node *d = sema_deref(c, n->a);
	n->as = d->as;
	return d->type;
}

/* &$v, &@m, &@m[k]: where the value lies: memory of ours, which reads as the kernel's. An element that is not there has none: 0. */
static struct type *oper_address(struct sema_ctx *c, struct node *n)
{
	struct node *x = n->a;
	struct type *t;
	if (x->kind == N_MAP) {
		call_key(c, x);
		x->typed = c->final;
		t = x->map->value;
	} else {
		x->var->address_taken = x->var->used = true;
		t = x->type = x->var->type;
		x->typed = c->final && t;
	}
	if (!t || t->kind == T_ERROR) {
		if (c->final && x->kind == N_VAR && !t)
			x->type = sema_basic(c, SB_ERROR);
		return sema_basic(c, SB_ERROR);
	}
	if (type_is_agg(t) || t->kind == T_PROBE) {
		SERR(c, D_UNARY_TYPE, n->span, "&", type_str(c->a, t));
		return sema_basic(c, SB_ERROR);
	}
	return type_ptr(c->a, t, AS_KERNEL);
}

struct type *sema_unary(struct sema_ctx *c, struct node **pn)
{
	struct node *n = *pn;
	if (n->op == O_NOT) {
		bool ok = sema_condition(c, &n->a);
		if (ok && sema_fold(c, n))
			return n->type;
		return ok || !c->final ? sema_basic(c, SB_BOOL) : sema_basic(c, SB_ERROR);
	}
	if (n->op == O_ADDR)
		return oper_address(c, n);
	struct type *t = sema_expr(c, &n->a);
	if (t->kind == T_ERROR)
		return t;
	if (n->op == O_DEREF)
		return oper_deref(c, pn);
	if (sema_fold(c, n))
		return n->type;
	if (!oper_is_int(t)) {
		SERR(c, D_UNARY_TYPE, n->span, ast_op_text[n->op], type_str(c->a, t));
		return sema_basic(c, SB_ERROR);
	}
	struct type *w = sema_int(c, 8, oper_sign(t) >= 0);
	sema_coerce(c, &n->a, w);
	return w;
}

/* What ++ and -- make of a variable or map of type t; NULL when they do not apply. */
static struct type *oper_step(struct sema_ctx *c, enum ast_op op, struct type *t)
{
	if (!t) /* a map that nothing else gives a type: counts from 0 */
		return sema_basic(c, op == O_INC ? SB_F64 : SB_I64);
	if (t->kind == T_PTR && t->elem->kind != T_VOID && t->elem->kind != T_FUNC && sema_complete(c, t->elem) &&
	    t->elem->size)
		return t->as == AS_BTF || t->as == AS_CTX ? type_ptr(c->a, t->elem, AS_KERNEL) : t;
	if (!type_is_int(t))
		return NULL;
	if (op == O_DEC)
		return sema_int(c, 8, true);
	return t->flexible ? sema_basic(c, SB_F64) : sema_int(c, 8, t->is_signed);
}

struct type *sema_incdec(struct sema_ctx *c, struct node *n)
{
	struct node *x = n->a;
	struct type **slot = x->kind == N_VAR ? &x->var->type : &x->map->value, *t = *slot;
	if (x->kind == N_MAP) {
		struct type *key = x->a ? sema_expr(c, &x->a) : NULL;
		x->map->assigned = true;
		sema_access(c, x, x->a != NULL, key);
		if (x->map->keyed != (x->a != NULL))
			return sema_basic(c, SB_ERROR);
		if (x->a)
			sema_coerce(c, &x->a, x->map->key);
	} else {
		x->var->live = true;
		x->var->seen |= c->final;
		if (!t && !c->final)
			return sema_basic(c, SB_ERROR);
	}
	if (t && t->kind == T_ERROR)
		return t;
	struct type *r = oper_step(c, n->op, t);
	if (t && type_is_agg(t)) {
		SERR(c, D_TYPE_MISMATCH_MAP, n->span, STR_FMT(x->map->name), "int64", type_str(c->a, t));
		return sema_basic(c, SB_ERROR);
	}
	if (!r) {
		SERR(c, D_UNARY_TYPE, n->span, ast_op_text[n->op], type_str(c->a, t));
		return sema_basic(c, SB_ERROR);
	}
	if (!c->final && !(x->kind == N_VAR && x->var->declared_type))
		sema_widen(c, slot, r);
	x->type = *slot ? *slot : r;
	x->typed = c->final;
	return x->type;
}
