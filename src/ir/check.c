/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pass_check: a branch whose condition (or the same or the opposite comparison
 * of the same values) was decided by a branch that dominates it is decided.
 * This removes null and bounds tests that were already made on the way. Needs
 * SSA; run after cse, which makes equal operands one value.
 */
#include "ir/pass.h"

/* Are two conditions the same (1), opposites (-1), or unrelated (0)? */
static int check_relation(const struct func *f, ref x, ref y)
{
	const struct ins *a = &f->ins.v[x], *b = &f->ins.v[y];
	if (x == y)
		return 1;
	if (!fold_is_compare(a->op) || !fold_is_compare(b->op) || a->a[0] != b->a[0])
		return 0;
	const struct ins *p = &f->ins.v[a->a[1]], *q = &f->ins.v[b->a[1]];
	if (a->a[1] != b->a[1] && !(p->op == OP_CONST && q->op == OP_CONST && p->imm == q->imm))
		return 0;
	return a->op == b->op ? 1 : fold_inverse((enum ir_op)a->op) == (enum ir_op)b->op ? -1 : 0;
}

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
			if (p->op != OP_BR || p->t == p->f)
				continue;
			int same = check_relation(f, p->a[0], t->a[0]);
			if (!same)
				continue;
			t->op = OP_JMP;
			t->n = 0;
			if ((p->f == x) == (same > 0))
				t->t = t->f;
			t->f = 0;
			c->changed = true;
			break;
		}
	}
	if (c->changed)
		ir_cfg(f);
}
