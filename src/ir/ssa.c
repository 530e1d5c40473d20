/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pass_ssa: variables become values, after Braun et al., "Simple and Efficient
 * Construction of Static Single Assignment Form" (2013), on a complete CFG.
 * An unset variable reads as 0. Leaves no GETVAR or SETVAR; needs nothing;
 * breaks nothing. PHIs that turn out trivial are removed at the end.
 */
#include "ir/pass.h"

struct ssa_phi {
	ref phi;
	uint32_t var;
};
struct ssa {
	struct func *f;
	uint64_t *keys; /* (block, variable) -> value at the block's end; open addressing */
	ref *vals;
	uint32_t cap, n;
	ref *repl;
	uint32_t repl_n;
	ref *zero; /* per variable */
	VEC(struct ssa_phi) todo; /* PHIs whose operands are not looked up yet */
};

static uint32_t ssa_slot(const struct ssa *s, uint64_t key)
{
	uint32_t i = (uint32_t)((key * 0x9e3779b97f4a7c15ull) >> 32) & (s->cap - 1);
	while (s->keys[i] && s->keys[i] != key)
		i = (i + 1) & (s->cap - 1);
	return i;
}

static uint64_t ssa_key(uint32_t blk, uint32_t var)
{
	return (uint64_t)blk << 32 | (var + 1);
}

static void ssa_put(struct ssa *s, uint32_t blk, uint32_t var, ref v)
{
	if ((s->n + 1) * 2 > s->cap) {
		struct ssa old = *s;
		s->cap = s->cap ? s->cap * 2 : 256;
		s->keys = arena_array(s->f->arena, uint64_t, s->cap);
		s->vals = arena_array(s->f->arena, ref, s->cap);
		for (uint32_t i = 0; i < old.cap; i++) {
			if (old.keys[i]) {
				uint32_t j = ssa_slot(s, old.keys[i]);
				s->keys[j] = old.keys[i];
				s->vals[j] = old.vals[i];
			}
		}
	}
	uint32_t i = ssa_slot(s, ssa_key(blk, var));
	if (!s->keys[i])
		s->n++;
	s->keys[i] = ssa_key(blk, var);
	s->vals[i] = v;
}

static ref ssa_get(const struct ssa *s, uint32_t blk, uint32_t var)
{
	if (!s->cap)
		return NOREF;
	uint32_t i = ssa_slot(s, ssa_key(blk, var));
	return s->keys[i] ? s->vals[i] : NOREF;
}

static ref ssa_ins(struct func *f, uint32_t blk, uint32_t at, struct ins ins)
{
	ins.blk = blk;
	vec_push(f->arena, &f->ins, ins);
	ref r = f->ins.n - 1;
	struct block *b = &f->blocks.v[blk];
	vec_push(f->arena, &b->ins, r);
	memmove(&b->ins.v[at + 1], &b->ins.v[at], sizeof(ref) * (b->ins.n - 1 - at));
	b->ins.v[at] = r;
	return r;
}

/* What a variable holds that nothing set. */
static ref ssa_zero(struct ssa *s, uint32_t var)
{
	struct func *f = s->f;
	if (!s->zero[var]) {
		uint32_t at = 0;
		while (at < f->blocks.v[1].ins.n && f->ins.v[f->blocks.v[1].ins.v[at]].op == OP_ARG)
			at++;
		s->zero[var] = ssa_ins(f, 1, at, (struct ins){ .op = OP_CONST, .ty = TY_I64, .w = 8 });
	}
	return s->zero[var];
}

/*
 * The value of `var` on entry to `blk`: up the chain of single predecessors to
 * a block that sets it, or to one with several, which gets a PHI. Its operands
 * are looked up later (ssa_fill): long chains of joins need no recursion.
 */
static ref ssa_read_entry(struct ssa *s, uint32_t blk, uint32_t var)
{
	struct func *f = s->f;
	uint32_t b = blk;
	while (f->blocks.v[b].preds.n == 1) {
		b = f->blocks.v[b].preds.v[0];
		ref v = ssa_get(s, b, var);
		if (v)
			return v;
	}
	if (f->blocks.v[b].preds.n == 0)
		return ssa_zero(s, var);
	uint32_t np = f->blocks.v[b].preds.n, aux = f->phis.n;
	for (uint32_t i = 0; i < np; i++)
		vec_push(f->arena, &f->phis, NOREF);
	ref phi = ssa_ins(f, b, 0, (struct ins){ .op = OP_PHI, .ty = f->var_types.v[var], .w = 8, .aux = aux });
	/* the value at b's end too, unless b sets it (then ssa_get above had found it, except for blk itself) */
	if (!ssa_get(s, b, var))
		ssa_put(s, b, var, phi);
	vec_push(f->arena, &s->todo, ((struct ssa_phi){ phi, var }));
	return phi;
}

