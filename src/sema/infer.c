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

/* ------------------------------------------------------------------ loops */

static void infer_loop_var(struct sema_ctx *c, struct node *x, struct type *t)
{
	struct var_sym *v = x->var;
	v->declared_type = v->assigned = v->live = true;
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
	if (n->ival) {
		sema_fn_return(c, n);
		return;
	}
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
		sema_let(c, n);
		break;
	case N_ASSIGN:
		sema_assign(c, n);
		break;
	case N_WHILE:
		if (sema_condition(c, &n->a) && c->final) {
			diag_add(c->d, D_WHILE, n->span);
			diag_hint(c->d, "Use a `for` loop over a range instead, e.g. `for ($i : 0..10) { ... }`");
		}
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
		/* what it names was read with the imports of the top level */
		if (c->s->config.unstable_import_statement != UNSTABLE_ENABLE)
			SERR(c, D_IMPORT_STATEMENT, n->span);
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

/* The branch is taken: what was said about its names holds. */
static void infer_deferred(struct sema_ctx *c, const struct node *branch)
{
	for (uint32_t i = 0; i < c->deferred.n; i++) {
		const struct deferred *x = &c->deferred.v[i];
		for (uint32_t k = 0; x->branch == branch && k < x->list.n; k++) {
			vec_push(c->d->arena, &c->d->list, x->list.v[k]);
			if (x->list.v[k].context)
				continue;
			c->d->n_errors += x->list.v[k].severity == DIAG_ERROR;
			c->d->n_warnings += x->list.v[k].severity == DIAG_WARNING;
		}
	}
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
	if (c->final)
		infer_deferred(c, *live);
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

/* One more round for those that are only counted on from themselves. */
static bool infer_guess(struct sema_ctx *c)
{
	c->changed = false;
	c->guess = true;
	for (uint32_t i = 0; i < c->s->clauses.n; i++)
		infer_clause(c, &c->s->clauses.v[i]);
	c->guess = false;
	return c->changed;
}

/* A map that is read and never written holds zeros; one that only clauses without any place would write has no keys. */
static bool infer_read_only(struct sema_ctx *c)
{
	bool any = false;
	for (uint32_t i = 0; i < c->s->maps.n; i++) {
		struct map_sym *m = c->s->maps.v[i];
		bool absent = !m->has_access && !m->value && map_get(&c->absent, m->name);
		if (absent) {
			m->has_access = m->keyed_known = m->keyed = true;
			m->key = sema_int(c, 8, true);
		}
		if (m->has_access && !m->assigned && !m->value) {
			m->value = sema_int(c, 8, true);
			any = true;
		}
	}
	return any;
}

/* Variables that are never given a value are zero, too (as those of branches that are left out); the rest hangs on an error, or on itself. */
static void infer_unknown(struct sema_ctx *c)
{
	bool any = false;
	for (uint32_t i = 0; i < c->s->clauses.n; i++) {
		struct clause *cl = &c->s->clauses.v[i];
		for (uint32_t k = 0; k < cl->vars.n; k++) {
			if (!cl->vars.v[k]->type && !cl->vars.v[k]->live) {
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

/* Of a function that nobody calls: what depends on the probe that would call it is not known, and warnings are nobody's. */
static void infer_drop_local(struct sema_ctx *c, uint32_t from)
{
	struct diags *d = c->d;
	uint32_t kept = from;
	bool drop = false;
	for (uint32_t i = from; i < d->list.n; i++) {
		struct diag x = d->list.v[i];
		if (!x.context) {
			drop = x.severity == DIAG_WARNING || (x.id >= D_ACCESS_ARGN && x.id <= D_ACCESS_REG);
			d->n_warnings -= drop && x.severity == DIAG_WARNING;
			d->n_errors -= drop && x.severity == DIAG_ERROR;
		}
		if (!drop)
			d->list.v[kept++] = x;
	}
	d->list.n = kept;
}

void sema_infer(struct sema_ctx *c)
{
	infer_rounds(c);
	if (infer_read_only(c))
		infer_rounds(c);
	if (infer_guess(c))
		infer_rounds(c);
	infer_unknown(c);
	c->final = true;
	for (uint32_t i = 0; i < c->s->clauses.n; i++) {
		/* the copies of one source clause tell the same: duplicates go at the end (sema.c) */
		uint32_t said = c->d->list.n;
		infer_clause(c, &c->s->clauses.v[i]);
		if (i >= c->n_called)
			infer_drop_local(c, said);
	}
	/* what is shown, is shown with all that is in it */
	for (uint32_t i = 0; i < c->s->maps.n; i++) {
		sema_complete_whole(c, c->s->maps.v[i]->key);
		sema_complete_whole(c, c->s->maps.v[i]->value);
	}
	if (!c->d->n_errors)
		infer_unresolved(c);
}
