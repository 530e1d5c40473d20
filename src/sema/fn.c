/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions: fn name($a : type, ...) : type { ... return value; }
 *
 * A call is replaced by the function's body (N_INLINE): parameters are variables of their own, declared with their types and given the
 * arguments' values once; `return` gives the result variable its value and leaves the body, from within loops, too. The body sees
 * its parameters and the maps, and the builtins of the probe that calls it. Since bodies are put in place, functions
 * cost nothing at run time, may take and return what no BPF subprogram may (strings, tuples), and cannot call themselves.
 *
 * A function that nobody calls is checked all the same, as a clause without a place to attach to.
 */
#include "sema/sema_priv.h"

struct node *sema_inline(struct sema_ctx *c, const struct node *fn, struct span call)
{
	struct node *n = node_new(c->a, N_INLINE, call);
	n->str = fn->str;
	for (uint32_t i = 0; i < fn->list.n; i++) {
		struct node *let = node_clone(c->a, fn->list.v[i]);
		vec_push(c->a, &n->list, let);
	}
	n->tref = node_clone(c->a, fn->tref);
	n->b = node_clone(c->a, fn->b);
	n->b->call = call;
	if (n->b->a) { /* a value that is not returned: a statement like the others */
		struct node *s = node_new(c->a, N_EXPRSTMT, n->b->a->span);
		s->a = n->b->a;
		n->b->a = NULL;
		vec_push(c->a, &n->b->list, s);
	}
	bool is_void = fn->tref && str_is(fn->tref->str, "void") && !fn->tref->list.n && !fn->tref->a;
	if (!is_void) {
		n->a = node_new(c->a, N_VAR, fn->span);
		n->a->str = str_of(arena_printf(c->a, "$%.*s()", STR_FMT(fn->str))); /* no word of a program */
	}
	return n;
}

void sema_uncalled(struct sema_ctx *c)
{
	c->n_called = c->s->clauses.n;
	for (uint32_t i = 0; i < c->program->list.n; i++) {
		struct node *fn = c->program->list.v[i];
		if (fn->kind != N_SUBPROG || fn->ival || map_get(&c->functions, fn->str) != fn)
			continue;
		struct node *body = node_new(c->a, N_BLOCK, fn->span), *stmt = node_new(c->a, N_DISCARD, fn->span);
		struct node *call = node_new(c->a, N_CALL, fn->span);
		call->str = fn->str;
		call->ival = 1; /* arguments are not asked for */
		stmt->a = call;
		vec_push(c->a, &body->list, stmt);
		struct clause cl = { .index = ~0u, .body = body, .provider = provider_find(c->env->providers, STR("begin")), .span = fn->span };
		if (!cl.provider)
			return;
		vec_push(c->a, &c->s->clauses, cl);
		sema_names(c, &vec_last(&c->s->clauses));
	}
}

struct type *sema_inlined(struct sema_ctx *c, struct node *n)
{
	struct node *outer = c->inlined;
	struct type *t = sema_basic(c, SB_NONE);
	uint32_t said = c->d->list.n;
	for (uint32_t i = 0; i < n->list.n; i++)
		sema_let(c, n->list.v[i]);
	if (n->a) {
		struct var_sym *v = n->a->var;
		t = sema_typeref(c, n->tref);
		if (!t) {
			t = sema_basic(c, SB_ERROR);
		} else if (type_is_agg(t) || t->kind == T_NONE || t->kind == T_FUNC || t->size == 0) {
			SERR(c, D_VAR_TYPE, n->tref->span, type_str(c->a, t));
			t = sema_basic(c, SB_ERROR);
		}
		v->declared_type = v->assigned = v->used = true;
		v->seen |= c->final;
		if (!v->type || (!type_eq(v->type, t) && v->type->kind != T_ERROR)) {
			v->type = t;
			c->changed = true;
		}
		t = n->a->type = v->type;
	}
	c->inlined = n;
	sema_block(c, n->b, false);
	c->inlined = outer;
	sema_expanded(c, said, n->b);
	return t;
}

void sema_fn_return(struct sema_ctx *c, struct node *n)
{
	const struct node *in = c->inlined;
	struct type *want = n->var ? n->var->type : NULL, *t = n->a ? sema_expr(c, &n->a) : NULL;
	if (!in || (t && t->kind == T_ERROR) || (want && want->kind == T_ERROR))
		return;
	if (!want && (!t || n->var))
		return;
	if (!t || !want || t->kind == T_NONE) {
		SERR(c, D_FN_RETURN, n->span, STR_FMT(in->str), want ? type_str(c->a, want) : "void", t ? type_str(c->a, t) : "void");
		return;
	}
	struct type *m = type_is_int(want) && (type_is_int(t) || type_is_castable(t)) ? want : type_merge(c->a, want, t);
	if (!m || (!type_eq(m, want) && !(m->kind == T_PTR && want->kind == T_PTR)) || (want->kind == T_PTR && !type_eq(want, t))) {
		SERR(c, D_FN_RETURN, n->span, STR_FMT(in->str), type_str(c->a, want), type_str(c->a, t));
		return;
	}
	sema_assign_declared(c, n, n->var, &n->a);
}
