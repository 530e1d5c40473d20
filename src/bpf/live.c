/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Liveness: each value's interval over the linear layout, by walking up from
 * every use to the definition (SSA makes that exact and cheap), and each
 * stack slot's interval from the uses of every address derived from it,
 * widened over the loops that they lie in.
 */
#include <stdlib.h>

#include "bpf/back.h"

bool back_is_remat(const struct ins *i)
{
	return i->op == OP_CONST || i->op == OP_SLOT || i->op == OP_MAPREF || i->op == OP_MAPVAL || i->op == OP_FNREF;
}

void back_split_edges(struct func *f)
{
	ir_cfg(f);
	uint32_t nb = f->blocks.n;
	bool any = false;
	for (uint32_t b = 1; b < nb; b++) {
		if (f->blocks.v[b].rpo == ~0u || f->blocks.v[b].ins.n == 0)
			continue;
		ref tr = vec_last(&f->blocks.v[b].ins);
		for (int side = 0; side < 2 && f->ins.v[tr].op == OP_BR; side++) {
			uint32_t to = side ? f->ins.v[tr].f : f->ins.v[tr].t;
			if (f->blocks.v[to].preds.n < 2 || f->ins.v[f->blocks.v[to].ins.v[0]].op != OP_PHI)
				continue;
			uint32_t n = func_block(f);
			struct ins j = { .op = OP_JMP, .blk = n, .t = to, .span = f->ins.v[tr].span, .w = 8 };
			vec_push(f->arena, &f->ins, j);
			vec_push(f->arena, &f->blocks.v[n].ins, f->ins.n - 1);
			f->blocks.v[n].cold = f->blocks.v[to].cold;
			if (side)
				f->ins.v[tr].f = n;
			else
				f->ins.v[tr].t = n;
			/* the PHI operand now comes from n */
			for (uint32_t k = 0; k < f->blocks.v[to].preds.n; k++)
				if (f->blocks.v[to].preds.v[k] == b) {
					f->blocks.v[to].preds.v[k] = n;
					break;
				}
			any = true;
		}
	}
	if (any)
		ir_cfg(f);
}

static void live_layout(struct back *b)
{
	struct func *f = b->f;
	for (int cold = 0; cold < 2; cold++)
		for (uint32_t k = 0; k < f->order.n; k++)
			if (f->blocks.v[f->order.v[k]].cold == (cold == 1))
				vec_push(b->arena, &b->layout, f->order.v[k]);
	uint32_t p = 1;
	for (uint32_t k = 0; k < b->layout.n; k++) {
		const struct block *x = &f->blocks.v[b->layout.v[k]];
		b->block_start[b->layout.v[k]] = 2 * p;
		p++;
		for (uint32_t j = 0; j < x->ins.n; j++, p++) {
			const struct ins *i = &f->ins.v[x->ins.v[j]];
			b->pos[x->ins.v[j]] = i->op == OP_PHI ? b->block_start[b->layout.v[k]] : 2 * p;
			if (i->op == OP_CALL || i->op == OP_CALLFN || i->op == OP_KCALL)
				vec_push(b->arena, &b->calls, 2 * p);
		}
		b->block_end[b->layout.v[k]] = 2 * p;
		p++;
	}
}

static void live_extend(struct live *l, uint32_t from, uint32_t to)
{
	if (from < l->start)
		l->start = from;
	if (to > l->end)
		l->end = to;
}

static void live_use(struct back *b, ref v, uint32_t blk, uint32_t at, uint32_t *mark, uint32_t *stack)
{
	struct func *f = b->f;
	const struct ins *d = &f->ins.v[v];
	struct live *l = &b->live[v];
	uint32_t def = d->blk, top = 0;
	l->weight += (float)(1u << (f->blocks.v[blk].loop_depth > 8 ? 24 : f->blocks.v[blk].loop_depth * 3));
	live_extend(l, b->pos[v] + 1, at);
	if (blk == def)
		return;
	live_extend(l, b->block_start[blk], at);
	if (mark[blk] == v)
		return;
	mark[blk] = v;
	stack[top++] = blk;
	while (top) {
		uint32_t x = stack[--top];
		for (uint32_t k = 0; k < f->blocks.v[x].preds.n; k++) {
			uint32_t p = f->blocks.v[x].preds.v[k];
			live_extend(l, b->block_end[p], b->block_end[p]);
			if (p == def || mark[p] == v)
				continue;
			mark[p] = v;
			live_extend(l, b->block_start[p], b->block_end[p]);
			stack[top++] = p;
		}
	}
}

/* The slot that an address comes from, + 1; 0 = none or several. */
static uint32_t live_slot(const struct func *f, ref v, int hops)
{
	const struct ins *i = &f->ins.v[v];
	if (i->op == OP_SLOT)
		return (uint32_t)i->imm + 1;
	if (i->op == OP_ADDPTR && hops < 16)
		return live_slot(f, i->a[0], hops + 1);
	return 0;
}

struct range {
	uint32_t from, to;
};

static int range_cmp(const void *x, const void *y)
{
	const struct range *a = x, *b = y;
	return a->from < b->from ? -1 : a->from > b->from;
}

