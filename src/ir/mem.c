/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pass_mem: stack slots whose address never leaves loads, stores, ZERO and
 * COPY are private: within a block a load after a store of the same bytes is
 * the stored value, and a store that is overwritten before anything reads the
 * slot is dropped. Slots whose address is passed to a call are left alone from
 * the call's point of view: any call clobbers and reads them. Needs SSA.
 */
#include "ir/pass.h"

struct mem_known { /* the last store to a slot's bytes in this block */
	uint32_t slot, w;
	int64_t off;
	ref val;
	ref store; /* 0 once something may have read it */
};

static bool mem_slot_of(const struct func *f, ref p, uint32_t *ret)
{
	const struct ins *i = &f->ins.v[p];
	if (i->op != OP_SLOT)
		return false;
	*ret = (uint32_t)i->imm;
	return true;
}

void pass_mem(struct pass_ctx *c)
{
	struct func *f = c->f;
	enum { ROOM = 16 };
	ir_cfg(f);
	ref *repl = arena_array(f->arena, ref, f->ins.n);
	for (uint32_t k = 0; k < f->order.n; k++) {
		struct block *b = &f->blocks.v[f->order.v[k]];
		struct mem_known known[ROOM];
		uint32_t nk = 0, n = 0;
		for (uint32_t j = 0; j < b->ins.n; j++) {
			ref r = b->ins.v[j];
			struct ins *i = &f->ins.v[r];
			uint32_t slot;
			b->ins.v[n++] = r;
			for (unsigned q = 0; q < i->n; q++)
				while (repl[i->a[q]])
					i->a[q] = repl[i->a[q]];
			if (i->op == OP_STORE && mem_slot_of(f, i->a[0], &slot)) {
				for (uint32_t m = 0; m < nk;) {
					struct mem_known *x = &known[m];
					bool overlap = x->slot == slot && x->off < i->imm + i->w && i->imm < x->off + (int64_t)x->w;
					if (overlap)
						*x = known[--nk];
					else
						m++;
				}
				if (nk == ROOM)
					memmove(known, known + 1, sizeof(known[0]) * --nk);
				known[nk++] = (struct mem_known){ slot, i->w, i->imm, i->a[1], r };
			} else if (i->op == OP_LOAD && i->w == 8 && mem_slot_of(f, i->a[0], &slot)) {
				for (uint32_t m = 0; m < nk; m++) {
					if (known[m].slot == slot && known[m].off == i->imm && known[m].w == 8 &&
					    f->ins.v[known[m].val].ty == i->ty) {
						repl[r] = known[m].val;
						n--;
						c->changed = true;
						break;
					}
				}
			} else if (i->op == OP_CALL && ir_ins_is_pure(i)) {
				continue;
			} else if (i->op == OP_ZERO || i->op == OP_COPY || (op_info[i->op].flags & OF_E && i->op != OP_STORE)) {
				nk = 0;
			} else if (i->op == OP_STORE) {
				/* through another pointer: it may be a stack address */
				if (f->ins.v[i->a[0]].ty == TY_STACK)
					nk = 0;
			}
		}
		b->ins.n = n;
	}
	ir_replace(f, repl);
}
