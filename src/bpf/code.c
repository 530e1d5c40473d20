/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bpf_compile: an entry function and all that it reaches, each through
 * selection, liveness, allocation and encoding; then the calls between them,
 * and the stack that the deepest chain of calls needs.
 */
#include "bpf/back.h"

enum {
	CODE_MAX_INSNS = 1000000,
	CODE_MAX_STACK = 512,
	CODE_MAX_DEPTH = 8, /* frames, as in the kernel */
};

struct reach { /* of a function and all that it calls */
	uint32_t stack, frames; /* frames 0: not known yet */
	bool open; /* being looked at: a circle comes back to it */
};
struct calls {
	const struct bpf_code *c;
	const struct emit_out *out;
	struct reach *subs;
	uint32_t *sub_of; /* by function */
};

/* The kernel rounds each frame up to 32 bytes (16 where it has a compiler); a callback is called like any other. */
static struct reach code_reach(struct calls *s, uint32_t sub, uint32_t depth)
{
	struct reach *me = &s->subs[sub];
	if (me->open || depth > CODE_MAX_DEPTH)
		return (struct reach){ .frames = CODE_MAX_DEPTH + 1 };
	if (me->frames)
		return *me;
	uint32_t from = s->c->subprogs.v[sub].insn,
		 to = sub + 1 < s->c->subprogs.n ? s->c->subprogs.v[sub + 1].insn : s->c->insns.n;
	uint32_t own = (s->c->subprogs.v[sub].stack + 31) & ~31u, below = 0, frames = 0, lo = 0, hi = s->out->fn_refs.n;
	me->open = true;
	while (lo < hi) { /* the references of this function: they ascend */
		uint32_t mid = (lo + hi) / 2;
		if (s->out->fn_refs.v[mid].insn < from)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < s->out->fn_refs.n && s->out->fn_refs.v[lo].insn < to; lo++) {
		struct reach r = code_reach(s, s->sub_of[s->out->fn_refs.v[lo].fn], depth + 1);
		below = r.stack > below ? r.stack : below;
		frames = r.frames > frames ? r.frames : frames;
	}
	me->open = false;
	me->stack = (own ? own : 32) + below;
	me->frames = frames + 1;
	return *me;
}

static const char *code_check(struct arena *a, struct bpf_code *c, const struct emit_out *out, uint32_t n_funcs,
			      const char *name)
{
	if (c->insns.n > CODE_MAX_INSNS)
		return arena_printf(a, "%s has %u instructions, more than the kernel's %d", name, c->insns.n,
				    CODE_MAX_INSNS);
	if (c->subprogs.n == 1 && out->fn_refs.n == 0) /* back_allocate has checked that one */
		return NULL;
	struct calls s = { .c = c, .out = out };
	s.subs = arena_array(a, struct reach, c->subprogs.n);
	s.sub_of = arena_array(a, uint32_t, n_funcs + 1);
	for (uint32_t k = 0; k < c->subprogs.n; k++)
		s.sub_of[c->subprogs.v[k].fn] = k;
	struct reach r = code_reach(&s, 0, 1);
	if (r.frames > CODE_MAX_DEPTH)
		return arena_printf(a, "%s calls deeper than %d functions, or in a circle", name, CODE_MAX_DEPTH);
	if (r.stack > CODE_MAX_STACK)
		return arena_printf(a, "%s and its loops need %u bytes of stack together, more than the kernel's %d",
				    name, r.stack, CODE_MAX_STACK);
	return NULL;
}

static const char *code_function(struct bpf_code *c, struct emit_out *out, struct func *f, uint32_t fn, struct arena *a,
				 const struct bpf_target *t)
{
	struct back b = { .f = f, .arena = a, .target = t };
	if (!f->is_ssa)
		return arena_printf(a, "%s is not in SSA form", f->name);
	back_split_edges(f);
	ir_dom(f);
	back_select(&b);
	back_live(&b);
	back_allocate(&b);
	if (b.error)
		return b.error;
	out->fn_insn[fn] = c->insns.n;
	vec_push(a, &c->subprogs, ((struct bpf_subprog){ c->insns.n, fn, b.stack }));
	back_emit(&b, out);
	c->n_spills += b.n_spills;
	return b.error;
}

struct bpf_code *bpf_compile(struct arena *a, struct func *const *funcs, uint32_t n_funcs, uint32_t entry,
			     const struct bpf_target *t, const char **ret_err)
{
	struct bpf_code *c = arena_new(a, struct bpf_code);
	struct emit_out out = { .code = c };
	VEC(uint32_t) todo = { 0 };
	out.fn_insn = arena_array(a, uint32_t, n_funcs + 1);
	memset(out.fn_insn, 0xff, sizeof(uint32_t) * (n_funcs + 1));
	vec_push(a, &todo, entry);
	out.fn_insn[entry] = 0;
	for (uint32_t k = 0, refs = 0; k < todo.n; k++) {
		*ret_err = code_function(c, &out, funcs[todo.v[k]], todo.v[k], a, t);
		for (; refs < out.fn_refs.n && !*ret_err; refs++) {
			uint32_t fn = out.fn_refs.v[refs].fn;
			if (fn >= n_funcs || !funcs[fn]) {
				*ret_err = arena_printf(a, "%s calls function %u, which does not exist",
							funcs[todo.v[k]]->name, fn);
			} else if (out.fn_insn[fn] == ~0u) {
				out.fn_insn[fn] = 0;
				vec_push(a, &todo, fn);
			}
		}
		if (*ret_err)
			return NULL;
	}
	for (uint32_t k = 0; k < out.fn_refs.n; k++) {
		const struct fn_ref *r = &out.fn_refs.v[k];
		c->insns.v[r->insn].imm = (int32_t)(out.fn_insn[r->fn] - r->insn - 1);
	}
	*ret_err = code_check(a, c, &out, n_funcs, funcs[entry]->name);
	return *ret_err ? NULL : c;
}
