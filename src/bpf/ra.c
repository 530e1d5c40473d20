/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Register allocation: values in the order of what a register saves them (uses
 * weighted by loop depth, over the length of their life) each take, of the
 * registers that are free wherever they live, the one that saves most moves.
 * What finds none goes to the stack for all its life. Then constants and map
 * addresses with several uses take what is left over. A register's occupation
 * is a bitmap over positions; so is that of each 8-byte cell of the stack,
 * which spills and slots share when they do not live at the same time.
 */
#include <stdlib.h>

#include "bpf/back.h"

enum {
	RA_CELLS = 512 / 8,
	RA_MAYGOTO = 16,    /* bytes in which the kernel keeps the rounds and the time of a function's loops */
	RA_MAX_CELLS = 512, /* measured up to here, to say how much was needed */
};

struct cand {
	ref v;
	float gain;
};
struct hint {
	ref v;       /* wants the register of ... */
	ref other;   /* ... this value, */
	uint8_t reg; /* or this register */
	float weight;
};
struct ra {
	struct back *b;
	uint64_t *busy[10];
	uint64_t *cell[RA_MAX_CELLS];
	size_t words;
	VEC(struct hint) hints;
	uint32_t *hint_at; /* by value: first of its hints; one more than there are values */
	bool roomy; /* r6-r9 are more than enough for what lives across calls */
	uint64_t *claim[5]; /* r0..r4: where somebody lives who wants just this one and could have it */
	float (*wish)[10];  /* by value: how much it and, fainter, those that it wants to be with would like each
			       register */
};

static int cand_cmp(const void *x, const void *y)
{
	const struct cand *a = x, *b = y;
	return a->gain != b->gain ? (a->gain > b->gain ? -1 : 1) : a->v < b->v ? -1 : a->v > b->v;
}

static int hint_cmp(const void *x, const void *y)
{
	const struct hint *a = x, *b = y;
	return a->v != b->v ? (a->v < b->v ? -1 : 1) : a->other < b->other ? -1 : a->other > b->other;
}

/* The bits of word `w` that lie in [from, to]. */
static uint64_t bits_mask(uint32_t w, uint32_t from, uint32_t to)
{
	uint64_t m = ~0ull;
	if (from / 64 == w)
		m &= ~0ull << (from % 64);
	if (to / 64 == w)
		m &= ~0ull >> (63 - to % 64);
	return m;
}

static bool bits_any(const uint64_t *map, struct seg s)
{
	uint32_t first = s.from / 64, last = s.to / 64;
	if ((map[first] & bits_mask(first, s.from, s.to)) || (map[last] & bits_mask(last, s.from, s.to)))
		return true;
	for (uint32_t w = first + 1; w < last; w++)
		if (map[w])
			return true;
	return false;
}

static void bits_set(uint64_t *map, struct seg s)
{
	for (uint32_t w = s.from / 64; w <= s.to / 64; w++)
		map[w] |= bits_mask(w, s.from, s.to);
}

static bool bits_any_of(const uint64_t *map, const struct seg_list *l)
{
	for (uint32_t k = 0; k < l->list.n; k++)
		if (bits_any(map, l->list.v[k]))
			return true;
	return false;
}

static bool ra_any(const struct ra *s, const uint64_t *map, ref v)
{
	const struct live *l = &s->b->live[v];
	for (uint32_t k = 0; k < l->n_segs; k++)
		if (bits_any(map, s->b->segs.v[l->seg + k]))
			return true;
	return false;
}

static void ra_occupy(const struct ra *s, uint64_t *map, ref v)
{
	const struct live *l = &s->b->live[v];
	for (uint32_t k = 0; k < l->n_segs; k++)
		bits_set(map, s->b->segs.v[l->seg + k]);
}

/* -- moves that a good choice saves -- */

static void hint_pair(struct ra *s, ref a, ref b, float weight)
{
	if (a == b || back_is_remat(s->b->f, a) || back_is_remat(s->b->f, b))
		return;
	vec_push(s->b->arena, &s->hints, ((struct hint){ a, b, 0, weight }));
	vec_push(s->b->arena, &s->hints, ((struct hint){ b, a, 0, weight }));
}

