/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Assignments and declarations: where variables and maps get their types
 * (reference 2.3, 2.8, 2.9). Before the last round a value's type is merged
 * into the symbol's; in the last one the symbol's type is what it is: a value
 * that does not go with it is reported, one that does is converted. Declared
 * types do not move. Aggregations come into a map from their call only, never
 * from another map; a castable one that is stored elsewhere is its integer.
 */
#include "sema/sema_priv.h"

bool sema_widen(struct sema_ctx *c, struct type **slot, struct type *t)
{
	struct type *old = *slot, *m;
	if (t->kind == T_ERROR || t->kind == T_NONE)
		return true;
	/* int8[] and string: the size comes with the first value */
	if (old && old->kind == T_ARRAY && old->count == 0 && t->kind == T_ARRAY && type_eq(old->elem, t->elem))
		m = t;
	else
		m = type_merge(c->a, old, t);
	if (!m)
		return false;
	if (old && m->kind == T_PTR && old->as != t->as) {
		/* two places to point to: trust is lost; otherwise the first one counts */
		enum addr_space as = old->as == AS_BTF || old->as == AS_CTX ? AS_KERNEL : old->as ? old->as : t->as;
		m = m->as == as ? m : type_ptr(c->a, m->elem, as);
	}
	bool same = old && type_eq(m, old) && m->flexible == old->flexible && m->as == old->as &&
		    (m->kind != T_PTR || m->elem->kind == old->elem->kind);
	if (!same) {
		*slot = m;
		c->changed = true;
	}
	return true;
}

/* A value of 64 unsigned bits where 64 signed ones are wanted, other than a literal that fits. */
static void assign_convert(struct sema_ctx *c, struct node **pn, struct type *t)
{
	struct node *n = *pn;
	struct type *from = n->type;
	if (c->final && from && from->kind == T_INT && t->kind == T_INT && from->size == 8 && t->size == 8 &&
	    !from->is_signed && t->is_signed && !(n->kind == N_INT && n->ival >= 0))
		diag_add(c->d, D_CAST_SIGN, n->span, type_str(c->a, from), type_str(c->a, t));
	sema_coerce(c, pn, t);
}

/* Does a value of type t fit the declared type d? 0 no, 1 yes, 2 with loss. */
static int assign_fits(struct sema_ctx *c, const struct node *n, struct type *d, struct type *t)
{
	if (d->kind == T_INT && type_is_int(t)) {
		if (n->kind == N_INT && (t->flexible || n->ival < 0))
			return sema_fits(n, d);
		if (t->flexible)
			return t->size <= d->size ? 1 : 2;
		if (t->is_signed == d->is_signed)
			return t->size <= d->size ? 1 : 2;
		return t->size < d->size && d->is_signed ? 1 : 2;
	}
	struct type *m = type_merge(c->a, d, t);
	return m && type_eq(m, d) && !(d->kind == T_PTR && !type_eq(d, t));
}

/* The type that a written value has when it is stored; NULL: it cannot be (reported), or is not known yet. */
static struct type *assign_value(struct sema_ctx *c, struct node **pn)
{
	struct type *t = sema_expr(c, pn);
	if (t->kind == T_ERROR)
		return NULL;
	if (t->kind == T_NONE || t->kind == T_VOID || t->kind == T_FUNC || ((*pn)->as == AS_CTX && t->kind == T_STRUCT)) {
		SERR(c, D_ASSIGN_NONE, (*pn)->span);
		return NULL;
	}
	return t;
}

static void assign_to_var(struct sema_ctx *c, struct node *n, struct var_sym *v, struct node **value, struct type *t)
{
	v->seen |= c->final;
	if (type_is_agg(t) && !type_is_castable(t)) {
		SERR(c, D_AGG_VARIABLE, n->span, type_str(c->a, t));
		return;
	}
	if (type_is_castable(t) || v->captured)
		t = sema_value_type(c, t);
	if (v->type && v->type->kind == T_ERROR)
		return;
	if (v->declared_type && v->type) {
		/* a declaration does not say where a pointer points to; its values do */
		if (!c->final && v->type->kind == T_PTR && t->kind == T_PTR && type_eq(v->type, t)) {
			struct type *old = v->type;
			sema_widen(c, &v->type, t);
			if (v->type->elem != old->elem)
				v->type = type_ptr(c->a, old->elem, v->type->as);
		}
		int fit = assign_fits(c, *value, v->type, t);
		if (!fit)
			SERR(c, D_TYPE_MISMATCH_VAR, n->span, STR_FMT(v->name), type_str(c->a, t), type_str(c->a, v->type));
		else if (fit == 2)
			SERR(c, D_CAST_SIGN, (*value)->span, type_str(c->a, t), type_str(c->a, v->type));
		if (fit)
			sema_coerce(c, value, v->type);
		return;
	}
	if (!c->final) {
		sema_widen(c, &v->type, t);
		return;
	}
	struct type *m = type_merge(c->a, v->type, t);
	if (!v->type || !m || !type_eq(m, v->type))
		SERR(c, D_TYPE_MISMATCH_VAR, n->span, STR_FMT(v->name), type_str(c->a, t), type_str(c->a, v->type));
	else
		assign_convert(c, value, v->type);
}

