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

struct calls {
	struct bpf_code *c;
	const struct emit_out *out;
	uint32_t deepest; /* bytes of stack */
	uint32_t frames;
};

static uint32_t code_subprog(const struct bpf_code *c, uint32_t insn)
{
	uint32_t k = 0;
	while (k + 1 < c->subprogs.n && c->subprogs.v[k + 1].insn <= insn)
		k++;
	return k;
}

/* The kernel rounds each frame up to 32 bytes (16 where it has a compiler); a callback is called like any other. */
static void code_walk(struct calls *s, uint32_t sub, uint32_t stack, uint32_t frames)
{
	uint32_t own = (s->c->subprogs.v[sub].stack + 31) & ~31u;
	stack += own ? own : 32;
	if (stack > s->deepest)
		s->deepest = stack;
	if (frames > s->frames)
		s->frames = frames;
	if (frames > CODE_MAX_DEPTH)
		return;
	for (uint32_t k = 0; k < s->out->fn_refs.n; k++) {
		const struct fn_ref *r = &s->out->fn_refs.v[k];
		if (code_subprog(s->c, r->insn) == sub)
			code_walk(s, code_subprog(s->c, s->out->fn_insn[r->fn]), stack, frames + 1);
	}
}

static const char *code_check(struct arena *a, struct bpf_code *c, const struct emit_out *out, const char *name)
{
	if (c->insns.n > CODE_MAX_INSNS)
		return arena_printf(a, "%s has %u instructions, more than the kernel's %d", name, c->insns.n, CODE_MAX_INSNS);
	if (c->subprogs.n == 1) /* back_allocate has checked that one */
		return NULL;
	struct calls s = { .c = c, .out = out };
	code_walk(&s, 0, 0, 1);
	if (s.frames > CODE_MAX_DEPTH)
		return arena_printf(a, "%s calls deeper than %d functions, or in a circle", name, CODE_MAX_DEPTH);
	if (s.deepest > CODE_MAX_STACK)
		return arena_printf(a, "%s and its loops need %u bytes of stack together, more than the kernel's %d", name, s.deepest,
				    CODE_MAX_STACK);
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
				*ret_err = arena_printf(a, "%s calls function %u, which does not exist", funcs[todo.v[k]]->name, fn);
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
	*ret_err = code_check(a, c, &out, funcs[entry]->name);
	return *ret_err ? NULL : c;
}
