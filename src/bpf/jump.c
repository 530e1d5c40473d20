/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Branches between blocks. Offsets are known when the function is complete;
 * those that do not fit 16 bits make it be emitted once more, knowing which:
 * with `gotol` (cpu v4) in their place, or else by way of islands, runs of
 * jumps that are strewn into the code and lead on to the blocks far away.
 */
#include "bpf/emit_priv.h"

enum {
	ISLAND_EVERY = 8000,  /* instructions; a jump reaches the next island but two, whatever stands between */
	ISLAND_TARGETS = 4000,
};

void emit_goto(struct emit *e, uint32_t block)
{
	emit_branch(e, BPF_JMP | BPF_JA, 0, 0, 0, block);
}

void emit_branch(struct emit *e, uint8_t code, unsigned dst, unsigned src, int32_t imm, uint32_t block)
{
	uint32_t k = e->jumps.n;
	if (k < e->far.n && e->far.v[k]) {
		if (code != (BPF_JMP | BPF_JA)) {
			put(e, code, dst, src, 1, imm);
			put(e, BPF_JMP | BPF_JA, 0, 0, 1, 0);
		}
		code = BPF_JMP32 | BPF_JA;
	}
	uint32_t at = put(e, code, dst, src, 0, imm);
	vec_push(e->b->arena, &e->jumps, ((struct jump){ at, e->alias[block] }));
}

/* Between two instructions: jump over a jump to each far block. */
void emit_island(struct emit *e)
{
	put(e, BPF_JMP | BPF_JA, 0, 0, (int16_t)e->targets.n, 0);
	vec_push(e->b->arena, &e->islands, ((struct island){ e->code->insns.n, e->targets.n }));
	for (uint32_t k = 0; k < e->targets.n; k++)
		put(e, BPF_JMP | BPF_JA, 0, 0, 0, 0);
	e->next_island = e->code->insns.n + ISLAND_EVERY;
}

static bool jump_fits(uint32_t from, uint32_t to)
{
	int64_t off = (int64_t)to - from - 1;
	return off == (int16_t)off;
}

/* The instruction to jump to from `at` to reach `block`: its own, or the farthest island on the way. ~0u: none. */
static uint32_t jump_hop(const struct emit *e, uint32_t at, uint32_t block)
{
	uint32_t to = e->block_insn[block], best = ~0u, slot = 0;
	if (jump_fits(at, to))
		return to;
	while (slot < e->targets.n && e->targets.v[slot] != block)
		slot++;
	for (uint32_t k = 0; k < e->islands.n && slot < e->islands.v[k].n; k++) {
		uint32_t via = e->islands.v[k].first + slot;
		bool between = to > at ? via > at && via < to : via < at && via > to;
		if (between && jump_fits(at, via) && (best == ~0u || (to > at) == (via > best)))
			best = via;
	}
	return best;
}

static void jump_add_target(struct emit *e, uint32_t block)
{
	for (uint32_t k = 0; k < e->targets.n; k++)
		if (e->targets.v[k] == block)
			return;
	vec_push(e->b->arena, &e->targets, block);
}

bool emit_resolve(struct emit *e)
{
	bool v4 = e->b->target->cpu_v4, ok = true;
	for (uint32_t k = 0; k < e->jumps.n; k++) {
		const struct jump *j = &e->jumps.v[k];
		struct bpf_insn *i = &e->code->insns.v[j->insn];
		if (i->code == (BPF_JMP32 | BPF_JA)) {
			i->imm = (int32_t)((int64_t)e->block_insn[j->block] - j->insn - 1);
			continue;
		}
		uint32_t to = jump_hop(e, j->insn, j->block);
		if (to != ~0u) {
			i->off = (int16_t)((int64_t)to - j->insn - 1);
			continue;
		}
		ok = false;
		if (v4) {
			while (e->far.n <= k)
				vec_push(e->b->arena, &e->far, 0);
			e->far.v[k] = 1;
		} else {
			jump_add_target(e, j->block);
			e->next_island = 0;
		}
	}
	for (uint32_t k = 0; k < e->islands.n && ok; k++) {
		for (uint32_t q = 0; q < e->islands.v[k].n; q++) {
			uint32_t at = e->islands.v[k].first + q, to = jump_hop(e, at, e->targets.v[q]);
			if (to == ~0u) {
				e->b->error = arena_printf(e->b->arena, "%s is too large for the jumps in it", e->b->f->name);
				return true;
			}
			e->code->insns.v[at].off = (int16_t)((int64_t)to - at - 1);
		}
	}
	if (e->targets.n > ISLAND_TARGETS) {
		e->b->error = arena_printf(e->b->arena, "%s is too large: %u jumps beyond 32767 instructions", e->b->f->name, e->targets.n);
		return true;
	}
	return ok;
}
