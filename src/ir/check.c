/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pass_check: a branch whose condition (or the same comparison, thanks to cse)
 * was decided by a branch that dominates it is decided. This removes null and
 * bounds tests that were already made on the way. Needs SSA; run after cse.
 */
#include "ir/pass.h"

void pass_check(struct pass_ctx *c)
{
	struct func *f = c->f;
	ir_dom(f);
	for (uint32_t k = 0; k < f->order.n; k++) {
		uint32_t b = f->order.v[k];
		struct ins *t = &f->ins.v[vec_last(&f->blocks.v[b].ins)];
		if (t->op != OP_BR || t->t == t->f)
			continue;
		int hops = 0;
		for (uint32_t x = b; x != 1 && hops < 64; x = f->blocks.v[x].idom, hops++) {
			/* x is entered by one edge only: does that edge decide the condition? */
			if (f->blocks.v[x].preds.n != 1)
				continue;
			struct ins *p = &f->ins.v[vec_last(&f->blocks.v[f->blocks.v[x].preds.v[0]].ins)];
			if (p->op != OP_BR || p->a[0] != t->a[0] || p->t == p->f)
				continue;
			t->op = OP_JMP;
			t->n = 0;
			if (p->f == x)
				t->t = t->f;
			t->f = 0;
			c->changed = true;
			break;
		}
	}
	if (c->changed)
		ir_cfg(f);
}
