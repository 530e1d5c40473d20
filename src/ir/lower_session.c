/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entry and return of the same functions by one link: a session (kernels from 6.10). The kernel calls one program at both, and
 * bpf_session_is_return() says where it is. So a kprobe clause and a kretprobe clause over the same functions become three functions: the
 * two bodies as they would be by themselves, and the program that calls one or the other. That is one link, one entry in the
 * function tracer's tables and one memory of the call in the kernel, instead of two of each.
 *
 * The bodies stay functions of their own: each has a frame and scratch memory as if it were alone, and nothing of lowering needs to know of
 * the other. The call costs about a nanosecond. The kernel sees what the program gives back: 0, the return is wanted, always.
 *
 * A link has one cookie for each function, which is the entry's attach point; that of the return lies a constant further. Hence both
 * clauses must have the same functions in the same order, which those of one pattern have.
 */
#include "ir/lower_priv.h"

enum { SESSION_LEAST = 2 };

static bool session_place(const struct attach_point *ap)
{
	return ap->func.len && !ap->offset && !ap->address && ap->want != WANT_KPROBE && ap->want != WANT_FENTRY;
}

static bool session_same(const struct attach_point *x, const struct attach_point *y)
{
	return session_place(x) && session_place(y) && x->in_module == y->in_module && str_eq(x->func, y->func) && str_eq(x->target, y->target);
}

static bool session_pair(const struct clause *x, const struct clause *y)
{
	if (x->provider->id != PROV_KPROBE || y->provider->id != PROV_KRETPROBE || x->provider->typed || y->provider->typed ||
	    x->attach.n != y->attach.n)
		return false;
	for (uint32_t i = 0; i < x->attach.n; i++)
		if (!session_same(x->attach.v[i], y->attach.v[i]))
			return false;
	return true;
}

static const struct facts_func *session_asks(struct facts *f)
{
	if (!f || !f->ops->has || !f->ops->has(f, FEAT_KPROBE_SESSION) || !f->ops->has(f, FEAT_KPROBE_MULTI) || !f->ops->has(f, FEAT_COOKIE) ||
	    !f->ops->has(f, FEAT_BTF))
		return NULL;
	const struct facts_func *fn = f->ops->function(f, STR(""), STR("bpf_session_is_return"));
	return fn && fn->params.n <= 1 ? fn : NULL; /* newer kernels' takes the context */
}

uint32_t lower_session_partner(struct lower *l, uint32_t clause, const bool *taken)
{
	const struct clause *x = &l->s->clauses.v[clause];
	if ((x->provider->id != PROV_KPROBE && x->provider->id != PROV_KRETPROBE) || !x->attach.n ||
	    (x->attach.n < SESSION_LEAST && x->attach.v[0]->want != WANT_MULTI))
		return ~0u;
	for (uint32_t i = clause + 1; i < l->s->clauses.n; i++) {
		const struct clause *y = &l->s->clauses.v[i];
		if (!taken[i] && (session_pair(x, y) || session_pair(y, x)) && session_asks(l->env->facts))
			return i;
	}
	return ~0u;
}

/* The index of the attach point. */
ref lower_cookie(struct lower *l)
{
	ref cookie = ir_call(LB, TY_I64, H_get_attach_cookie, 1, lower_ctx(l));
	return l->cookie_by ? ir_bin(LB, OP_ADD, cookie, ir_const(LB, l->cookie_by)) : cookie;
}

/* Indices of the attach points, and whether they are one behind the other. */
static bool session_indices(struct lower *l, const struct clause *cl, uint32_t *ret)
{
	uint32_t cursor = 0;
	for (uint32_t i = 0; i < cl->attach.n; i++) {
		ret[i] = lower_attach_index(l, cl->attach.v[i], &cursor);
		if (ret[i] != ret[0] + i)
			return false;
	}
	return true;
}

bool lower_session(struct lower *l, const struct clause *x, const struct clause *y)
{
	const struct clause *entry = x->provider->id == PROV_KPROBE ? x : y, *ret = entry == x ? y : x;
	const struct facts_func *asks = session_asks(l->env->facts);
	uint32_t n = entry->attach.n, *at = arena_array(l->a, uint32_t, n), *ret_at = arena_array(l->a, uint32_t, n);
	if (!session_indices(l, entry, at) || !session_indices(l, ret, ret_at))
		return false;
	uint32_t in = lower_clause_fn(l, entry, entry->attach.v[0], ~0u);
	l->cookie_by = (int32_t)(ret_at[0] - at[0]);
	uint32_t out = lower_clause_fn(l, ret, ret->attach.v[0], ~0u);
	l->cookie_by = 0;

	struct func *f = func_new(l->a, arena_printf(l->a, "session_%u", l->m->funcs.n));
	struct module_prog mp = { .fn = l->m->funcs.n, .clause = x->index, .prog_type = entry->provider->prog_type, .span = entry->span,
				  .n_returns = n, .return_span = ret->span };
	vec_push(l->a, &l->m->funcs, f);
	f->span = x->span;
	l->b = (struct ir_build){ .f = f, .blk = 1, .span = x->span };
	uint32_t entered = func_block(f), returned = func_block(f);
	ref is_return = ir_kcall(LB, TY_I64, asks->btf_id, asks->params.n, ir_arg(LB, 0));
	ir_br(LB, ir_bin(LB, OP_AND, is_return, ir_const(LB, 0xff)), returned, entered);
	ir_at(LB, entered);
	ir_callfn(LB, TY_I64, in, 1, ir_arg(LB, 0));
	ir_ret(LB, ir_const(LB, 0));
	ir_at(LB, returned);
	ir_callfn(LB, TY_I64, out, 1, ir_arg(LB, 0));
	ir_ret(LB, ir_const(LB, 0));
	for (uint32_t i = 0; i < n; i++)
		vec_push(l->a, &mp.attach, at[i]);
	for (uint32_t i = 0; i < n; i++)
		vec_push(l->a, &mp.attach, ret_at[i]);
	vec_push(l->a, &l->m->progs, mp);
	return true;
}
