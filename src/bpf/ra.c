/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Register allocation: linear scan over the intervals of live.c. A value that
 * a call interrupts needs r6-r9; when no register is free the cheapest
 * interval (uses weighted by loop depth, over its length) goes to the stack.
 * Stack slots and spills are coloured: first fit by interval.
 */
#include <stdlib.h>

#include "bpf/back.h"

struct scan {
	ref v;
	uint32_t start, end;
};

static int scan_cmp(const void *x, const void *y)
{
	const struct scan *a = x, *b = y;
	return a->start != b->start ? (a->start < b->start ? -1 : 1) : a->v < b->v ? -1 : a->v > b->v;
}

static bool ra_crosses_call(const struct back *b, uint32_t start, uint32_t end)
{
	uint32_t lo = 0, hi = b->calls.n;
	while (lo < hi) { /* first call after start */
		uint32_t mid = (lo + hi) / 2;
		if (b->calls.v[mid] > start)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo < b->calls.n && b->calls.v[lo] < end;
}

/* A register that would save a move: of the PHI, of the operand that ends here, of the call argument that this becomes. */
static unsigned ra_hints(const struct back *b, ref v)
{
	const struct func *f = b->f;
	const struct ins *i = &f->ins.v[v];
	unsigned mask = 0;
	if (i->op == OP_PHI) {
		for (uint32_t k = 0; k < f->blocks.v[i->blk].preds.n; k++) {
			const struct loc *l = &b->loc[f->phis.v[i->aux + k]];
			if (l->kind == LOC_REG)
				mask |= 1u << l->reg;
		}
	} else if (i->n && b->loc[i->a[0]].kind == LOC_REG && b->live[i->a[0]].end <= b->pos[v]) {
		mask |= 1u << b->loc[i->a[0]].reg;
	}
	return mask;
}

static int16_t ra_stack(struct back *b, uint32_t size, uint32_t start, uint32_t end, struct scan *placed, uint32_t *offs, uint32_t *n)
{
	/* first fit: the lowest 8-byte place that no overlapping interval holds */
	uint32_t at = 0;
	size = (size + 7) & ~7u;
	for (bool moved = true; moved;) {
		moved = false;
		for (uint32_t k = 0; k < *n; k++) {
			uint32_t psize = placed[k].v;
			if (placed[k].start <= end && start <= placed[k].end && at < offs[k] + psize && offs[k] < at + size) {
				at = offs[k] + psize;
				moved = true;
			}
		}
	}
	placed[*n] = (struct scan){ size, start, end };
	offs[(*n)++] = at;
	if (at + size > b->stack)
		b->stack = at + size;
	return (int16_t)(-(int)(at + size));
}

void back_allocate(struct back *b)
{
	struct func *f = b->f;
	struct scan *order = arena_array(b->arena, struct scan, f->ins.n);
	uint32_t n = 0, n_placed = 0;
	VEC(ref) spilled = { 0 };
	ref active[10] = { 0 };

	b->loc = arena_array(b->arena, struct loc, f->ins.n);
	b->slot_off = arena_array(b->arena, int16_t, f->slots.n + 1);
	for (uint32_t k = 0; k < b->layout.n; k++) {
		const struct block *x = &f->blocks.v[b->layout.v[k]];
		for (uint32_t j = 0; j < x->ins.n; j++) {
			ref r = x->ins.v[j];
			const struct ins *i = &f->ins.v[r];
			if (!(op_info[i->op].flags & OF_D) || b->fused[r])
				continue;
			if (back_is_remat(i))
				b->loc[r].kind = LOC_REMAT;
			else if (b->live[r].weight > 0 || i->op == OP_PHI)
				order[n++] = (struct scan){ r, b->live[r].start, b->live[r].end };
		}
	}
	qsort(order, n, sizeof(*order), scan_cmp);
	for (uint32_t k = 0; k < n; k++) {
		ref v = order[k].v;
		bool cross = ra_crosses_call(b, order[k].start, order[k].end);
		unsigned can = cross ? 0x3c0 : 0x3de, freemask = 0;
		for (unsigned r = 1; r <= 9; r++) {
			if (active[r] && b->live[active[r]].end < order[k].start)
				active[r] = 0;
			if (!active[r] && r != 5)
				freemask |= 1u << r;
		}
		unsigned pick = freemask & can, hint = pick & ra_hints(b, v);
		if (!hint && !cross) /* keep r6-r9 for those that need them */
			hint = pick & 0x1e;
		if (hint)
			pick = hint;
		if (pick) {
			unsigned r = (unsigned)__builtin_ctz(pick);
			active[r] = v;
			b->loc[v] = (struct loc){ LOC_REG, (uint8_t)r, 0 };
			continue;
		}
		/* evict the cheapest of those that could make room, or spill this one */
		ref worst = v;
		float cost = b->live[v].weight / (float)(order[k].end - order[k].start + 1);
		for (unsigned r = 1; r <= 9; r++) {
			if (!(can >> r & 1) || !active[r])
				continue;
			const struct live *l = &b->live[active[r]];
			float c = l->weight / (float)(l->end - l->start + 1);
			if (c < cost) {
				cost = c;
				worst = active[r];
			}
		}
		if (worst != v) {
			b->loc[v] = b->loc[worst];
			active[b->loc[v].reg] = v;
		}
		b->loc[worst].kind = LOC_SPILL;
		vec_push(b->arena, &spilled, worst);
	}
	struct scan *placed = arena_array(b->arena, struct scan, f->slots.n + spilled.n + 1);
	uint32_t *offs = arena_array(b->arena, uint32_t, f->slots.n + spilled.n + 1);
	for (uint32_t s = 0; s < f->slots.n; s++)
		if (b->slot_live[s].start != UINT32_MAX)
			b->slot_off[s] = ra_stack(b, f->slots.v[s].size, b->slot_live[s].start, b->slot_live[s].end, placed, offs, &n_placed);
	for (uint32_t k = 0; k < spilled.n && b->stack <= 512; k++) {
		const struct live *l = &b->live[spilled.v[k]];
		b->loc[spilled.v[k]].off = ra_stack(b, 8, l->start, l->end, placed, offs, &n_placed);
		b->n_spills++;
	}
	if (b->stack > 512)
		b->error = arena_printf(b->arena, "%s needs %u bytes of stack, more than the kernel's 512", f->name, b->stack);
}
