/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instruction selection: which values need no instruction of their own because
 * their users' code contains them. A value is fused only if all its users can:
 *
 *   comparison     into the branches on it
 *   AND            into a branch on it, or on its comparison with 0 (the test of bits)
 *   ZEXT.4, SEXT.4 into comparisons, which are then made in 32 bits
 *   MAYGOTO        into the branch on it: there is no other form
 *   arithmetic     into the one ZEXT.4 of it: 32-bit operations clear the upper half
 *
 * Fused values have no place; the values that they read (back_leaves) live on
 * to where they are read.
 */
#include "bpf/back.h"

bool back_is_remat(const struct func *f, ref r)
{
	const struct ins *i = &f->ins.v[r];
	if (i->op == OP_ADDPTR) /* inside a slot: r10 plus a number */
		return f->ins.v[i->a[0]].op == OP_SLOT && f->ins.v[i->a[1]].op == OP_CONST &&
		       f->ins.v[i->a[1]].imm >= 0 && f->ins.v[i->a[1]].imm < 512;
	return i->op == OP_CONST || i->op == OP_SLOT || i->op == OP_MAPREF || i->op == OP_MAPVAL || i->op == OP_FNREF;
}

bool back_imm(const struct back *b, ref r, int32_t *ret)
{
	const struct ins *i = back_ins(b, r);
	if (i->op != OP_CONST || i->imm != (int32_t)i->imm)
		return false;
	*ret = (int32_t)i->imm;
	return true;
}

static bool sel_is_compare(const struct ins *i)
{
	return i->op >= OP_EQ && i->op <= OP_SGE;
}

static bool sel_is_zero(const struct back *b, ref r)
{
	return back_ins(b, r)->op == OP_CONST && back_ins(b, r)->imm == 0;
}

/* Is the operand the same in 32 bits, zero-extended (or sign-extended)? */
static bool sel_is_32(const struct back *b, ref r, bool sign)
{
	const struct ins *i = back_ins(b, r);
	if (i->op == OP_CONST)
		return sign ? i->imm == (int32_t)i->imm : i->imm >= 0 && i->imm <= UINT32_MAX;
	if (sign)
		return (i->op == OP_SEXT || i->op == OP_LOADS) && i->w <= 4;
	return (i->op == OP_ZEXT || i->op == OP_LOAD) && i->w <= 4;
}

static bool sel_compare_32(const struct back *b, const struct ins *i)
{
	if (!sel_is_compare(i))
		return false;
	bool is_signed = i->op >= OP_SLT, both = i->op == OP_EQ || i->op == OP_NE;
	return ((!is_signed && sel_is_32(b, i->a[0], false) && sel_is_32(b, i->a[1], false)) ||
		((is_signed || both) && sel_is_32(b, i->a[0], true) && sel_is_32(b, i->a[1], true)));
}

static bool sel_is_narrowing(const struct ins *i)
{
	return (i->op == OP_ZEXT || i->op == OP_SEXT) && i->w == 4;
}

/* Arithmetic whose low half depends on the low halves only. */
static bool sel_is_arith_32(const struct back *b, const struct ins *i)
{
	int32_t imm;
	switch (i->op) {
	case OP_ADD: case OP_SUB: case OP_MUL: case OP_AND: case OP_OR: case OP_XOR:
		return back_ins(b, i->a[0])->ty == TY_I64 && back_ins(b, i->a[1])->ty == TY_I64;
	case OP_SHL:
		return back_imm(b, i->a[1], &imm) && imm >= 0 && imm < 32;
	case OP_NEG: case OP_NOT:
		return true;
	default:
		return false;
	}
}

/* May `v` be fused into `user` as far as this use is concerned? */
static bool sel_fits_user(const struct back *b, ref v, ref user)
{
	const struct ins *i = back_ins(b, v), *u = back_ins(b, user);
	if (sel_is_compare(i))
		return u->op == OP_BR;
	if (i->op == OP_AND && u->op == OP_BR)
		return true;
	if (i->op == OP_AND && (u->op == OP_EQ || u->op == OP_NE))
		return b->fused[user] && u->a[0] == v && sel_is_zero(b, u->a[1]);
	if (sel_is_narrowing(i))
		return sel_compare_32(b, u);
	if (u->op == OP_ZEXT && u->w == 4)
		return !b->fused[user] && u->blk == i->blk;
	return false;
}

