/* SPDX-License-Identifier: Apache-2.0 */
/* pass_dce: keeps what has an effect and what that needs; everything else goes. Needs SSA. */
#include "ir/pass.h"

void pass_dce(struct pass_ctx *c)
{
	struct func *f = c->f;
	ir_cfg(f);
	uint8_t *live = arena_array(f->arena, uint8_t, f->ins.n);
	VEC(ref) work = { 0 };
	for (uint32_t k = 0; k < f->order.n; k++) {
		struct block *b = &f->blocks.v[f->order.v[k]];
		for (uint32_t n = 0; n < b->ins.n; n++) {
			if (!ir_ins_is_removable(&f->ins.v[b->ins.v[n]])) {
				live[b->ins.v[n]] = 1;
				vec_push(f->arena, &work, b->ins.v[n]);
			}
		}
	}
	while (work.n) {
		const struct ins *i = &f->ins.v[vec_pop(&work)];
		uint32_t np = i->op == OP_PHI ? f->blocks.v[i->blk].preds.n : 0;
		for (uint32_t j = 0; j < i->n + np; j++) {
			ref r = j < i->n ? i->a[j] : f->phis.v[i->aux + j - i->n];
			if (r && !live[r]) {
				live[r] = 1;
				vec_push(f->arena, &work, r);
			}
		}
	}
	for (uint32_t k = 1; k < f->blocks.n; k++) {
		struct block *b = &f->blocks.v[k];
		uint32_t n = 0;
		for (uint32_t i = 0; i < b->ins.n; i++)
			if (live[b->ins.v[i]])
				b->ins.v[n++] = b->ins.v[i];
		c->changed |= n != b->ins.n;
		b->ins.n = n;
	}
}
