/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pass_branch: constant branches become jumps, jumps to empty blocks go where
 * those go, a jump to a block that only tests a PHI goes on to what the PHI
 * decides on this way (`a && b` as a condition), and a block whose only
 * predecessor has no other way out is merged into it. Keeps PHIs right. Needs
 * SSA.
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

/* -- threading -- */

/* Values that are needed outside of their block (a PHI's operand is needed at the end of the predecessor). */
static uint8_t *branch_escapes(struct func *f)
{
	uint8_t *out = arena_array(f->arena, uint8_t, f->ins.n);
	for (uint32_t k = 0; k < f->order.n; k++) {
		uint32_t b = f->order.v[k];
		const struct block *x = &f->blocks.v[b];
		for (uint32_t j = 0; j < x->ins.n; j++) {
			const struct ins *i = &f->ins.v[x->ins.v[j]];
			for (unsigned q = 0; q < i->n; q++)
				out[i->a[q]] |= f->ins.v[i->a[q]].blk != b;
			for (uint32_t q = 0; i->op == OP_PHI && q < x->preds.n; q++) {
				ref v = f->phis.v[i->aux + q];
				out[v] |= f->ins.v[v].blk != x->preds.v[q];
			}
		}
	}
	return out;
}

/* A block of PHIs, constants and comparisons that ends in a branch on them; its values stay inside. */
static bool branch_is_test(const struct func *f, uint32_t b, const uint8_t *escapes)
{
	const struct block *x = &f->blocks.v[b];
	const struct ins *t = &f->ins.v[vec_last(&x->ins)];
	if (t->op != OP_BR || t->t == t->f || t->t == b || t->f == b || x->preds.n < 2 ||
	    f->ins.v[x->ins.v[0]].op != OP_PHI)
		return false;
	for (uint32_t k = 0; k + 1 < x->ins.n; k++) {
		const struct ins *i = &f->ins.v[x->ins.v[k]];
		if (escapes[x->ins.v[k]] || (i->op != OP_PHI && i->op != OP_CONST && !fold_is_compare(i->op)))
			return false;
	}
	return true;
}

/* The constant that a PHI of block b has when it is entered from its q-th predecessor, or that a constant is. */
static bool branch_constant(const struct func *f, uint32_t b, ref v, uint32_t q, int64_t *ret)
{
	const struct ins *i = &f->ins.v[v];
	if (i->op == OP_PHI && i->blk == b)
		i = &f->ins.v[f->phis.v[i->aux + q]];
	*ret = i->imm;
	return i->op == OP_CONST;
}

/* The same for the condition: a PHI, or one comparison of it. */
static bool branch_value(const struct func *f, uint32_t b, ref v, uint32_t q, int64_t *ret)
{
	const struct ins *i = &f->ins.v[v];
	int64_t x, y;
	if (!fold_is_compare(i->op) || i->blk != b)
		return branch_constant(f, b, v, q, ret);
	return branch_constant(f, b, i->a[0], q, &x) && branch_constant(f, b, i->a[1], q, &y) &&
	       fold_eval((enum ir_op)i->op, 8, x, y, ret);
}

/* Lead the edge p -> b (p is b's q-th predecessor) on to `to`. */
static bool branch_thread_edge(struct func *f, uint32_t p, uint32_t b, uint32_t q, uint32_t to)
{
	struct ins *t = &f->ins.v[vec_last(&f->blocks.v[p].ins)];
	struct block *x = &f->blocks.v[to];
	uint32_t from = 0;
	bool phis = x->ins.n && f->ins.v[x->ins.v[0]].op == OP_PHI;
	if (t->op == OP_BR && (t->t == t->f || (phis && (t->t == to || t->f == to))))
		return false;
	while (from < x->preds.n && x->preds.v[from] != b)
		from++;
	for (int change = 0; change < 2 && phis; change++) { /* look first, then do it */
		for (uint32_t k = 0; k < x->ins.n && f->ins.v[x->ins.v[k]].op == OP_PHI; k++) {
			struct ins *phi = &f->ins.v[x->ins.v[k]];
			ref v = f->phis.v[phi->aux + from];
			if (f->ins.v[v].op == OP_PHI && f->ins.v[v].blk == b)
				v = f->phis.v[f->ins.v[v].aux + q];
			else if (f->ins.v[v].blk == b)
				return false;
			if (!change)
				continue;
			uint32_t aux = f->phis.n;
			for (uint32_t j = 0; j < x->preds.n; j++) {
				ref old = f->phis.v[phi->aux + j];
				vec_push(f->arena, &f->phis, old);
			}
			vec_push(f->arena, &f->phis, v);
			phi->aux = aux;
		}
	}
	vec_push(f->arena, &x->preds, p);
	if (t->t == b)
		t->t = to;
	else
		t->f = to;
	if (t->op == OP_BR && t->t == t->f) {
		t->op = OP_JMP;
		t->n = 0;
		t->f = 0;
	}
	return true;
}

static bool branch_thread(struct func *f)
{
	const uint8_t *escapes = branch_escapes(f);
	for (uint32_t k = 0; k < f->order.n; k++) {
		uint32_t b = f->order.v[k];
		if (!branch_is_test(f, b, escapes))
			continue;
		const struct ins *t = &f->ins.v[vec_last(&f->blocks.v[b].ins)];
		for (uint32_t q = 0; q < f->blocks.v[b].preds.n; q++) {
			int64_t v;
			uint32_t p = f->blocks.v[b].preds.v[q];
			if (p != b && branch_value(f, b, t->a[0], q, &v) &&
			    branch_thread_edge(f, p, b, q, v ? t->t : t->f)) {
				ir_cfg(f);
				return true; /* what we know about uses is stale */
			}
		}
	}
	return false;
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
	for (uint32_t k = 0; k < f->ins.n && branch_thread(f); k++)
		c->changed = true;
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
