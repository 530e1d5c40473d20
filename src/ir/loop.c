/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pass_loop: what the verifier must not know about a loop that the kernel bounds (MAYGOTO). It follows such a loop until a round
 * begins in a state that an earlier one covers. `$i = 0` before the loop is a number that it knows: no later round is covered by
 * it, and it would walk all of them. So the values with which the loop is entered get a zero added that the verifier cannot
 * see through, the operand of MAYGOTO, a load from the data map. Pointers are left as they are, also those that the IR takes for
 * numbers (a kernel object's address in a variable). Needs SSA; runs last, for nothing may fold what it adds.
 */
#include "ir/pass.h"

static ref loop_find(const struct func *f, uint32_t b)
{
	const struct block *x = &f->blocks.v[b];
	for (uint32_t k = 0; k < x->ins.n; k++)
		if (f->ins.v[x->ins.v[k]].op == OP_MAYGOTO)
			return x->ins.v[k];
	return NOREF;
}

/* v + zero, at the end of the block. */
static ref loop_hide(struct func *f, uint32_t b, ref v, ref zero)
{
	struct ins i = { .op = OP_ADD, .ty = TY_I64, .w = 8, .n = 2, .blk = b, .span = f->ins.v[v].span };
	i.a[0] = v;
	i.a[1] = zero;
	ref r = f->ins.n;
	vec_push(f->arena, &f->ins, i);
	struct block *x = &f->blocks.v[b];
	ref last = vec_last(&x->ins);
	x->ins.v[x->ins.n - 1] = r;
	vec_push(f->arena, &x->ins, last);
	return r;
}

void pass_loop(struct pass_ctx *c)
{
	struct func *f = c->f;
	ir_dom(f);
	const bool *pointers = NULL;
	bool any;
	for (uint32_t k = 0; k < f->order.n; k++) {
		uint32_t b = f->order.v[k];
		ref may = loop_find(f, b);
		if (may && !pointers)
			pointers = pass_pointers(f, ir_type_is_ptr, &any); /* what is added below is no pointer, and is not asked for */
		for (uint32_t n = 0; may && n < f->blocks.v[b].ins.n; n++) {
			struct ins phi = f->ins.v[f->blocks.v[b].ins.v[n]];
			for (uint32_t j = 0; phi.op == OP_PHI && phi.ty == TY_I64 && j < f->blocks.v[b].preds.n; j++) {
				uint32_t p = f->blocks.v[b].preds.v[j];
				ref zero = f->ins.v[may].a[0];
				if (ir_dominates(f, b, p) || pointers[f->phis.v[phi.aux + j]])
					continue; /* round and round */
				if (!ir_dominates(f, f->ins.v[zero].blk, p))
					continue; /* no loop any more: its only round leaves it, and the zero went where it is used */
				f->phis.v[phi.aux + j] = loop_hide(f, p, f->phis.v[phi.aux + j], zero);
				c->changed = true;
			}
		}
	}
}
