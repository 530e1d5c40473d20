/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Branches between blocks. Offsets are known when the function is complete;
 * those that do not fit 16 bits make it be emitted once more, knowing which:
 * with `gotol` (cpu v4) in their place, or else by way of islands, runs of
 * jumps that are strewn into the code and lead on to the blocks far away. An
 * island has only the jumps that somebody takes: the kernel refuses code that
 * nothing reaches.
 */
#include "bpf/emit_priv.h"

enum {
	ISLAND_EVERY = 8000,  /* instructions */
	ISLAND_REACH = 24000, /* from one to another, with room to grow */
	ISLAND_LAST = 30000,  /* from the last to the block */
};

void emit_goto(struct emit *e, uint32_t block)
{
	emit_branch(e, BPF_JMP | BPF_JA, 0, 0, 0, block);
}

void emit_branch(struct emit *e, uint8_t code, unsigned dst, unsigned src, int32_t imm, uint32_t block)
{
	uint32_t k = e->jumps.n;
	if (k < e->far.n && e->far.v[k] && e->b->target->cpu_v4) {
		if (code != (BPF_JMP | BPF_JA)) {
			put(e, code, dst, src, 1, imm);
			put(e, BPF_JMP | BPF_JA, 0, 0, 1, 0);
		}
		code = BPF_JMP32 | BPF_JA;
		dst = src = 0;
		imm = 0;
	}
	uint32_t at = put(e, code, dst, src, 0, imm);
	vec_push(e->b->arena, &e->jumps, ((struct jump){ at, e->alias[block] }));
}

/* Between two instructions, jumped over. The places are the same in each attempt, but for the islands before them. */
void emit_island(struct emit *e)
{
	if (e->n_islands == e->islands.n)
		vec_push(e->b->arena, &e->islands, ((struct island){ 0 }));
	struct island *x = &e->islands.v[e->n_islands++];
	if (x->slots.n)
		put(e, BPF_JMP | BPF_JA, 0, 0, (int16_t)x->slots.n, 0);
	x->first = e->code->insns.n;
	for (uint32_t k = 0; k < x->slots.n; k++)
		put(e, BPF_JMP | BPF_JA, 0, 0, 0, 0);
	e->next_island = e->code->insns.n + ISLAND_EVERY;
}

static bool jump_set(struct emit *e, uint32_t at, uint32_t to)
{
	int64_t off = (int64_t)to - at - 1;
	e->code->insns.v[at].off = (int16_t)off;
	return off == (int16_t)off;
}

static uint32_t jump_distance(uint32_t from, uint32_t to)
{
	return from < to ? to - from : from - to;
}

/* The farthest island within reach on the way, + 1; 0 = none. */
static uint32_t jump_next_island(const struct emit *e, uint32_t at, uint32_t to)
{
	uint32_t best = 0;
	for (uint32_t k = 0; k < e->n_islands; k++) {
		uint32_t via = e->islands.v[k].first;
		bool between = to > at ? via > at && via < to : via < at && via > to;
		if (between && jump_distance(at, via) <= ISLAND_REACH &&
		    (!best || jump_distance(at, via) > jump_distance(at, e->islands.v[best - 1].first)))
			best = k + 1;
	}
	return best;
}

static uint32_t jump_slot(const struct emit *e, uint32_t island, uint32_t block)
{
	const struct island *x = &e->islands.v[island - 1];
	uint32_t k = 0;
	while (k < x->slots.n && x->slots.v[k].block != block)
		k++;
	return k;
}

/* Slots on the islands from `at` to the block; the first of the islands, + 1. */
static uint32_t jump_route(struct emit *e, uint32_t at, uint32_t block)
{
	uint32_t to = e->block_insn[block], first = jump_next_island(e, at, to);
	for (uint32_t k = first; k;) {
		struct island *x = &e->islands.v[k - 1];
		if (jump_slot(e, k, block) < x->slots.n)
			break; /* from here on there is a route already */
		bool last = jump_distance(x->first, to) <= ISLAND_LAST;
		uint32_t next = last ? 0 : jump_next_island(e, x->first, to);
		if (!last && !next)
			return 0;
		vec_push(e->b->arena, &x->slots, ((struct island_slot){ block, next }));
		k = next;
	}
	return first;
}

static bool jump_by_islands(struct emit *e, uint32_t k)
{
	const struct jump *j = &e->jumps.v[k];
	uint32_t via = e->far.v[k];
	if (via)
		return jump_set(e, j->insn, e->islands.v[via - 1].first + jump_slot(e, via, j->block));
	e->far.v[k] = jump_route(e, j->insn, j->block);
	return e->far.v[k];
}

static void jump_too_far(struct emit *e)
{
	e->b->error = arena_printf(e->b->arena, "%s is too large for the jumps in it", e->b->f->name);
}

bool emit_resolve(struct emit *e)
{
	bool ok = true;
	for (uint32_t k = 0; k < e->jumps.n && !e->b->error; k++) {
		const struct jump *j = &e->jumps.v[k];
		struct bpf_insn *i = &e->code->insns.v[j->insn];
		bool far = k < e->far.n && e->far.v[k];
		if (i->code == (BPF_JMP32 | BPF_JA)) {
			i->imm = (int32_t)((int64_t)e->block_insn[j->block] - j->insn - 1);
			continue;
		}
		if (!far && jump_set(e, j->insn, e->block_insn[j->block]))
			continue;
		while (e->far.n <= k)
			vec_push(e->b->arena, &e->far, 0);
		ok &= far;
		if (e->b->target->cpu_v4)
			e->far.v[k] = 1;
		else if (!jump_by_islands(e, k))
			jump_too_far(e);
	}
	for (uint32_t k = 0; k < e->n_islands && ok && !e->b->error; k++) {
		const struct island *x = &e->islands.v[k];
		for (uint32_t q = 0; q < x->slots.n; q++) {
			uint32_t block = x->slots.v[q].block, next = x->slots.v[q].next;
			if (!jump_set(e, x->first + q,
				      next ? e->islands.v[next - 1].first + jump_slot(e, next, block)
					   : e->block_insn[block]))
				jump_too_far(e);
		}
	}
	return ok;
}
