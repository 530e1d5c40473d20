/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pass_cse: one value for equal pure expressions and pure helper calls (one
 * get_current_pid_tgid for pid, tid and filters) where the first dominates the
 * second; context loads count as pure, since nothing writes the context. A
 * hash table of values; on a hit that does not dominate, the newer one takes
 * its place (blocks are visited in reverse post-order). Needs SSA.
 */
#include "ir/pass.h"

static bool cse_is_candidate(const struct func *f, const struct ins *i)
{
	if (i->op == OP_PHI || i->op == OP_CONST)
		return i->op == OP_CONST;
	if (i->op == OP_LOAD || i->op == OP_LOADS)
		return f->ins.v[i->a[0]].ty == TY_CTX;
	return ir_ins_is_pure(i);
}

static bool cse_equal(const struct ins *x, const struct ins *y)
{
	if (x->op != y->op || x->ty != y->ty || x->w != y->w || x->n != y->n || x->imm != y->imm || x->aux != y->aux)
		return false;
	for (unsigned k = 0; k < x->n; k++)
		if (x->a[k] != y->a[k])
			return false;
	return true;
}

static uint32_t cse_hash(const struct ins *i)
{
	uint64_t h = i->op * 31u + i->w;
	h = (h ^ (uint64_t)i->imm) * 0x9e3779b97f4a7c15ull;
	for (unsigned k = 0; k < i->n; k++)
		h = (h ^ i->a[k]) * 0x9e3779b97f4a7c15ull;
	h = (h ^ i->aux) * 0x9e3779b97f4a7c15ull;
	return (uint32_t)(h >> 32);
}

void pass_cse(struct pass_ctx *c)
{
	struct func *f = c->f;
	ir_dom(f);
	uint32_t cap = 64;
	while (cap < f->ins.n * 2)
		cap *= 2;
	ref *table = arena_array(f->arena, ref, cap), *repl = arena_array(f->arena, ref, f->ins.n);
	for (uint32_t k = 0; k < f->order.n; k++) {
		struct block *b = &f->blocks.v[f->order.v[k]];
		uint32_t n = 0;
		for (uint32_t j = 0; j < b->ins.n; j++) {
			ref r = b->ins.v[j];
			struct ins *i = &f->ins.v[r];
			for (unsigned q = 0; q < i->n; q++)
				if (repl[i->a[q]])
					i->a[q] = repl[i->a[q]];
			b->ins.v[n++] = r;
			if ((op_info[i->op].flags & OF_C) && i->a[0] > i->a[1] && f->ins.v[i->a[1]].op != OP_CONST) {
				ref t = i->a[0]; /* a + b is b + a; constants stay on the right */
				i->a[0] = i->a[1];
				i->a[1] = t;
			}
			if (!cse_is_candidate(f, i))
				continue;
			uint32_t h = cse_hash(i) & (cap - 1);
			while (table[h] && !cse_equal(&f->ins.v[table[h]], i))
				h = (h + 1) & (cap - 1);
			if (table[h] && ir_dominates(f, f->ins.v[table[h]].blk, i->blk)) {
				repl[r] = table[h];
				n--;
				c->changed = true;
			} else {
				table[h] = r;
			}
		}
		b->ins.n = n;
	}
	if (c->changed)
		ir_replace(f, repl);
}