static void hint_reg(struct ra *s, ref v, unsigned reg, float weight)
{
	vec_push(s->b->arena, &s->hints, ((struct hint){ v, NOREF, (uint8_t)reg, weight }));
}

static void hint_ins(struct ra *s, ref r, const struct block *x)
{
	const struct func *f = s->b->f;
	const struct ins *i = &f->ins.v[r];
	float w = (float)(1u << (x->loop_depth > 8 ? 24 : x->loop_depth * 3)) * (x->cold ? 0.125f : 1.0f);
	switch (i->op) {
	case OP_PHI:
		for (uint32_t k = 0; k < x->preds.n; k++) {
			const struct block *p = &f->blocks.v[x->preds.v[k]];
			hint_pair(s, r, f->phis.v[i->aux + k],
				  (float)(1u << (p->loop_depth > 8 ? 24 : p->loop_depth * 3)));
		}
		break;
	case OP_CALL: case OP_CALLFN: case OP_KCALL:
		hint_reg(s, r, R0, w);
		for (unsigned k = 0; k < i->n; k++)
			hint_reg(s, i->a[k], R1 + k, w);
		break;
	case OP_ARG:
		hint_reg(s, r, R1 + (unsigned)i->imm, w);
		break;
	case OP_RET:
		hint_reg(s, i->a[0], R0, w);
		break;
	case OP_ZEXT:
		if (s->b->narrow[r]) { /* two-address like what is inside it */
			const struct ins *in = &f->ins.v[i->a[0]];
			hint_pair(s, r, in->a[0], w);
			if (in->n > 1 && (op_info[in->op].flags & OF_C))
				hint_pair(s, r, in->a[1], w * 0.9f);
			break;
		}
		hint_pair(s, r, i->a[0], w * (i->w == 4 ? 0.1f : 1));
		break;
	case OP_AFADD: case OP_AFOR:
		hint_pair(s, r, i->a[1], w);
		break;
	default:
		if (!(op_info[i->op].flags & OF_P) || i->n == 0 || (i->op >= OP_EQ && i->op <= OP_SGE))
			break;
		hint_pair(s, r, i->a[0], w);
		if (i->n > 1) /* the other way round only if it commutes */
			hint_pair(s, r, i->a[1],
				  w * ((op_info[i->op].flags & OF_C) || (i->op == OP_ADDPTR && i->ty != TY_STACK)
					       ? 0.9f
					       : -1.0f));
	}
}

/*
 * What is returned wants r0, and what that is computed from in place does, too: wishes for registers travel along the
 * wishes to be together, half as strong at each step.
 */
static void ra_wishes(struct ra *s)
{
	enum { STEPS = 10 };
	uint32_t n = s->b->f->ins.n;
	float (*next)[10] = arena_alloc(s->b->arena, sizeof(*next) * n);
	s->wish = arena_alloc(s->b->arena, sizeof(*s->wish) * n);
	for (int step = 0; step < STEPS; step++) {
		memset(next, 0, sizeof(*next) * n);
		for (uint32_t k = 0; k < s->hints.n; k++) {
			const struct hint *h = &s->hints.v[k];
			if (!h->other)
				next[h->v][h->reg] += h->weight;
			for (unsigned r = 0; h->other && h->weight > 0 && r < 10; r++) {
				float w = s->wish[h->other][r] / 2;
				next[h->v][r] += w < h->weight ? w : h->weight;
			}
		}
		memcpy(s->wish, next, sizeof(*next) * n);
	}
}

static void ra_hints(struct ra *s)
{
	struct func *f = s->b->f;
	for (uint32_t k = 0; k < s->b->layout.n; k++) {
		const struct block *x = &f->blocks.v[s->b->layout.v[k]];
		for (uint32_t j = 0; j < x->ins.n; j++)
			if (!s->b->fused[x->ins.v[j]])
				hint_ins(s, x->ins.v[j], x);
	}
	if (s->hints.n)
		qsort(s->hints.v, s->hints.n, sizeof(struct hint), hint_cmp);
	s->hint_at = arena_array(s->b->arena, uint32_t, f->ins.n + 1);
	for (uint32_t k = 0, v = 0; v <= f->ins.n; v++) {
		while (k < s->hints.n && s->hints.v[k].v < v)
			k++;
		s->hint_at[v] = k;
	}
	ra_wishes(s);
}

