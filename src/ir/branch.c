/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pass_branch: constant branches become jumps, jumps to empty blocks go where
 * those go, and a block whose only predecessor has no other way out is merged
 * into it. Keeps PHIs right. Needs SSA.
 */
#include "ir/pass.h"

/* Where does a block that holds only `jmp` lead? (not past blocks that begin with PHIs) */
static uint32_t branch_target(struct func *f, uint32_t b)
{
	for (int hops = 0; hops < 32; hops++) {
		struct block *x = &f->blocks.v[b];
		if (x->ins.n != 1 || f->ins.v[x->ins.v[0]].op != OP_JMP)
			return b;
		uint32_t t = f->ins.v[x->ins.v[0]].t;
		if (t == b || (f->blocks.v[t].ins.n && f->ins.v[f->blocks.v[t].ins.v[0]].op == OP_PHI))
			return b;
		b = t;
	}
	return b;
}

static bool branch_merge(struct func *f, uint32_t b, ref *repl)
{
	struct block *x = &f->blocks.v[b];
	struct ins *j = &f->ins.v[vec_last(&x->ins)];
	if (j->op != OP_JMP || j->t == b || j->t == 1 || f->blocks.v[j->t].preds.n != 1)
		return false;
	uint32_t t = j->t;
	struct block *y = &f->blocks.v[t];
	x->ins.n--;
	for (uint32_t k = 0; k < y->ins.n; k++) {
		ref r = y->ins.v[k];
		if (f->ins.v[r].op == OP_PHI) {
			repl[r] = f->phis.v[f->ins.v[r].aux];
			continue;
		}
		f->ins.v[r].blk = b;
		vec_push(f->arena, &x->ins, r);
	}
	/* successors' predecessor lists name t: let b stand for it, so that PHI operands keep their places */
	const struct ins *last = &f->ins.v[vec_last(&x->ins)];
	uint32_t succ[2] = { last->op == OP_JMP || last->op == OP_BR ? last->t : 0, last->op == OP_BR ? last->f : 0 };
	for (int s = 0; s < 2; s++)
		for (uint32_t k = 0; succ[s] && k < f->blocks.v[succ[s]].preds.n; k++)
			if (f->blocks.v[succ[s]].preds.v[k] == t)
				f->blocks.v[succ[s]].preds.v[k] = b;
	y->ins.n = 0;
	y->preds.n = 0;
	return true;
}

void pass_branch(struct pass_ctx *c)
{
	struct func *f = c->f;
	ir_cfg(f);
	ref *repl = arena_array(f->arena, ref, f->ins.n);
	for (uint32_t k = 0; k < f->order.n; k++) {
		struct ins *t = &f->ins.v[vec_last(&f->blocks.v[f->order.v[k]].ins)];
		if (t->op == OP_BR) {
			const struct ins *cond = &f->ins.v[t->a[0]];
			if (cond->op == OP_CONST || t->t == t->f) {
				if (cond->op == OP_CONST && cond->imm == 0)
					t->t = t->f;
				t->op = OP_JMP;
				t->n = 0;
				c->changed = true;
			}
		}
		if (t->op == OP_JMP || t->op == OP_BR) {
			uint32_t n = branch_target(f, t->t), m = t->op == OP_BR ? branch_target(f, t->f) : 0;
			if (t->op == OP_BR && n == m) { /* both ways to one place without PHIs */
				t->op = OP_JMP;
				t->n = 0;
			}
			c->changed |= n != t->t || (m && m != t->f);
			t->t = n;
			t->f = t->op == OP_BR ? m : 0;
		}
	}
	ir_cfg(f);
	for (uint32_t k = 0; k < f->order.n; k++) {
		uint32_t b = f->order.v[k];
		while (f->blocks.v[b].ins.n && branch_merge(f, b, repl))
			c->changed = true;
	}
	ir_replace(f, repl);
	ir_cfg(f);
	/* PHIs with one predecessor are that operand */
	memset(repl, 0, sizeof(ref) * f->ins.n);
	for (uint32_t k = 0; k < f->order.n; k++) {
		struct block *b = &f->blocks.v[f->order.v[k]];
		uint32_t n = 0;
		for (uint32_t j = 0; j < b->ins.n; j++) {
			ref r = b->ins.v[j];
			if (f->ins.v[r].op == OP_PHI && b->preds.n == 1)
				repl[r] = f->phis.v[f->ins.v[r].aux];
			else
				b->ins.v[n++] = r;
		}
		b->ins.n = n;
	}
	ir_replace(f, repl);
}
