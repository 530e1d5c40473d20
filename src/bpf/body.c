/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A function as a whole: its arguments, its blocks in order without those that
 * would only jump on, equal returns once, and again if jumps turned out long.
 */
#include "bpf/emit_priv.h"

/* Arguments arrive in r1..r5 and go to their places at once. */
static void emit_arguments(struct emit *e)
{
	struct back *b = e->b;
	struct func *f = b->f;
	VEC(struct copy) c = { 0 };
	for (uint32_t k = 0; k < f->order.n; k++) { /* they may stand anywhere */
		const struct block *x = &f->blocks.v[f->order.v[k]];
		for (uint32_t j = 0; j < x->ins.n; j++) {
			const struct ins *i = &f->ins.v[x->ins.v[j]];
			const struct loc *l = &b->loc[x->ins.v[j]];
			if (i->op == OP_ARG && (l->kind == LOC_REG || l->kind == LOC_SPILL))
				vec_push(b->arena, &c,
					 ((struct copy){ .src = x->ins.v[j],
							 .dst = *l,
							 .from = { LOC_REG, (uint8_t)(R1 + i->imm), 0 } }));
		}
	}
	e->may_r0 = true;
	emit_copies(e, c.v, c.n, f->n_args < 5 ? R5 : R0); /* with five, back_allocate keeps r0 free */
}

/*
 * The verifier does not count accesses at a variable offset when it measures a frame (seen in 6.18), so that such a
 * store could reach below it, into saved registers. One at a fixed offset makes the frame as deep as it has to be.
 */
static void emit_touch(struct emit *e)
{
	int16_t lowest = 0;
	for (uint32_t s = 0; s < e->b->f->slots.n; s++)
		if (e->b->slot_touch[s] && e->b->slot_off[s] < lowest)
			lowest = e->b->slot_off[s];
	if (lowest)
		put(e, BPF_ST | BPF_MEM | BPF_B, R10, 0, lowest, 0);
}

/* All PHI copies from `from` to `to` are already in place. */
static bool emit_phis_in_place(const struct back *b, uint32_t from, uint32_t to)
{
	const struct block *x = &b->f->blocks.v[to];
	uint32_t pred = 0;
	while (pred < x->preds.n && x->preds.v[pred] != from)
		pred++;
	for (uint32_t k = 0; k < x->ins.n && back_ins(b, x->ins.v[k])->op == OP_PHI; k++) {
		const struct loc *l = &b->loc[x->ins.v[k]],
				 *v = &b->loc[b->f->phis.v[back_ins(b, x->ins.v[k])->aux + pred]];
		if (l->kind == LOC_NONE)
			continue;
		if (l->kind != v->kind || (l->kind == LOC_REG ? l->reg != v->reg : l->off != v->off))
			return false;
	}
	return true;
}

/* Blocks that would only jump on are left out; jumps to them go where they lead. */
static void emit_find_aliases(struct emit *e)
{
	struct back *b = e->b;
	struct func *f = b->f;
	e->alias = arena_array(b->arena, uint32_t, f->blocks.n);
	for (uint32_t k = 0; k < f->blocks.n; k++)
		e->alias[k] = k;
	for (uint32_t k = 0; k < b->layout.n; k++) {
		uint32_t blk = b->layout.v[k];
		const struct block *x = &f->blocks.v[blk];
		const struct ins *t = back_ins(b, vec_last(&x->ins));
		bool silent = blk != 1 && t->op == OP_JMP && t->t != blk && emit_phis_in_place(b, blk, t->t);
		for (uint32_t j = 0; j + 1 < x->ins.n && silent; j++)
			silent = emit_is_silent(b, x->ins.v[j]);
		uint32_t to = silent ? t->t : blk, hops = 0;
		while (e->alias[to] != to && hops++ < f->blocks.n)
			to = e->alias[to];
		if (to != blk && e->alias[to] == to)
			e->alias[blk] = to;
	}
	for (uint32_t k = 1; k < f->blocks.n; k++)
		while (e->alias[e->alias[k]] != e->alias[k])
			e->alias[k] = e->alias[e->alias[k]];
	uint32_t n = 0;
	for (uint32_t k = 0; k < b->layout.n; k++)
		if (e->alias[b->layout.v[k]] == b->layout.v[k])
			b->layout.v[n++] = b->layout.v[k];
	b->layout.n = n;
}

/* A block that only returns a constant, as another has done before, if none falls into it: that one's code. */
static bool emit_same_return(struct emit *e, uint32_t blk, uint32_t prev)
{
	struct back *b = e->b;
	const struct block *x = &b->f->blocks.v[blk];
	const struct ins *t = back_ins(b, vec_last(&x->ins)),
			 *p = prev ? back_ins(b, vec_last(&b->f->blocks.v[prev].ins)) : NULL;
	if (t->op != OP_RET || back_ins(b, t->a[0])->op != OP_CONST || b->loc[t->a[0]].kind == LOC_REG || !p)
		return false;
	if (p->op != OP_RET && (e->alias[p->t] == blk || (p->op == OP_BR && e->alias[p->f] == blk)))
		return false;
	for (uint32_t j = 0; j + 1 < x->ins.n; j++)
		if (!emit_is_silent(b, x->ins.v[j]))
			return false;
	for (uint32_t k = 0; k < e->rets.n; k++) {
		if (e->rets.v[k].imm == back_ins(b, t->a[0])->imm) {
			e->block_insn[blk] = e->rets.v[k].insn;
			return true;
		}
	}
	return false;
}

static void emit_body(struct emit *e)
{
	struct back *b = e->b;
	struct func *f = b->f;
	e->first = e->code->insns.n;
	e->span = f->span;
	e->jumps.n = e->rets.n = e->n_islands = 0;
	e->next_island = e->b->target->cpu_v4 ? ~0u : e->first + 8000;
	emit_touch(e);
	emit_arguments(e);
	for (uint32_t k = 0; k < b->layout.n && !b->error; k++) {
		uint32_t blk = b->layout.v[k], next = k + 1 < b->layout.n ? b->layout.v[k + 1] : 0;
		if (emit_same_return(e, blk, k ? b->layout.v[k - 1] : 0))
			continue;
		e->block_insn[blk] = e->code->insns.n;
		for (uint32_t j = 0; j < f->blocks.v[blk].ins.n && !b->error; j++) {
			if (e->code->insns.n >= e->next_island)
				emit_island(e);
			emit_one(e, f->blocks.v[blk].ins.v[j], next);
		}
	}
}

void back_emit(struct back *b, struct emit_out *out)
{
	struct emit e = { .b = b, .out = out, .code = out->code };
	struct bpf_code *c = out->code;
	uint32_t insns = c->insns.n, relocs = c->relocs.n, lines = c->lines.n, refs = out->fn_refs.n;
	e.block_insn = arena_array(b->arena, uint32_t, b->f->blocks.n);
	emit_find_aliases(&e);
	for (int attempt = 0; attempt < 16; attempt++) {
		c->insns.n = insns;
		c->relocs.n = relocs;
		c->lines.n = lines;
		out->fn_refs.n = refs;
		emit_body(&e);
		if (b->error || emit_resolve(&e))
			return;
	}
	b->error = arena_printf(b->arena, "%s is too large for the jumps in it", b->f->name);
}