/* After calls and r0's other uses are marked, before anybody has a register. */
static void ra_claims(struct ra *s)
{
	for (unsigned r = R0; r <= R4; r++)
		s->claim[r] = arena_array(s->b->arena, uint64_t, s->words);
	for (uint32_t k = 0; k < s->hints.n; k++) {
		const struct hint *h = &s->hints.v[k];
		if (!h->other && h->reg <= R4 && !ra_any(s, s->busy[h->reg], h->v))
			ra_occupy(s, s->claim[h->reg], h->v);
	}
}

/* How many values live across the busiest call? */
static uint32_t ra_most_across(const struct ra *s, const struct cand *cands, uint32_t n)
{
	const struct back *b = s->b;
	int32_t *change = arena_array(b->arena, int32_t, b->calls.n + 1), now = 0, most = 0;
	for (uint32_t k = 0; k < n; k++) {
		const struct live *l = &b->live[cands[k].v];
		for (uint32_t q = 0; q < l->n_segs; q++) {
			struct seg g = b->segs.v[l->seg + q];
			uint32_t at[2] = { 0, 0 }; /* the first call in it, the first behind it */
			for (unsigned side = 0; side < 2; side++) {
				uint32_t lo = 0, hi = b->calls.n;
				while (lo < hi) {
					uint32_t mid = (lo + hi) / 2;
					if (b->calls.v[mid] + POS_CLOBBER < (side ? g.to : g.from))
						lo = mid + 1;
					else
						hi = mid;
				}
				at[side] = lo;
			}
			change[at[0]]++;
			change[at[1]]--;
		}
	}
	for (uint32_t k = 0; k < b->calls.n; k++) {
		now += change[k];
		most = now > most ? now : most;
	}
	return (uint32_t)most;
}

/* Registers of `allowed` that are free wherever v lives. */
static unsigned ra_free(const struct ra *s, ref v, unsigned allowed)
{
	unsigned free = 0;
	for (unsigned r = 0; r < 10; r++)
		if ((allowed >> r & 1) && !ra_any(s, s->busy[r], v))
			free |= 1u << r;
	return free;
}

/*
 * The best of the registers in `free`: most moves saved, now or when its partners get theirs, and not in the way of
 * others; then those that calls clobber, to leave r6-r9 to others, and among these those wanted least for arguments.
 */
static unsigned ra_best(const struct ra *s, ref v, unsigned free)
{
	static const uint8_t order[] = { 4, 3, 2, 1, 0, 6, 7, 8, 9 };
	float saved[10];
	unsigned direct = 0, partners = 0;
	for (unsigned r = 0; r < 10; r++)
		saved[r] = s->wish[v][r] / 16;
	for (uint32_t k = s->hint_at[v]; k < s->hint_at[v + 1]; k++) {
		const struct hint *h = &s->hints.v[k];
		if (!h->other) {
			saved[h->reg] += h->weight;
			direct |= 1u << h->reg;
		} else if (s->b->loc[h->other].kind == LOC_REG) {
			saved[s->b->loc[h->other].reg] += h->weight;
		} else if (s->roomy && s->b->loc[h->other].kind == LOC_NONE && h->weight > 0 && partners++ < 4) {
			unsigned common = ra_free(s, h->other, free);
			for (unsigned r = 0; r < 10; r++)
				saved[r] += common >> r & 1 ? h->weight / 2 : 0;
		}
	}
	for (unsigned r = R0; r <= R4; r++)
		if (!(direct >> r & 1) && ra_any(s, s->claim[r], v))
			saved[r] -= 0.5f;
	unsigned best = 10;
	for (unsigned k = 0; k < sizeof(order); k++)
		if ((free >> order[k] & 1) && (best == 10 || saved[order[k]] > saved[best]))
			best = order[k];
	return best;
}