static void live_slots(struct back *b)
{
	struct func *f = b->f;
	VEC(struct range) loops = { 0 };
	for (uint32_t k = 0; k < f->order.n; k++) {
		uint32_t x = f->order.v[k];
		for (uint32_t j = 0; j < f->blocks.v[x].preds.n; j++) {
			uint32_t p = f->blocks.v[x].preds.v[j];
			if (b->block_end[p] >= b->block_start[x]) /* an edge backwards in the layout */
				vec_push(b->arena, &loops, ((struct range){ b->block_start[x], b->block_end[p] }));
		}
	}
	if (loops.n)
		qsort(loops.v, loops.n, sizeof(struct range), range_cmp);
	uint32_t n = 0;
	for (uint32_t k = 0; k < loops.n; k++) {
		if (n && loops.v[k].from <= loops.v[n - 1].to) {
			if (loops.v[k].to > loops.v[n - 1].to)
				loops.v[n - 1].to = loops.v[k].to;
		} else {
			loops.v[n++] = loops.v[k];
		}
	}
	for (uint32_t k = 0; k < b->layout.n; k++) {
		const struct block *x = &f->blocks.v[b->layout.v[k]];
		for (uint32_t j = 0; j < x->ins.n; j++) {
			const struct ins *i = &f->ins.v[x->ins.v[j]];
			uint32_t np = i->op == OP_PHI ? x->preds.n : 0;
			for (uint32_t q = 0; q < i->n + np; q++) {
				ref v = q < i->n ? i->a[q] : f->phis.v[i->aux + q - i->n];
				uint32_t s = live_slot(f, v, 0);
				if (!s)
					continue;
				uint32_t at = b->pos[x->ins.v[j]];
				struct live *l = &b->slot_live[s - 1];
				live_extend(l, at, at);
				/* the address goes where we do not follow it: live throughout */
				if (np || (i->op == OP_STORE && q == 1) || i->op == OP_SETVAR)
					live_extend(l, 0, UINT32_MAX);
				for (uint32_t m = 0; m < n; m++)
					if (loops.v[m].from <= at && at <= loops.v[m].to)
						live_extend(l, loops.v[m].from, loops.v[m].to);
			}
		}
	}
}

/* Comparisons that only branches use are emitted inside them. */
static void live_fuse(struct back *b)
{
	struct func *f = b->f;
	for (uint32_t r = 1; r < f->ins.n; r++)
		b->fused[r] = f->ins.v[r].op >= OP_EQ && f->ins.v[r].op <= OP_SGE;
	for (uint32_t k = 0; k < f->order.n; k++) {
		const struct block *x = &f->blocks.v[f->order.v[k]];
		for (uint32_t j = 0; j < x->ins.n; j++) {
			const struct ins *i = &f->ins.v[x->ins.v[j]];
			uint32_t np = i->op == OP_PHI ? x->preds.n : 0;
			for (uint32_t q = 0; q < i->n + np; q++)
				if (i->op != OP_BR)
					b->fused[q < i->n ? i->a[q] : f->phis.v[i->aux + q - i->n]] = false;
		}
	}
}

void back_live(struct back *b)
{
	struct func *f = b->f;
	uint32_t *mark = arena_array(b->arena, uint32_t, f->blocks.n), *stack = arena_array(b->arena, uint32_t, f->blocks.n + 1);
	b->block_start = arena_array(b->arena, uint32_t, f->blocks.n);
	b->block_end = arena_array(b->arena, uint32_t, f->blocks.n);
	b->pos = arena_array(b->arena, uint32_t, f->ins.n);
	b->live = arena_array(b->arena, struct live, f->ins.n);
	b->slot_live = arena_array(b->arena, struct live, f->slots.n + 1);
	b->fused = arena_array(b->arena, bool, f->ins.n);
	for (uint32_t r = 0; r < f->ins.n; r++)
		b->live[r].start = UINT32_MAX;
	for (uint32_t s = 0; s < f->slots.n; s++)
		b->slot_live[s].start = UINT32_MAX;
	live_layout(b);
	live_fuse(b);
	for (uint32_t k = 0; k < b->layout.n; k++) {
		uint32_t blk = b->layout.v[k];
		const struct block *x = &f->blocks.v[blk];
		for (uint32_t j = 0; j < x->ins.n; j++) {
			ref r = x->ins.v[j];
			const struct ins *i = &f->ins.v[r];
			if (b->fused[r])
				continue;
			if (op_info[i->op].flags & OF_D)
				live_extend(&b->live[r], i->op == OP_ARG ? 1 : b->pos[r] + 1, b->pos[r] + 1);
			for (uint32_t q = 0; q < i->n; q++) {
				const struct ins *a = &f->ins.v[i->a[q]];
				if (i->op == OP_BR && b->fused[i->a[q]]) {
					for (unsigned m = 0; m < a->n; m++)
						if (!back_is_remat(&f->ins.v[a->a[m]]))
							live_use(b, a->a[m], blk, b->pos[r], mark, stack);
				} else if (!back_is_remat(a)) {
					live_use(b, i->a[q], blk, b->pos[r], mark, stack);
				}
			}
			for (uint32_t q = 0; i->op == OP_PHI && q < x->preds.n; q++) {
				ref v = f->phis.v[i->aux + q];
				uint32_t p = x->preds.v[q];
				if (!back_is_remat(&f->ins.v[v]))
					live_use(b, v, p, b->block_end[p], mark, stack);
				/* the copy at the end of p writes the PHI's place there */
				live_extend(&b->live[r], b->block_end[p] + 1, b->block_end[p] + 1);
			}
		}
	}
	live_slots(b);
}