void sema_assign_declared(struct sema_ctx *c, struct node *n, struct var_sym *v, struct node **value)
{
	struct type *t = assign_value(c, value);
	if (t)
		assign_to_var(c, n, v, value, t);
}

static const char *assign_agg_call(struct sema_ctx *c, const struct type *t)
{
	static const struct {
		enum type_kind k;
		int b;
	} rows[] = { { T_COUNT, B_COUNT }, { T_SUM, B_SUM }, { T_MIN, B_MIN }, { T_MAX, B_MAX }, { T_AVG, B_AVG },
		     { T_STATS, B_STATS }, { T_HIST, B_HIST }, { T_LHIST, B_LHIST }, { T_TSERIES, B_TSERIES } };
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (rows[i].k == t->kind)
			return arena_printf(c->a, "%s(%s)", builtin_info[rows[i].b].name, t->kind == T_COUNT ? "" : "...");
	return "";
}

static void assign_agg_copy(struct sema_ctx *c, struct node *n, struct map_sym *m, struct node *value, struct type *t)
{
	if (!c->final)
		return;
	diag_add(c->d, D_AGG_ASSIGN, n->span, type_str(c->a, t), STR_FMT(m->name), assign_agg_call(c, t));
	if (type_is_castable(t) && value->kind == N_MAP)
		diag_hint(c->d, "Add a cast to integer if you want the value of the aggregate, e.g. `%.*s = (int64)%.*s;`.",
			  STR_FMT(m->name), STR_FMT(value->str));
}

static void assign_to_map(struct sema_ctx *c, struct node *n, struct map_sym *m, struct node **value, struct type *t)
{
	if (type_is_agg(t)) {
		if (!type_is_castable(t) || !m->value || !type_is_int(m->value)) {
			/* another statement may still say that the map holds integers */
			assign_agg_copy(c, n, m, *value, t);
			return;
		}
	}
	t = sema_value_type(c, t);
	if (m->value && m->value->kind == T_ERROR)
		return;
	if (!c->final) {
		if (!m->value || !type_is_agg(m->value))
			sema_widen(c, &m->value, t);
		return;
	}
	struct type *x = m->value && !type_is_agg(m->value) ? type_merge(c->a, m->value, t) : NULL;
	if (!x || !type_eq(x, m->value))
		diag_add(c->d, D_TYPE_MISMATCH_MAP, n->span, STR_FMT(m->name), type_str(c->a, t), type_str(c->a, m->value));
	else
		assign_convert(c, value, m->value);
}

static bool assign_agg_params(struct sema_ctx *c, const struct node *n, const struct type *x, const struct type *y)
{
	if (type_eq(x, y) || (x->kind != T_HIST && x->kind != T_LHIST && x->kind != T_TSERIES))
		return true;
	SERR(c, D_AGG_PARAMS, n->span,
	     x->kind == T_HIST ? "bits" : x->kind == T_LHIST ? "lhist bounds" : "tseries parameters",
	     x->kind == T_HIST ? "hist" : "map");
	return false;
}

/* @m = count() and its like: the only way to an aggregation. */
static void assign_aggregate(struct sema_ctx *c, struct node *n, struct map_sym *m)
{
	struct node *b = n->b;
	const char *name = builtin_info[b->builtin].name;
	struct type *t = sema_call(c, b), *old = m->value;
	b->type = t;
	b->typed = c->final;
	if (t->kind == T_ERROR || (old && old->kind == T_ERROR))
		return;
	if (n->op) {
		SERR(c, D_AGG_DIRECT, b->span, name);
		return;
	}
	if (!old) {
		m->value = t;
		c->changed = true;
		return;
	}
	if (old->kind != t->kind) {
		SERR(c, D_TYPE_MISMATCH_MAP, n->span, STR_FMT(m->name), type_str(c->a, t), type_str(c->a, old));
		return;
	}
	if (!assign_agg_params(c, n, old, t))
		return;
	if (old->is_signed != t->is_signed) {
		if (old->flexible && !c->final) {
			m->value = t;
			c->changed = true;
		} else if (!t->flexible) {
			SERR(c, D_AGG_SIGN, n->span, name, t->is_signed ? "int64" : "uint64",
			     old->is_signed ? "int64" : "uint64");
			return;
		}
	} else if (old->flexible && !t->flexible && !c->final) {
		m->value = t;
		c->changed = true;
	}
	b->type = m->value;
	if (b->list.n && type_is_int(b->list.v[0]->type) && b->builtin != B_HIST && b->builtin != B_LHIST)
		sema_coerce(c, &b->list.v[0], sema_int(c, 8, m->value->is_signed));
}

