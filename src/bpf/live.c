/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Liveness: for each value the stretches of the linear layout where it is
 * needed, by walking up from every use to the definition (SSA makes that exact
 * and cheap); and for each stack slot those between the uses of the addresses
 * derived from it, on all ways that lead from one to another.
 */
#include <stdlib.h>

#include "bpf/back.h"

/* A branch into a block with PHIs gets a block of its own on the way, where the copies go. */
void back_split_edges(struct func *f)
{
	ir_cfg(f);
	uint32_t nb = f->blocks.n;
	bool any = false;
	for (uint32_t b = 1; b < nb; b++) {
		if (f->blocks.v[b].rpo == ~0u || f->blocks.v[b].ins.n == 0)
			continue;
		ref tr = vec_last(&f->blocks.v[b].ins);
		if (f->ins.v[tr].op == OP_BR && f->ins.v[tr].t == f->ins.v[tr].f) { /* one edge, not two */
			f->ins.v[tr].op = OP_JMP;
			f->ins.v[tr].n = 0;
		}
		for (int side = 0; side < 2 && f->ins.v[tr].op == OP_BR; side++) {
			uint32_t to = side ? f->ins.v[tr].f : f->ins.v[tr].t;
			if (f->ins.v[f->blocks.v[to].ins.v[0]].op != OP_PHI)
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

static bool live_is_call(const struct ins *i)
{
	return i->op == OP_CALL || i->op == OP_CALLFN || i->op == OP_KCALL;
}

/* The order of blocks: as they come; those that only return a constant, which have room to become one; cold ones. */
static unsigned live_rank(const struct back *b, uint32_t blk)
{
	const struct block *x = &b->f->blocks.v[blk];
	const struct ins *t = back_ins(b, vec_last(&x->ins));
	if (blk == 1)
		return 0;
	if (x->cold)
		return 2;
	if (t->op != OP_RET || back_ins(b, t->a[0])->op != OP_CONST)
		return 0;
	for (uint32_t j = 0; j + 1 < x->ins.n; j++)
		if (!back_is_remat(b->f, x->ins.v[j]))
			return 0;
	return 1;
}

static void live_layout(struct back *b)
{
	struct func *f = b->f;
	for (unsigned rank = 0; rank < 3; rank++)
		for (uint32_t k = 0; k < f->order.n; k++)
			if (live_rank(b, f->order.v[k]) == rank)
				vec_push(b->arena, &b->layout, f->order.v[k]);
	uint32_t p = POS_STEP;
	for (uint32_t k = 0; k < b->layout.n; k++) {
		const struct block *x = &f->blocks.v[b->layout.v[k]];
		uint32_t start = p;
		b->block_start[b->layout.v[k]] = start;
		p += POS_STEP;
		for (uint32_t j = 0; j < x->ins.n; j++, p += POS_STEP) {
			const struct ins *i = &f->ins.v[x->ins.v[j]];
			b->pos[x->ins.v[j]] = i->op == OP_PHI ? start : p;
			if (live_is_call(i))
				vec_push(b->arena, &b->calls, p);
		}
		b->block_end[b->layout.v[k]] = p;
		p += POS_STEP;
	}
	b->n_pos = p;
}

static int seg_cmp(const void *x, const void *y)
{
	const struct seg *a = x, *b = y;
	return a->from < b->from ? -1 : a->from > b->from;
}

/* The slot that an address comes from, + 1; 0 = none or several. */
static uint32_t live_slot(const struct func *f, ref v)
{
	while (f->ins.v[v].op == OP_ADDPTR)
		v = f->ins.v[v].a[0];
	return f->ins.v[v].op == OP_SLOT ? (uint32_t)f->ins.v[v].imm + 1 : 0;
}

static bool live_calls_back(const struct func *f, const struct ins *i)
{
	for (unsigned k = 0; k < i->n; k++)
		if (f->ins.v[i->a[k]].op == OP_FNREF)
			return true;
	return false;
}

/* Sets of slots, by block, and where a block touches the slot at hand. */
struct slot_flow {
	uint32_t words;
	uint64_t *before; /* touched on some way here */
	uint64_t *after;  /* touched on some way from the end, and not written anew first */
	uint64_t *touched, *anew; /* in the block; and that begins by writing all of it */
	uint32_t *first, *last;   /* by slot: positions in one block */
};

static uint64_t *flow_at(const struct slot_flow *w, uint64_t *sets, uint32_t blk)
{
	return sets + (size_t)blk * w->words;
}

/* Is all of the slot written, so that nothing from before is left? */
static bool live_writes_all(const struct func *f, const struct ins *i, uint32_t slot)
{
	if (f->ins.v[i->a[0]].op != OP_SLOT || i->imm != 0)
		return false;
	return (i->op == OP_ZERO && i->aux >= f->slots.v[slot].size) || (i->op == OP_STORE && i->w >= f->slots.v[slot].size);
}

/* Each slot that one instruction touches; true: its address goes where we do not follow it. */
static void live_touches(struct back *b, uint32_t blk, ref r, void (*each)(struct back *b, struct slot_flow *w, uint32_t blk,
									  ref r, uint32_t slot, bool away), struct slot_flow *w)
{
	const struct func *f = b->f;
	const struct ins *i = &f->ins.v[r];
	uint32_t np = i->op == OP_PHI ? f->blocks.v[blk].preds.n : 0;
	for (uint32_t q = 0; q < i->n + np; q++) {
		uint32_t s = live_slot(f, q < i->n ? i->a[q] : f->phis.v[i->aux + q - i->n]);
		if (s)
			each(b, w, blk, r, s - 1, np || (i->op == OP_STORE && q == 1));
	}
}

static void flow_collect(struct back *b, struct slot_flow *w, uint32_t blk, ref r, uint32_t slot, bool away)
{
	const struct ins *i = back_ins(b, r);
	uint64_t *touched = flow_at(w, w->touched, blk) + slot / 64, bit = 1ull << slot % 64;
	if (!(*touched & bit) && live_writes_all(b->f, i, slot))
		flow_at(w, w->anew, blk)[slot / 64] |= bit;
	*touched |= bit;
	b->slot_used[slot] = true;
	b->slot_away[slot] |= away;
	b->slot_touch[slot] |= away || i->op == OP_CALLFN || (i->op == OP_ADDPTR && back_ins(b, i->a[1])->op != OP_CONST) ||
			       (i->op == OP_CALL && live_calls_back(b->f, i));
}

static void flow_place(struct back *b, struct slot_flow *w, uint32_t blk, ref r, uint32_t slot, bool away)
{
	(void)blk;
	(void)away;
	if (!w->first[slot])
		w->first[slot] = b->pos[r];
	w->last[slot] = b->pos[r];
}

static void flow_solve(struct back *b, struct slot_flow *w)
{
	const struct func *f = b->f;
	for (bool changed = true; changed;) {
		changed = false;
		for (uint32_t k = 0; k < f->order.n; k++) {
			const struct block *x = &f->blocks.v[f->order.v[k]];
			uint64_t *in = flow_at(w, w->before, f->order.v[k]);
			for (uint32_t q = 0; q < x->preds.n; q++) {
				const uint64_t *p = flow_at(w, w->before, x->preds.v[q]),
					       *t = flow_at(w, w->touched, x->preds.v[q]);
				for (uint32_t s = 0; s < w->words; s++) {
					changed |= (p[s] | t[s]) & ~in[s];
					in[s] |= p[s] | t[s];
				}
			}
		}
	}
	for (bool changed = true; changed;) {
		changed = false;
		for (uint32_t k = f->order.n; k-- > 0;) {
			const struct block *x = &f->blocks.v[f->order.v[k]];
			const uint64_t *out = flow_at(w, w->after, f->order.v[k]), *t = flow_at(w, w->touched, f->order.v[k]),
				       *anew = flow_at(w, w->anew, f->order.v[k]);
			for (uint32_t q = 0; q < x->preds.n; q++) {
				uint64_t *p = flow_at(w, w->after, x->preds.v[q]);
				for (uint32_t s = 0; s < w->words; s++) {
					uint64_t in = (out[s] | t[s]) & ~anew[s];
					changed |= in & ~p[s];
					p[s] |= in;
				}
			}
		}
	}
}

/* A slot lives where it was touched on the way here and will be again before all of it is written anew. */
static void live_slots(struct back *b)
{
	struct func *f = b->f;
	uint32_t n = f->slots.n, words = (n + 63) / 64;
	if (n == 0)
		return;
	struct slot_flow w = { .words = words };
	w.before = arena_array(b->arena, uint64_t, (size_t)f->blocks.n * words);
	w.after = arena_array(b->arena, uint64_t, (size_t)f->blocks.n * words);
	w.touched = arena_array(b->arena, uint64_t, (size_t)f->blocks.n * words);
	w.anew = arena_array(b->arena, uint64_t, (size_t)f->blocks.n * words);
	w.first = arena_array(b->arena, uint32_t, n);
	w.last = arena_array(b->arena, uint32_t, n);
	for (uint32_t k = 0; k < b->layout.n; k++)
		for (uint32_t j = 0; j < f->blocks.v[b->layout.v[k]].ins.n; j++)
			live_touches(b, b->layout.v[k], f->blocks.v[b->layout.v[k]].ins.v[j], flow_collect, &w);
	flow_solve(b, &w);
	for (uint32_t s = 0; s < n; s++)
		if (b->slot_away[s])
			vec_push(b->arena, &b->slot_live[s].list, ((struct seg){ 0, b->n_pos }));
	for (uint32_t k = 0; k < b->layout.n; k++) {
		uint32_t blk = b->layout.v[k];
		const struct block *x = &f->blocks.v[blk];
		for (uint32_t j = 0; j < x->ins.n; j++)
			live_touches(b, blk, x->ins.v[j], flow_place, &w);
		const uint64_t *in = flow_at(&w, w.before, blk), *out = flow_at(&w, w.after, blk), *t = flow_at(&w, w.touched, blk),
			       *anew = flow_at(&w, w.anew, blk);
		for (uint32_t q = 0; q < words; q++) {
			for (uint64_t rest = t[q] | (in[q] & out[q]); rest; rest &= rest - 1) {
				uint32_t s = q * 64 + (uint32_t)__builtin_ctzll(rest);
				uint64_t bit = rest & -rest;
				bool begins = (in[q] & bit) && (t[q] & bit ? !(anew[q] & bit) : true), ends = out[q] & bit;
				struct seg l = { begins ? b->block_start[blk] : w.first[s], ends ? b->block_end[blk] : w.last[s] };
				if (!b->slot_away[s])
					vec_push(b->arena, &b->slot_live[s].list, l);
				w.first[s] = w.last[s] = 0;
			}
		}
	}
}

/* -- uses -- */

static void live_visit_uses(struct back *b, void (*each)(struct back *b, ref v, ref user, uint32_t blk, uint32_t pos))
{
	struct func *f = b->f;
	ref leaves[8];
	for (uint32_t k = 0; k < b->layout.n; k++) {
		uint32_t blk = b->layout.v[k];
		const struct block *x = &f->blocks.v[blk];
		for (uint32_t j = 0; j < x->ins.n; j++) {
			ref r = x->ins.v[j];
			if (b->fused[r])
				continue;
			unsigned n = back_leaves(b, r, leaves);
			for (unsigned q = 0; q < n; q++)
				each(b, leaves[q], r, blk, b->pos[r]);
			for (uint32_t q = 0; f->ins.v[r].op == OP_PHI && q < x->preds.n; q++)
				each(b, f->phis.v[f->ins.v[r].aux + q], r, x->preds.v[q], b->block_end[x->preds.v[q]]);
		}
	}
}

static void live_count(struct back *b, ref v, ref user, uint32_t blk, uint32_t pos)
{
	(void)user;
	(void)pos;
	uint32_t depth = b->f->blocks.v[blk].loop_depth;
	b->live[v].n_uses++;
	b->live[v].weight += (float)(1u << (depth > 8 ? 24 : depth * 3)) * (b->f->blocks.v[blk].cold ? 0.125f : 1.0f);
}

static void live_record(struct back *b, ref v, ref user, uint32_t blk, uint32_t pos)
{
	struct live *l = &b->live[v];
	b->uses[l->use + l->n_uses++] = (struct use){ user, blk, pos };
}

static void live_add(struct back *b, uint32_t from, uint32_t to)
{
	vec_push(b->arena, &b->segs, ((struct seg){ from, to }));
}

/* One value: up from its uses. in[] and through[] hold the last value for which a block was live on entry, all through.
 */
static void live_value(struct back *b, ref v, uint32_t *in, uint32_t *through, uint32_t *stack)
{
	struct func *f = b->f;
	struct live *l = &b->live[v];
	const struct ins *d = &f->ins.v[v];
	uint32_t def_blk = d->blk, def = d->op == OP_PHI ? b->pos[v] : b->pos[v] + POS_DEF, top = 0;
	if (d->op == OP_ARG) {
		def_blk = 1;
		def = 1;
	}
	l->seg = b->segs.n;
	for (uint32_t k = 0; k < l->n_uses; k++) {
		const struct use *u = &b->uses[l->use + k];
		live_add(b, u->blk == def_blk ? def : b->block_start[u->blk], u->pos);
		if (u->blk == def_blk || in[u->blk] == v)
			continue;
		in[u->blk] = v;
		stack[top++] = u->blk;
		while (top) {
			const struct block *x = &f->blocks.v[stack[--top]];
			for (uint32_t q = 0; q < x->preds.n; q++) {
				uint32_t p = x->preds.v[q];
				if (through[p] == v)
					continue;
				through[p] = v;
				live_add(b, p == def_blk ? def : b->block_start[p], b->block_end[p]);
				if (p == def_blk || in[p] == v)
					continue;
				in[p] = v;
				stack[top++] = p;
			}
		}
	}
	uint32_t n = b->segs.n - l->seg, m = 0;
	struct seg *s = b->segs.v + l->seg;
	if (n > 1)
		qsort(s, n, sizeof(*s), seg_cmp);
	for (uint32_t k = 0; k < n; k++) {
		if (m && s[k].from <= s[m - 1].to + POS_STEP) {
			if (s[k].to > s[m - 1].to)
				s[m - 1].to = s[k].to;
		} else {
			s[m++] = s[k];
		}
	}
	l->n_segs = m;
	b->segs.n = l->seg + m;
	for (uint32_t k = 0; k < m; k++)
		l->len += s[k].to - s[k].from + 1;
}

void back_live(struct back *b)
{
	struct func *f = b->f;
	uint32_t nb = f->blocks.n, n = 0;
	b->block_start = arena_array(b->arena, uint32_t, nb);
	b->block_end = arena_array(b->arena, uint32_t, nb);
	b->pos = arena_array(b->arena, uint32_t, f->ins.n);
	b->live = arena_array(b->arena, struct live, f->ins.n);
	b->slot_live = arena_array(b->arena, struct seg_list, f->slots.n + 1);
	b->slot_touch = arena_array(b->arena, bool, f->slots.n + 1);
	b->slot_used = arena_array(b->arena, bool, f->slots.n + 1);
	b->slot_away = arena_array(b->arena, bool, f->slots.n + 1);
	live_layout(b);
	live_visit_uses(b, live_count);
	for (ref r = 1; r < f->ins.n; r++) {
		b->live[r].use = n;
		n += b->live[r].n_uses;
		b->live[r].n_uses = 0;
	}
	b->uses = arena_array(b->arena, struct use, n + 1);
	live_visit_uses(b, live_record);
	uint32_t *marks = arena_array(b->arena, uint32_t, nb * 3);
	for (ref r = 1; r < f->ins.n; r++)
		if (b->live[r].n_uses && !b->fused[r])
			live_value(b, r, marks, marks + nb, marks + 2 * nb);
	live_slots(b);
}