static void sel_candidates(struct back *b, unsigned stage, uint32_t *n_uses)
{
	struct func *f = b->f;
	for (ref r = 1; r < f->ins.n; r++) {
		const struct ins *i = &f->ins.v[r];
		n_uses[r] = 0;
		if (stage == 0)
			b->fused[r] = sel_is_compare(i) || i->op == OP_MAYGOTO;
		else if (stage == 1)
			b->fused[r] |= i->op == OP_AND || sel_is_narrowing(i);
		else if (!b->fused[r])
			b->fused[r] = sel_is_arith_32(b, i);
	}
}

static bool sel_of_stage(const struct back *b, ref v, unsigned stage)
{
	const struct ins *i = back_ins(b, v);
	return stage == 0 ? sel_is_compare(i) :
	       stage == 1 ? i->op == OP_AND || sel_is_narrowing(i) :
			    sel_is_arith_32(b, i) && !b->narrow[v];
}

void back_select(struct back *b)
{
	struct func *f = b->f;
	b->fused = arena_array(b->arena, bool, f->ins.n);
	b->narrow = arena_array(b->arena, bool, f->ins.n);
	uint32_t *n_uses = arena_array(b->arena, uint32_t, f->ins.n);
	/* users are decided before what may be fused into them: comparisons; their operands; arithmetic */
	for (unsigned stage = 0; stage < 3; stage++) {
		sel_candidates(b, stage, n_uses);
		for (uint32_t k = 0; k < f->order.n; k++) {
			const struct block *x = &f->blocks.v[f->order.v[k]];
			for (uint32_t j = 0; j < x->ins.n; j++) {
				ref r = x->ins.v[j];
				const struct ins *i = &f->ins.v[r];
				uint32_t np = i->op == OP_PHI ? x->preds.n : 0;
				for (uint32_t q = 0; q < i->n + np; q++) {
					ref v = q < i->n ? i->a[q] : f->phis.v[i->aux + q - i->n];
					n_uses[v]++;
					if (b->fused[v] && sel_of_stage(b, v, stage) && (np || !sel_fits_user(b, v, r)))
						b->fused[v] = false;
				}
			}
		}
		for (ref r = 1; r < f->ins.n; r++) {
			if (stage == 1 && b->fused[r] && back_ins(b, r)->op == OP_AND)
				b->narrow[r] = true; /* a test of bits: decided, stage 2 leaves it alone */
			if (stage == 2 && b->fused[r] && sel_of_stage(b, r, 2) && n_uses[r] != 1)
				b->fused[r] = false;
		}
	}
	for (ref r = 1; r < f->ins.n; r++) {
		const struct ins *i = &f->ins.v[r];
		if (i->op == OP_AND)
			b->narrow[r] = false;
		for (unsigned q = 0; q < i->n && sel_is_compare(i); q++)
			b->narrow[r] |= b->fused[i->a[q]] && sel_is_narrowing(back_ins(b, i->a[q]));
		if (i->op == OP_ZEXT && i->w == 4)
			b->narrow[r] = b->fused[i->a[0]] && sel_is_arith_32(b, back_ins(b, i->a[0]));
	}
}

static void sel_leaves(const struct back *b, ref v, ref out[8], unsigned *n)
{
	const struct ins *i = back_ins(b, v);
	if (!b->fused[v]) {
		out[(*n)++] = v;
		return;
	}
	for (unsigned k = 0; k < i->n; k++)
		sel_leaves(b, i->a[k], out, n);
}

unsigned back_leaves(const struct back *b, ref r, ref out[8])
{
	const struct ins *i = back_ins(b, r);
	unsigned n = 0;
	for (unsigned k = 0; k < i->n; k++)
		sel_leaves(b, i->a[k], out, &n);
	return n;
}