static bool ra_assign(struct ra *s, ref v, unsigned allowed)
{
	unsigned free = ra_free(s, v, allowed);
	if (!free)
		return false;
	unsigned r = ra_best(s, v, free);
	s->b->loc[v] = (struct loc){ LOC_REG, (uint8_t)r, 0 };
	ra_occupy(s, s->busy[r], v);
	return true;
}

/* What a register would save: every use of a value; of what can be made again, all but making it once. */
static float ra_gain(const struct back *b, ref v)
{
	const struct live *l = &b->live[v];
	const struct ins *i = back_ins(b, v);
	float w = l->weight;
	if (!back_is_remat(b->f, v))
		return w / (float)(l->len + 8);
	bool wide = i->op == OP_CONST && i->imm != (int32_t)i->imm && (uint64_t)i->imm > UINT32_MAX;
	if (l->n_uses < 2 || !(wide || i->op == OP_MAPVAL))
		return 0;
	uint32_t depth = b->f->blocks.v[i->blk].loop_depth;
	w -= (float)(1u << (depth > 8 ? 24 : depth * 3));
	return w > 0 ? w / (float)(l->len + 8) : 0;
}

/* -- the stack -- */

/* The lowest `n` cells in a row that are free over all of v's life (or the slot's, `l`). */
static uint32_t ra_cells(struct ra *s, uint32_t n, ref v, const struct seg_list *l)
{
	for (uint32_t at = 0, have = 0; at < RA_MAX_CELLS; at++) {
		if (!s->cell[at])
			s->cell[at] = arena_array(s->b->arena, uint64_t, s->words);
		have = (l ? bits_any_of(s->cell[at], l) : ra_any(s, s->cell[at], v)) ? 0 : have + 1;
		if (have < n)
			continue;
		for (uint32_t k = at + 1 - n; k <= at; k++) {
			for (uint32_t q = 0; l && q < l->list.n; q++)
				bits_set(s->cell[k], l->list.v[q]);
			if (!l)
				ra_occupy(s, s->cell[k], v);
		}
		if ((at + 1) * 8 > s->b->stack)
			s->b->stack = (at + 1) * 8;
		return (at + 1) * 8;
	}
	s->b->stack = (RA_MAX_CELLS + 1) * 8;
	return 8;
}

static void ra_stack(struct ra *s, const ref *spilled, uint32_t n)
{
	struct back *b = s->b;
	for (uint32_t k = 0; k < b->f->slots.n; k++)
		if (b->slot_used[k])
			b->slot_off[k] =
				(int16_t)-(int)ra_cells(s, (b->f->slots.v[k].size + 7) / 8 + !b->f->slots.v[k].size,
							  NOREF, &b->slot_live[k]);
	for (uint32_t k = 0; k < n && b->stack <= RA_MAX_CELLS * 8; k++)
		b->loc[spilled[k]].off = (int16_t)-(int)ra_cells(s, 1, spilled[k], NULL);
	for (ref r = 1; r < b->f->ins.n; r++) {
		if (back_ins(b, r)->op == OP_MAYGOTO) {
			b->stack += RA_MAYGOTO;
			break;
		}
	}
	if (b->stack > RA_MAX_CELLS * 8)
		b->error = arena_printf(b->arena, "%s needs more than %u bytes of stack; the kernel has 512",
					b->f->name, RA_MAX_CELLS * 8);
	else if (b->stack > RA_CELLS * 8)
		b->error = arena_printf(b->arena, "%s needs %u bytes of stack, more than the kernel's 512", b->f->name,
					b->stack);
}

/* -- all together -- */