/* a op= b: what `a op b` is; n->b gets the result's type. */
static struct type *assign_compound(struct sema_ctx *c, struct node *n, struct type *old)
{
	struct node *op = node_new(c->a, N_BINARY, n->span), *left = node_new(c->a, N_VAR, n->a->span);
	struct type *t = sema_expr(c, &n->b);
	if (t->kind == T_ERROR)
		return t;
	if (!old) /* only this statement: counts from zero */
		old = type_is_int(t) || t->kind == T_BOOL ? t : sema_int(c, 8, true);
	left->type = old;
	left->typed = true;
	op->op = n->op;
	op->a = left;
	op->b = n->b;
	t = sema_expr(c, &op);
	bool kept = op->kind == N_BINARY && (op->a == left || (op->a->kind == N_CAST && op->a->a == left));
	if (c->final && kept)
		n->b = op->b;
	return t;
}

void sema_assign(struct sema_ctx *c, struct node *n)
{
	struct node *x = n->a;
	struct type *t;
	n->type = sema_basic(c, SB_NONE);
	if (x->kind == N_MAP) {
		struct type *key = x->a ? sema_expr(c, &x->a) : NULL;
		x->map->assigned = true;
		sema_access(c, x, x->a != NULL, key);
		if (x->map->keyed != (x->a != NULL)) {
			sema_expr(c, &n->b);
			return;
		}
		if (x->a)
			sema_coerce(c, &x->a, x->map->key);
		if (n->b->kind == N_CALL && builtin_info[n->b->builtin].flags & BF_AGG) {
			assign_aggregate(c, n, x->map);
			x->type = x->map->value ? x->map->value : sema_basic(c, SB_ERROR);
			return;
		}
	} else if (x->kind != N_VAR) {
		return; /* the parser refused it */
	}
	struct type *old = x->kind == N_VAR ? x->var->type : x->map->value;
	const struct node *outer = c->target;
	c->target = x;
	if (n->op)
		t = assign_compound(c, n, old);
	else
		t = assign_value(c, &n->b);
	c->target = outer;
	if (t && t->kind != T_ERROR) {
		/* a compound result is no node of its own: it converts by being stored */
		struct node *tmp = node_new(c->a, N_BINARY, n->span), **value = n->op ? &tmp : &n->b;
		tmp->type = t;
		if (x->kind == N_VAR)
			assign_to_var(c, n, x->var, value, t);
		else
			assign_to_map(c, n, x->map, value, t);
	}
	if (x->kind == N_VAR)
		x->var->live = true;
	t = x->kind == N_VAR ? x->var->type : x->map->value;
	x->type = t ? t : sema_basic(c, SB_ERROR);
}

void sema_let(struct sema_ctx *c, struct node *n)
{
	struct var_sym *v = n->a->var;
	n->type = sema_basic(c, SB_NONE);
	if (n->tref) {
		struct type *t = sema_typeref(c, n->tref);
		if (!t) {
			v->type = sema_basic(c, SB_ERROR);
		} else if (type_is_agg(t) || t->kind == T_VOID || t->kind == T_NONE || t->kind == T_FUNC) {
			SERR(c, D_VAR_TYPE, n->span, type_str(c->a, t));
			v->type = sema_basic(c, SB_ERROR);
		} else if (t->kind == T_STRUCT && !sema_complete(c, t)) {
			SERR(c, D_UNKNOWN_TYPE, n->tref->span, type_str(c->a, t));
			v->type = sema_basic(c, SB_ERROR);
		} else if (t->size == 0 || (t->kind == T_ARRAY && t->count == 0)) {
			v->declared_type = false; /* "string", "int8[]": the values say how large */
			if (!v->type)
				v->type = t;
		} else if (t->kind != T_ERROR && (!v->type || !type_eq(v->type, t))) {
			v->type = t;
			c->changed = true;
		}
	}
	if (n->b) {
		v->assigned = v->live = true;
		struct type *t = assign_value(c, &n->b);
		if (t)
			assign_to_var(c, n, v, &n->b, t);
	} else if (c->final && !v->assigned && !v->address_taken) {
		diag_add(c->d, D_VAR_UNASSIGNED, n->a->span, STR_FMT(v->name));
		v->seen = true;
	}
	n->a->type = v->type ? v->type : sema_basic(c, SB_ERROR);
}
