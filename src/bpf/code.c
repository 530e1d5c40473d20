/* SPDX-License-Identifier: Apache-2.0 */
/* bpf_compile: an entry function and all that it reaches, each through live, ra, emit; then the calls between them. */
#include "bpf/back.h"

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
	uint32_t total = 0;
	for (uint32_t k = 0, refs = 0; k < todo.n; k++) {
		struct back b = { .f = funcs[todo.v[k]], .arena = a, .target = t };
		back_split_edges(b.f);
		ir_dom(b.f);
		back_live(&b);
		back_allocate(&b);
		if (!b.error) {
			out.fn_insn[todo.v[k]] = c->insns.n;
			vec_push(a, &c->subprogs, ((struct bpf_subprog){ c->insns.n, todo.v[k], b.stack }));
			back_emit(&b, &out);
		}
		if (b.error) {
			*ret_err = b.error;
			return NULL;
		}
		c->n_spills += b.n_spills;
		total += (b.stack + 31) & ~31u;
		for (; refs < out.fn_refs.n; refs++) {
			uint32_t fn = out.fn_refs.v[refs].fn;
			if (out.fn_insn[fn] == ~0u) {
				out.fn_insn[fn] = 0;
				vec_push(a, &todo, fn);
			}
		}
	}
	if (total > 512 && todo.n > 1) {
		/* exact only along a call chain; nested loops form one */
		*ret_err = arena_printf(a, "%s and its loops need %u bytes of stack together, more than the kernel's 512",
					funcs[entry]->name, total);
		return NULL;
	}
	if (c->insns.n > 1000000) {
		*ret_err = arena_printf(a, "%s has %u instructions, more than the kernel's 1000000", funcs[entry]->name, c->insns.n);
		return NULL;
	}
	for (uint32_t k = 0; k < out.fn_refs.n; k++) {
		const struct fn_ref *r = &out.fn_refs.v[k];
		c->insns.v[r->insn].imm = (int32_t)(out.fn_insn[r->fn] - r->insn - 1);
	}
	return c;
}