/* Mark where r0 is written in passing; drop values from r0 that this meets. Spills make more such places. */
static bool ra_check_r0(struct ra *s, const struct cand *cands, uint32_t n)
{
	struct back *b = s->b;
	bool dropped = false;
	uint64_t *need = arena_array(b->arena, uint64_t, s->words);
	for (uint32_t k = 0; k < b->layout.n; k++) {
		const struct block *x = &b->f->blocks.v[b->layout.v[k]];
		for (uint32_t j = 0; j < x->ins.n; j++) {
			ref r = x->ins.v[j];
			if (b->fused[r] || !back_needs_r0(b, r))
				continue;
			/* a jump reads at its own position, its PHI copies at the block's end */
			uint32_t p = b->pos[r], e = j + 1 == x->ins.n ? b->block_end[b->layout.v[k]] : p + POS_DEF;
			if (back_ins(b, r)->op >= OP_SDIV && back_ins(b, r)->op <= OP_SMOD)
				e = p + POS_CLOBBER; /* the result may be there */
			bits_set(need, (struct seg){ p, e });
			bits_set(s->busy[R0], (struct seg){ p, e });
			if (back_ins(b, r)->op == OP_JMP) { /* nor may a PHI that is copied there be in r0 */
				uint32_t at = b->block_start[back_ins(b, r)->t];
				bits_set(need, (struct seg){ at, at });
				bits_set(s->busy[R0], (struct seg){ at, at });
			}
		}
	}
	for (uint32_t k = 0; k < n; k++) {
		struct loc *l = &b->loc[cands[k].v];
		if (l->kind != LOC_REG || l->reg != R0 || !ra_any(s, need, cands[k].v))
			continue;
		/* its own bits stay set in r0's map: nobody else may want them now */
		l->kind = LOC_NONE;
		if (!ra_assign(s, cands[k].v, 0x3de))
			l->kind = back_is_remat(b->f, cands[k].v) ? LOC_REMAT : LOC_SPILL;
		dropped = true;
	}
	return dropped;
}

void back_allocate(struct back *b)
{
	struct func *f = b->f;
	struct ra s = { .b = b, .words = b->n_pos / 64 + 2 };
	struct cand *cands = arena_array(b->arena, struct cand, f->ins.n);
	ref *spilled = arena_array(b->arena, ref, f->ins.n);
	uint32_t n = 0, n_values, n_spilled = 0;

	b->loc = arena_array(b->arena, struct loc, f->ins.n);
	b->slot_off = arena_array(b->arena, int16_t, f->slots.n + 1);
	for (unsigned r = 0; r < 10; r++)
		s.busy[r] = arena_array(b->arena, uint64_t, s.words);
	for (unsigned r = R0; r <= R5; r++)
		for (uint32_t k = 0; k < b->calls.n; k++)
			bits_set(s.busy[r], (struct seg){ b->calls.v[k] + POS_CLOBBER, b->calls.v[k] + POS_CLOBBER });
	if (f->n_args == 5) /* the arguments' moves need it */
		bits_set(s.busy[R0], (struct seg){ 0, POS_STEP });
	for (ref r = 1; r < f->ins.n; r++) {
		if (!b->live[r].n_uses || b->fused[r])
			continue;
		bool remat = back_is_remat(f, r);
		/* what back_needs_r0 supposes until we know better */
		b->loc[r].kind = remat && ra_gain(b, r) <= 0 ? LOC_REMAT : LOC_REG;
		if (!remat)
			cands[n++] = (struct cand){ r, ra_gain(b, r) };
	}
	n_values = n;
	for (ref r = 1; r < f->ins.n; r++)
		if (b->loc[r].kind == LOC_REG && back_is_remat(f, r))
			cands[n++] = (struct cand){ r, ra_gain(b, r) };
	ra_hints(&s);
	ra_check_r0(&s, NULL, 0);
	ra_claims(&s);
	s.roomy = ra_most_across(&s, cands, n_values) < 4;
	for (uint32_t k = 0; k < n; k++)
		b->loc[cands[k].v].kind = k < n_values ? LOC_NONE : LOC_REMAT;
	if (n_values)
		qsort(cands, n_values, sizeof(*cands), cand_cmp);
	if (n > n_values)
		qsort(cands + n_values, n - n_values, sizeof(*cands), cand_cmp);
	for (uint32_t k = 0; k < n; k++)
		if (!ra_assign(&s, cands[k].v, 0x3df) && k < n_values)
			b->loc[cands[k].v].kind = LOC_SPILL;
	for (bool again = true; again;)
		again = ra_check_r0(&s, cands, n);
	for (uint32_t k = 0; k < n_values; k++)
		if (b->loc[cands[k].v].kind == LOC_SPILL)
			spilled[n_spilled++] = cands[k].v;
	b->n_spills = n_spilled;
	ra_stack(&s, spilled, n_spilled);
}