static void ssa_fill(struct ssa *s)
{
	struct func *f = s->f;
	while (s->todo.n) {
		struct ssa_phi x = vec_pop(&s->todo);
		uint32_t b = f->ins.v[x.phi].blk, aux = f->ins.v[x.phi].aux;
		for (uint32_t i = 0; i < f->blocks.v[b].preds.n; i++) {
			uint32_t p = f->blocks.v[b].preds.v[i];
			ref v = ssa_get(s, p, x.var);
			f->phis.v[aux + i] = v ? v : ssa_read_entry(s, p, x.var);
		}
	}
}

static void ssa_grow_repl(struct ssa *s)
{
	if (s->f->ins.n > s->repl_n) {
		uint32_t n = s->f->ins.n * 2;
		s->repl = arena_grow(s->f->arena, s->repl, sizeof(ref) * s->repl_n, sizeof(ref) * n);
		s->repl_n = n;
	}
}

static ref ssa_final(const struct ssa *s, ref r)
{
	while (r < s->repl_n && s->repl[r])
		r = s->repl[r];
	return r;
}

/* PHIs whose operands are all one value (or themselves) are that value; until nothing changes. */
static void ssa_remove_trivial(struct ssa *s)
{
	struct func *f = s->f;
	for (bool changed = true; changed;) {
		changed = false;
		for (uint32_t k = 0; k < f->order.n; k++) {
			struct block *b = &f->blocks.v[f->order.v[k]];
			for (uint32_t i = 0; i < b->ins.n && f->ins.v[b->ins.v[i]].op == OP_PHI; i++) {
				ref self = b->ins.v[i], same = NOREF;
				if (s->repl[self])
					continue;
				bool trivial = true;
				for (uint32_t j = 0; j < b->preds.n && trivial; j++) {
					ref v = ssa_final(s, f->phis.v[f->ins.v[self].aux + j]);
					if (v == self || v == same)
						continue;
					if (same)
						trivial = false;
					same = v;
				}
				if (trivial && same) {
					s->repl[self] = same;
					changed = true;
				}
			}
		}
	}
}

void pass_ssa(struct pass_ctx *c)
{
	struct func *f = c->f;
	struct ssa s = { .f = f };
	if (f->is_ssa)
		return;
	ir_cfg(f);
	s.zero = arena_array(f->arena, ref, f->vars.n + 1);
	ssa_grow_repl(&s);
	for (uint32_t k = 0; k < f->order.n; k++) {
		struct block *b = &f->blocks.v[f->order.v[k]];
		for (uint32_t i = 0; i < b->ins.n; i++) {
			struct ins *x = &f->ins.v[b->ins.v[i]];
			if (x->op == OP_SETVAR)
				ssa_put(&s, f->order.v[k], (uint32_t)x->imm, x->a[0]);
		}
	}
	/* the value of each variable at this point of the block, valid if cur_blk says so */
	ref *cur = arena_array(f->arena, ref, f->vars.n + 1);
	uint32_t *cur_blk = arena_array(f->arena, uint32_t, f->vars.n + 1);
	VEC(ref) list = { 0 };
	for (uint32_t k = 0; k < f->order.n; k++) {
		uint32_t blk = f->order.v[k];
		list.n = 0;
		for (uint32_t i = 0; i < f->blocks.v[blk].ins.n; i++)
			vec_push(f->arena, &list, f->blocks.v[blk].ins.v[i]);
		for (uint32_t i = 0; i < list.n; i++) {
			ref r = list.v[i];
			struct ins x = f->ins.v[r];
			if (x.op == OP_SETVAR) {
				cur[x.imm] = x.a[0];
				cur_blk[x.imm] = blk;
			} else if (x.op == OP_GETVAR) {
				if (cur_blk[x.imm] != blk)
					cur[x.imm] = ssa_read_entry(&s, blk, (uint32_t)x.imm);
				cur_blk[x.imm] = blk;
				ssa_grow_repl(&s);
				s.repl[r] = cur[x.imm];
			}
		}
	}
	ssa_fill(&s);
	ssa_grow_repl(&s);
	ssa_remove_trivial(&s);
	ir_replace(f, s.repl);
	for (uint32_t k = 1; k < f->blocks.n; k++) {
		struct block *b = &f->blocks.v[k];
		uint32_t n = 0;
		for (uint32_t i = 0; i < b->ins.n; i++) {
			ref r = b->ins.v[i];
			uint8_t op = f->ins.v[r].op;
			if (op != OP_SETVAR && op != OP_GETVAR && !(op == OP_PHI && s.repl[r]))
				b->ins.v[n++] = r;
		}
		b->ins.n = n;
	}
	f->is_ssa = true;
	c->changed = true;
}
