/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inference: statements of all clauses, again and again, until no variable's
 * and no map's type changes; then once more to report, convert and check.
 *
 * Types only ever widen (int8 to int64, strings to the longest, literals to
 * the sign of what they meet), so the rounds end; they are bounded all the
 * same. What is not known yet has no type (NULL in the symbol, T_ERROR in the
 * node) and is left out of the merging. After the rounds, a map that is only
 * read is an integer; what still has no type got it from something in error,
 * or from itself, and is poisoned.
 */
#include "sema/sema_priv.h"

enum { ROUNDS_MIN = 64, ROUNDS_MAX = 1000 };

static struct type *infer_none(struct sema_ctx *c)
{
	return sema_basic(c, SB_NONE);
}

/* ------------------------------------------------------------- assignment */

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
static void infer_convert(struct sema_ctx *c, struct node **pn, struct type *t)
{
	struct node *n = *pn;
	struct type *from = n->type;
	if (c->final && from && from->kind == T_INT && t->kind == T_INT && from->size == 8 && t->size == 8 && !from->is_signed &&
	    t->is_signed && !(n->kind == N_INT && n->ival >= 0))
		diag_add(c->d, D_CAST_SIGN, n->span, type_str(c->a, from), type_str(c->a, t));
	sema_coerce(c, pn, t);
}

/* Does a value of type t fit the declared type d? 0 no, 1 yes, 2 with loss. */
static int infer_fits(struct sema_ctx *c, const struct node *n, struct type *d, struct type *t)
{
	if (d->kind == T_INT && type_is_int(t)) {
		if (n->kind == N_INT && (t->flexible || n->ival < 0))
			return sema_fits(n, d);
		if (t->flexible)
			return t->size <= d->size ? 1 : 2;
		return t->is_signed == d->is_signed ? (t->size <= d->size ? 1 : 2) : t->size < d->size && d->is_signed ? 1 : 2;
	}
	struct type *m = type_merge(c->a, d, t);
	return m && type_eq(m, d) && !(d->kind == T_PTR && !type_eq(d, t));
}

/* The type that a written value has when it is stored; NULL: it cannot be (reported), or is not known yet. */
static struct type *infer_value(struct sema_ctx *c, struct node **pn)
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

static void infer_assign_var(struct sema_ctx *c, struct node *n, struct var_sym *v, struct node **value, struct type *t)
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
		int fit = infer_fits(c, *value, v->type, t);
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
		infer_convert(c, value, v->type);
}

static const char *infer_agg_call(struct sema_ctx *c, const struct type *t)
{
	static const struct {
		enum type_kind k;
		int b;
	} rows[] = { { T_COUNT, B_COUNT }, { T_SUM, B_SUM }, { T_MIN, B_MIN }, { T_MAX, B_MAX }, { T_AVG, B_AVG }, { T_STATS, B_STATS },
		     { T_HIST, B_HIST }, { T_LHIST, B_LHIST }, { T_TSERIES, B_TSERIES } };
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (rows[i].k == t->kind)
			return arena_printf(c->a, "%s(%s)", builtin_info[rows[i].b].name, t->kind == T_COUNT ? "" : "...");
	return "";
}

static void infer_agg_copy(struct sema_ctx *c, struct node *n, struct map_sym *m, struct node *value, struct type *t)
{
	if (!c->final)
		return;
	diag_add(c->d, D_AGG_ASSIGN, n->span, type_str(c->a, t), STR_FMT(m->name), infer_agg_call(c, t));
	if (type_is_castable(t) && value->kind == N_MAP)
		diag_hint(c->d, "Add a cast to integer if you want the value of the aggregate, e.g. `%.*s = (int64)%.*s;`.", STR_FMT(m->name),
			  STR_FMT(value->str));
}

