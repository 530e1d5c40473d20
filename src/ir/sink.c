/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pass_sink: work that only one side of a branch needs moves to that side
 * (below the predicate), never into a loop. Pure values, pure helper calls and
 * helper calls without effects on memory; not loads (memory may change) but
 * those from the context. Needs SSA. Bottom-up over each block, to a fixed
 * point along the dominator tree because users are moved before their operands.
 */
#include "ir/pass.h"

static bool sink_is_movable(const struct func *f, const struct ins *i)
{
	if (i->op == OP_PHI || i->op == OP_CONST || i->op == OP_ARG)
		return false;
	if (i->op == OP_LOAD || i->op == OP_LOADS)
		return f->ins.v[i->a[0]].ty == TY_CTX;
	return ir_ins_is_pure(i);
}

/* Nearest common dominator. */
static uint32_t sink_meet(const struct func *f, uint32_t a, uint32_t b)
{
	while (a != b) {
		if (f->blocks.v[a].rpo > f->blocks.v[b].rpo)
			a = f->blocks.v[a].idom;
		else
			b = f->blocks.v[b].idom;
	}
	return a;
}

void pass_sink(struct pass_ctx *c)
{
	struct func *f = c->f;
	ir_dom(f);
	uint32_t *want = arena_array(f->arena, uint32_t, f->ins.n); /* meet of all uses so far; 0 = none seen */
	for (uint32_t k = f->order.n; k-- > 0;) {
		uint32_t b = f->order.v[k];
		/* PHI operands are used at the end of their predecessor */
		for (uint32_t n = 0; n < f->blocks.v[b].ins.n; n++) {
			struct ins *i = &f->ins.v[f->blocks.v[b].ins.v[n]];
			for (uint32_t j = 0; i->op == OP_PHI && j < f->blocks.v[b].preds.n; j++) {
				ref v = f->phis.v[i->aux + j];
				uint32_t p = f->blocks.v[b].preds.v[j];
				want[v] = want[v] ? sink_meet(f, want[v], p) : p;
			}
		}
	}
	for (uint32_t k = f->order.n; k-- > 0;) {
		uint32_t b = f->order.v[k];
		for (uint32_t n = f->blocks.v[b].ins.n; n-- > 0;) {
			ref r = f->blocks.v[b].ins.v[n];
			struct ins *i = &f->ins.v[r];
			uint32_t at = b, w = want[r];
			if (w && w != b && sink_is_movable(f, i)) {
				/* up from the uses to a place that is in no deeper loop */
				while (w != b && f->blocks.v[w].loop_depth > f->blocks.v[b].loop_depth)
					w = f->blocks.v[w].idom;
				/* moving only pays when it leaves a path that does not need it */
				if (w != b) {
					struct block *from = &f->blocks.v[b], *to = &f->blocks.v[w];
					memmove(&from->ins.v[n], &from->ins.v[n + 1], sizeof(ref) * (from->ins.n - n - 1));
					from->ins.n--;
					uint32_t pos = 0;
					while (f->ins.v[to->ins.v[pos]].op == OP_PHI)
						pos++;
					vec_push(f->arena, &to->ins, r);
					memmove(&to->ins.v[pos + 1], &to->ins.v[pos], sizeof(ref) * (to->ins.n - 1 - pos));
					to->ins.v[pos] = r;
					i->blk = at = w;
					c->changed = true;
				}
			}
			if (i->op == OP_PHI)
				continue;
			for (unsigned j = 0; j < i->n; j++)
				want[i->a[j]] = want[i->a[j]] ? sink_meet(f, want[i->a[j]], at) : at;
		}
	}
}