static void infer_assign_map(struct sema_ctx *c, struct node *n, struct map_sym *m, struct node **value, struct type *t)
{
	if (type_is_agg(t)) {
		if (!type_is_castable(t) || !m->value || !type_is_int(m->value)) {
			/* another statement may still say that the map holds integers */
			infer_agg_copy(c, n, m, *value, t);
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
		infer_convert(c, value, m->value);
}

static bool infer_agg_params(struct sema_ctx *c, const struct node *n, const struct type *x, const struct type *y)
{
	if (type_eq(x, y) || (x->kind != T_HIST && x->kind != T_LHIST && x->kind != T_TSERIES))
		return true;
	SERR(c, D_AGG_PARAMS, n->span, x->kind == T_HIST ? "bits" : x->kind == T_LHIST ? "lhist bounds" : "tseries parameters",
	     x->kind == T_HIST ? "hist" : "map");
	return false;
}

/* @m = count() and its like: the only way to an aggregation. */
static void infer_aggregate(struct sema_ctx *c, struct node *n, struct map_sym *m)
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
	if (!infer_agg_params(c, n, old, t))
		return;
	if (old->is_signed != t->is_signed) {
		if (old->flexible && !c->final) {
			m->value = t;
			c->changed = true;
		} else if (!t->flexible) {
			SERR(c, D_AGG_SIGN, n->span, name, t->is_signed ? "int64" : "uint64", old->is_signed ? "int64" : "uint64");
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
static struct type *infer_compound(struct sema_ctx *c, struct node *n, struct type *old)
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

static void infer_assign(struct sema_ctx *c, struct node *n)
{
	struct node *x = n->a;
	struct type *t;
	n->type = infer_none(c);
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
			infer_aggregate(c, n, x->map);
			x->type = x->map->value ? x->map->value : sema_basic(c, SB_ERROR);
			return;
		}
	} else if (x->kind != N_VAR) {
		return; /* the parser refused it */
	}
	struct type *old = x->kind == N_VAR ? x->var->type : x->map->value;
	if (n->op)
		t = infer_compound(c, n, old);
	else
		t = infer_value(c, &n->b);
	if (t && t->kind != T_ERROR) {
		/* a compound result is no node of its own: it converts by being stored */
		struct node *tmp = node_new(c->a, N_BINARY, n->span), **value = n->op ? &tmp : &n->b;
		tmp->type = t;
		if (x->kind == N_VAR)
			infer_assign_var(c, n, x->var, value, t);
		else
			infer_assign_map(c, n, x->map, value, t);
	}
	t = x->kind == N_VAR ? x->var->type : x->map->value;
	x->type = t ? t : sema_basic(c, SB_ERROR);
}

static void infer_let(struct sema_ctx *c, struct node *n)
{
	struct var_sym *v = n->a->var;
	n->type = infer_none(c);
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
		v->assigned = true;
		struct type *t = infer_value(c, &n->b);
		if (t)
			infer_assign_var(c, n, v, &n->b, t);
	} else if (c->final && !v->assigned && !v->address_taken) {
		diag_add(c->d, D_VAR_UNASSIGNED, n->a->span, STR_FMT(v->name));
		v->seen = true;
	}
	n->a->type = v->type ? v->type : sema_basic(c, SB_ERROR);
}

/* ------------------------------------------------------------------ loops */

static void infer_loop_var(struct sema_ctx *c, struct node *x, struct type *t)
{
	struct var_sym *v = x->var;
	v->declared_type = v->assigned = true;
	v->seen |= c->final;
	if (!v->type || !type_eq(v->type, t) || v->type->flexible != t->flexible) {
		v->type = t;
		c->changed = true;
	}
	x->type = t;
}

static void infer_for_map(struct sema_ctx *c, struct node *n)
{
	struct map_sym *m = n->b->map;
	n->b->type = m->value ? m->value : sema_basic(c, SB_ERROR);
	if (n->b->a || (m->keyed_known && !m->keyed)) {
		SERR(c, D_FOR_TYPE, n->b->span, STR_FMT(m->name));
		infer_loop_var(c, n->a, sema_basic(c, SB_ERROR));
		return;
	}
	if (m->value && type_is_agg(m->value) && !type_is_castable(m->value)) {
		SERR(c, D_LOOP_TYPE, n->b->span, type_str(c->a, m->value));
		infer_loop_var(c, n->a, sema_basic(c, SB_ERROR));
		return;
	}
	if (!m->keyed_known) {
		SERR(c, D_UNDEFINED_MAP, n->b->span, STR_FMT(m->name));
		if (c->final)
			infer_loop_var(c, n->a, sema_basic(c, SB_ERROR));
		return;
	}
	if (!m->key || !m->value || m->key->kind == T_ERROR || m->value->kind == T_ERROR) {
		if (c->final)
			infer_loop_var(c, n->a, sema_basic(c, SB_ERROR));
		return;
	}
	struct type *t = type_new(c->a, T_TUPLE, 0, 1);
	vec_push(c->a, &t->fields, ((struct field){ .type = m->key }));
	vec_push(c->a, &t->fields, ((struct field){ .type = sema_value_type(c, m->value) }));
	type_layout(t);
	infer_loop_var(c, n->a, t);
}

static void infer_for_range(struct sema_ctx *c, struct node *n)
{
	bool natural = true; /* begins at 0 or above: so will every value */
	n->b->type = infer_none(c);
	for (int i = 0; i < 2; i++) {
		struct node **x = i ? &n->b->b : &n->b->a;
		struct type *t = sema_expr(c, x);
		if (t->kind == T_ERROR)
			continue;
		if (!type_is_int(t) && !type_is_castable(t)) {
			SERR(c, D_LOOP_TYPE, (*x)->span, type_str(c->a, t));
			continue;
		}
		if (i == 0)
			natural = t->flexible || !t->is_signed;
		sema_coerce(c, x, sema_int(c, 8, true));
	}
	infer_loop_var(c, n->a, natural ? sema_basic(c, SB_F64) : sema_int(c, 8, true));
}

static void infer_for(struct sema_ctx *c, struct node *n)
{
	n->type = infer_none(c);
	if (n->b->kind == N_MAP)
		infer_for_map(c, n);
	else if (n->b->kind == N_RANGE)
		infer_for_range(c, n);
	else
		return;
	c->loop++;
	sema_block(c, n->c, false);
	c->loop--;
}

static void infer_unroll(struct sema_ctx *c, struct node *n)
{
	n->type = infer_none(c);
	struct type *t = sema_expr(c, &n->a);
	if (t->kind != T_ERROR) {
		if (n->a->kind != N_INT)
			SERR(c, D_UNROLL, n->a->span, "invalid unroll value");
		else if (n->a->ival > 100 || (n->a->ival < 0 && n->a->is_unsigned))
			SERR(c, D_UNROLL, n->a->span, "unroll maximum value is 100");
		else if (n->a->ival < 1)
			SERR(c, D_UNROLL, n->a->span, "unroll minimum value is 1");
	}
	sema_block(c, n->b, false);
}

/* ------------------------------------------------------------- statements */

static void infer_return(struct sema_ctx *c, struct node *n)
{
	n->type = infer_none(c);
	if (!n->a)
		return;
	struct type *t = sema_expr(c, &n->a);
	if (t->kind == T_ERROR)
		return;
	if (!type_is_int(t) && !type_is_castable(t)) {
		SERR(c, D_RETURN_TYPE, n->a->span, type_str(c->a, t));
		return;
	}
	sema_coerce(c, &n->a, sema_int(c, 8, true));
}

static void infer_expr_stmt(struct sema_ctx *c, struct node *n)
{
	struct node *x = n->a;
	n->type = infer_none(c);
	if (x->kind == N_IF) {
		sema_if(c, &n->a, false);
		return;
	}
	if (x->kind == N_BLOCK) {
		sema_block(c, x, false);
		return;
	}
	bool quiet = x->kind == N_INCDEC || (x->kind == N_CALL && x->builtin == B_DELETE);
	struct type *t = sema_expr(c, &n->a);
	if (t->kind != T_NONE && t->kind != T_ERROR && !quiet)
		SERR(c, D_DISCARDED, n->a->span);
}

static void infer_stmt(struct sema_ctx *c, struct node **pn)
{
	struct node *n = *pn;
	switch (n->kind) {
	case N_EXPRSTMT:
		infer_expr_stmt(c, n);
		break;
	case N_DISCARD:
		sema_expr(c, &n->a);
		n->type = infer_none(c);
		break;
	case N_LET:
		infer_let(c, n);
		break;
	case N_ASSIGN:
		infer_assign(c, n);
		break;
	case N_WHILE:
		sema_condition(c, &n->a);
		n->type = infer_none(c);
		sema_block(c, n->b, false);
		break;
	case N_UNROLL:
		infer_unroll(c, n);
		break;
	case N_FOR:
		infer_for(c, n);
		break;
	case N_RETURN:
		infer_return(c, n);
		break;
	case N_STMTIMPORT:
		SERR(c, D_NOT_YET, n->span, "import");
		n->type = infer_none(c);
		break;
	default:
		n->type = infer_none(c);
		break;
	}
}

/* Does control never come back from this statement? */
static bool infer_ends(const struct node *n)
{
	return n->kind == N_RETURN || n->kind == N_BREAK || n->kind == N_CONTINUE ||
	       (n->kind == N_EXPRSTMT && n->a->kind == N_CALL && n->a->builtin == B_EXIT);
}

struct type *sema_block(struct sema_ctx *c, struct node *n, bool want)
{
	if (n->kind != N_BLOCK)
		return infer_none(c);
	if (c->depth >= SEMA_DEPTH) {
		if (!c->too_deep)
			diag_add(c->d, D_TOO_MANY, n->span, "The block is nested too deeply");
		c->too_deep = true;
		return n->type = sema_basic(c, SB_ERROR);
	}
	if (n->a && !want) {
		/* nobody wants the value of the last expression: a statement like the others */
		struct node *s = node_new(c->a, N_EXPRSTMT, n->a->span);
		s->a = n->a;
		n->a = NULL;
		vec_push(c->a, &n->list, s);
	}
	bool dead = false;
	uint32_t said = c->d->list.n;
	c->depth++;
	for (uint32_t i = 0; i < n->list.n; i++) {
		infer_stmt(c, &n->list.v[i]);
		if (i && !dead && infer_ends(n->list.v[i - 1])) {
			dead = true;
			SERR(c, D_UNREACHABLE, n->list.v[i]->span);
		}
	}
	struct type *t = n->a ? sema_expr(c, &n->a) : infer_none(c);
	c->depth--;
	if (n->a && n->list.n && infer_ends(vec_last(&n->list))) {
		if (!dead)
			SERR(c, D_UNREACHABLE_VALUE, n->a->span);
		t = infer_none(c);
		if (c->final) {
			struct node *s = node_new(c->a, N_EXPRSTMT, n->a->span);
			s->a = n->a;
			s->type = t;
			n->a = NULL;
			vec_push(c->a, &n->list, s);
		}
	}
	if (n->a && type_is_castable(t)) {
		t = sema_value_type(c, t);
		sema_coerce(c, &n->a, t);
	}
	n->typed = c->final;
	sema_expanded(c, said, n);
	return n->type = t;
}

/* `if comptime (c)`: only the branch that is taken is looked at; it replaces the whole in the last round. */
static struct type *infer_if_comptime(struct sema_ctx *c, struct node **pn, bool want)
{
	struct node *n = *pn, *cond = n->a, **live;
	struct type *t = sema_comptime_expr(c, &cond);
	if (t->kind == T_ERROR)
		return n->type = c->final ? t : infer_none(c);
	if (cond->kind != N_INT && cond->kind != N_BOOL) {
		SERR(c, D_CONDITION, n->a->span, sema_base_name(t));
		return n->type = sema_basic(c, SB_ERROR);
	}
	live = cond->ival ? &n->b : &n->c;
	if (!*live) {
		if (!c->final)
			return infer_none(c);
		struct node *empty = node_new(c->a, N_BLOCK, n->span);
		*pn = empty;
		return sema_block(c, empty, false);
	}
	t = (*live)->kind == N_IF ? sema_if(c, live, want) : sema_block(c, *live, want);
	if (c->final)
		*pn = *live;
	return t;
}

struct type *sema_if(struct sema_ctx *c, struct node **pn, bool want)
{
	struct node *n = *pn;
	if (n->a->kind == N_COMPTIME)
		return infer_if_comptime(c, pn, want);
	sema_condition(c, &n->a);
	struct type *x = sema_block(c, n->b, want), *y = infer_none(c);
	if (n->c)
		y = n->c->kind == N_IF ? sema_if(c, &n->c, want) : sema_block(c, n->c, want);
	n->typed = c->final;
	if (!want)
		return n->type = infer_none(c);
	if (x->kind == T_ERROR || y->kind == T_ERROR)
		return n->type = c->final || x->kind == y->kind ? sema_basic(c, SB_ERROR) : x->kind == T_ERROR ? y : x;
	if (x->kind == T_NONE && y->kind == T_NONE)
		return n->type = x;
	struct type *t = x->kind == T_NONE || y->kind == T_NONE ? NULL : type_merge(c->a, x, y);
	if (!t) {
		SERR(c, D_BRANCH_TYPES, n->span, type_str(c->a, x), type_str(c->a, y));
		return n->type = sema_basic(c, SB_ERROR);
	}
	sema_branch(c, n->b, t);
	sema_branch(c, n->c, t);
	return n->type = t;
}

/* The value of a branch becomes of type t, down to where it is computed. */
void sema_branch(struct sema_ctx *c, struct node *n, struct type *t)
{
	if (!c->final)
		return;
	if (n->kind == N_IF) {
		sema_branch(c, n->b, t);
		sema_branch(c, n->c, t);
	} else if (n->kind == N_BLOCK && n->a) {
		sema_coerce(c, &n->a, t);
	}
	n->type = t;
}

/* ----------------------------------------------------------------- rounds */

static void infer_clause(struct sema_ctx *c, struct clause *cl)
{
	c->clause = cl;
	c->loop = c->depth = 0;
	if (cl->predicate)
		sema_condition(c, &cl->predicate);
	sema_block(c, cl->body, false);
}

static void infer_rounds(struct sema_ctx *c)
{
	/* a round carries a type at least one map on: a chain of copies, written backwards, needs one for each */
	uint32_t most = ROUNDS_MIN + 4 * c->s->maps.n;
	for (uint32_t r = 0; r < (most < ROUNDS_MAX ? most : ROUNDS_MAX); r++) {
		c->changed = false;
		for (uint32_t i = 0; i < c->s->clauses.n; i++)
			infer_clause(c, &c->s->clauses.v[i]);
		if (!c->changed)
			break;
	}
}

/* A map that is read and never written holds zeros. */
static bool infer_read_only(struct sema_ctx *c)
{
	bool any = false;
	for (uint32_t i = 0; i < c->s->maps.n; i++) {
		struct map_sym *m = c->s->maps.v[i];
		if (m->has_access && !m->assigned && !m->value) {
			m->value = sema_int(c, 8, true);
			any = true;
		}
	}
	return any;
}

/* Variables that are declared and never given a value are zero, too; the rest hangs on an error, or on itself. */
static void infer_unknown(struct sema_ctx *c)
{
	bool any = false;
	for (uint32_t i = 0; i < c->s->clauses.n; i++) {
		struct clause *cl = &c->s->clauses.v[i];
		for (uint32_t k = 0; k < cl->vars.n; k++) {
			if (!cl->vars.v[k]->type && !cl->vars.v[k]->assigned) {
				cl->vars.v[k]->type = sema_int(c, 8, true);
				any = true;
			}
		}
	}
	if (any)
		infer_rounds(c);
	for (uint32_t i = 0; i < c->s->clauses.n; i++) {
		struct clause *cl = &c->s->clauses.v[i];
		for (uint32_t k = 0; k < cl->vars.n; k++)
			if (!cl->vars.v[k]->type)
				cl->vars.v[k]->type = sema_basic(c, SB_ERROR);
	}
	for (uint32_t i = 0; i < c->s->maps.n; i++) {
		struct map_sym *m = c->s->maps.v[i];
		if (m->keyed && !m->key)
			m->key = sema_basic(c, SB_ERROR);
		if (m->has_access && !m->value)
			m->value = sema_basic(c, SB_ERROR);
	}
}

/* Nothing was wrong, and yet there is no type: it is defined by itself only. */
static void infer_unresolved(struct sema_ctx *c)
{
	for (uint32_t i = 0; i < c->s->maps.n; i++) {
		const struct map_sym *m = c->s->maps.v[i];
		if ((m->value && m->value->kind == T_ERROR) || (m->key && m->key->kind == T_ERROR))
			diag_add(c->d, D_UNRESOLVED, m->span, STR_FMT(m->name));
	}
	for (uint32_t i = 0; i < c->s->clauses.n; i++) {
		const struct clause *cl = &c->s->clauses.v[i];
		for (uint32_t k = 0; k < cl->vars.n; k++)
			if (cl->vars.v[k]->type->kind == T_ERROR)
				diag_add(c->d, D_UNRESOLVED, cl->vars.v[k]->span, STR_FMT(cl->vars.v[k]->name));
	}
}

void sema_infer(struct sema_ctx *c)
{
	infer_rounds(c);
	if (infer_read_only(c))
		infer_rounds(c);
	infer_unknown(c);
	c->final = true;
	for (uint32_t i = 0; i < c->s->clauses.n; i++) {
		/* the copies of one source clause tell the same: duplicates go at the end (sema.c) */
		infer_clause(c, &c->s->clauses.v[i]);
	}
	if (!c->d->n_errors)
		infer_unresolved(c);
}
