/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ir_verify: the rules that hold between passes, and that make any function
 * (also one that ir_parse read from a hostile file) safe to give to a pass.
 *
 *  - every block ends in its only terminator, which leads to blocks that exist; nothing leads back to the entry;
 *  - PHIs come first in their block, with one operand for each predecessor;
 *  - operands are values, defined where they are used (dominance);
 *  - indices (arguments, slots, variables), widths and sizes are in range; addresses are pointers.
 */
#include "ir/ir.h"

enum { VERIFY_MAX_SIZE = 1 << 16 }; /* bytes of one ZERO or COPY */

static bool verify_is_null(const struct func *f, ref a)
{
	return f->ins.v[a].op == OP_CONST && f->ins.v[a].imm == 0;
}

static bool verify_width_ok(const struct ins *i)
{
	bool pow2 = i->w == 1 || i->w == 2 || i->w == 4 || i->w == 8;
	switch (i->op) {
	case OP_LOAD: case OP_LOADS: case OP_STORE: case OP_ZERO: case OP_COPY: case OP_ZEXT: case OP_SEXT:
		return pow2;
	case OP_BSWAP:
		return pow2 && i->w > 1;
	case OP_AADD: case OP_AFADD: case OP_AFOR: case OP_AAND:
		return i->w == 4 || i->w == 8;
	default:
		return true;
	}
}

static bool verify_is_address(unsigned op)
{
	return op == OP_LOAD || op == OP_LOADS || op == OP_STORE || op == OP_ZERO || op == OP_ADDPTR || op == OP_COPY ||
	       (op >= OP_AADD && op <= OP_AAND);
}

/* What an instruction says about itself, before anything is known about the others. */
static const char *verify_shape(struct func *f, ref r, const struct ins *i)
{
	if (i->op == OP_NONE || i->op >= OP_COUNT || i->ty >= TY_COUNT)
		return arena_printf(f->arena, "%%%u: bad operation", r);
	const char *name = op_info[i->op].text;
	if (i->n > 5 || (op_info[i->op].nargs >= 0 && i->n != op_info[i->op].nargs))
		return arena_printf(f->arena, "%%%u: %s wants %d operands, has %u", r, name, op_info[i->op].nargs,
				    i->n);
	if (f->is_ssa ? i->op == OP_GETVAR || i->op == OP_SETVAR : i->op == OP_PHI)
		return arena_printf(f->arena, "%%%u: %s %s SSA form", r, name, f->is_ssa ? "in" : "before");
	for (unsigned k = 0; k < i->n; k++)
		if (i->a[k] == NOREF || i->a[k] >= f->ins.n || !(op_info[f->ins.v[i->a[k]].op].flags & OF_D))
			return arena_printf(f->arena, "%%%u: operand %u is not a value", r, k);
	if (!verify_width_ok(i))
		return arena_printf(f->arena, "%%%u: %s of width %u", r, name, i->w);
	uint64_t limit = i->op == OP_ARG ? f->n_args : i->op == OP_SLOT ? f->slots.n :
			 i->op == OP_GETVAR || i->op == OP_SETVAR ? f->vars.n : UINT64_MAX;
	if ((uint64_t)i->imm >= limit && limit != UINT64_MAX)
		return arena_printf(f->arena, "%%%u: %s %lld does not exist", r, name, (long long)i->imm);
	if ((i->op == OP_ZERO || i->op == OP_COPY) && (i->aux == 0 || i->aux > VERIFY_MAX_SIZE))
		return arena_printf(f->arena, "%%%u: %s of %u bytes", r, name, i->aux);
	/* null stands where a test of it has not been seen yet to leave nothing */
	if (verify_is_address(i->op) && !ir_type_is_ptr((enum ir_type)f->ins.v[i->a[0]].ty) && !verify_is_null(f, i->a[0]))
		return arena_printf(f->arena, "%%%u: address %%%u is not a pointer", r, i->a[0]);
	if (i->op == OP_COPY && !ir_type_is_ptr((enum ir_type)f->ins.v[i->a[1]].ty) && !verify_is_null(f, i->a[1]))
		return arena_printf(f->arena, "%%%u: source %%%u is not a pointer", r, i->a[1]);
	if (verify_is_address(i->op) && i->op != OP_ADDPTR && (i->imm < INT32_MIN / 2 || i->imm > INT32_MAX / 2))
		return arena_printf(f->arena, "%%%u: offset %lld", r, (long long)i->imm);
	if ((i->op == OP_JMP || i->op == OP_BR) && (i->t == 0 || i->t >= f->blocks.n))
		return arena_printf(f->arena, "%%%u: bad target", r);
	if (i->op == OP_BR && (i->f == 0 || i->f >= f->blocks.n))
		return arena_printf(f->arena, "%%%u: bad target", r);
	return NULL;
}

static const char *verify_uses(struct func *f, uint32_t blk, uint32_t pos, ref r, const uint32_t *place)
{
	const struct ins *i = &f->ins.v[r];
	const struct block *x = &f->blocks.v[blk];
	for (unsigned k = 0; k < i->n; k++) {
		ref a = i->a[k];
		if (!place[a])
			return arena_printf(f->arena, "%%%u: operand %%%u was removed", r, a);
		uint32_t ab = f->ins.v[a].blk;
		if (f->ins.v[a].op == OP_MAYGOTO && (i->op != OP_BR || ab != blk))
			return arena_printf(f->arena, "%%%u: maygoto %%%u is for the branch of its own block", r, a);
		if (ab == blk ? place[a] > pos : !ir_dominates(f, ab, blk))
			return arena_printf(f->arena, "%%%u: operand %%%u does not dominate it", r, a);
	}
	for (uint32_t q = 0; i->op == OP_PHI && q < x->preds.n; q++) {
		ref v = (uint64_t)i->aux + q < f->phis.n ? f->phis.v[i->aux + q] : NOREF;
		if (v == NOREF || v >= f->ins.n || !place[v] || !(op_info[f->ins.v[v].op].flags & OF_D) ||
		    f->ins.v[v].op == OP_MAYGOTO || !ir_dominates(f, f->ins.v[v].blk, x->preds.v[q]))
			return arena_printf(f->arena, "%%%u: phi operand %%%u for block %u", r, v, x->preds.v[q]);
		if (ir_type_is_ptr((enum ir_type)i->ty) && f->ins.v[v].ty == TY_I64 && f->ins.v[v].op != OP_CONST)
			return arena_printf(f->arena, "%%%u: phi operand %%%u is not a pointer", r, v);
	}
	return NULL;
}

const char *ir_verify(struct func *f)
{
	if (f->blocks.n < 2 || f->n_args > 5)
		return "no entry block, or more than 5 arguments";
	uint32_t *place = arena_array(f->arena, uint32_t, f->ins.n);
	/* shapes first: the CFG depends on the terminators */
	for (uint32_t b = 1; b < f->blocks.n; b++) {
		const struct block *x = &f->blocks.v[b];
		for (uint32_t k = 0; k < x->ins.n; k++) {
			ref r = x->ins.v[k];
			if (r == NOREF || r >= f->ins.n)
				return arena_printf(f->arena, "block %u: no instruction %u", b, r);
			const struct ins *i = &f->ins.v[r];
			if (i->op < OP_COUNT && (op_info[i->op].flags & OF_T) && k != x->ins.n - 1)
				return arena_printf(f->arena, "block %u: terminator out of place", b);
			if (i->blk != b)
				return arena_printf(f->arena, "%%%u: says block %u, stands in %u", r, i->blk, b);
			const char *bad = verify_shape(f, r, i);
			if (bad)
				return bad;
		}
	}
	ir_dom(f);
	if (f->blocks.v[1].preds.n)
		return "the entry block has a predecessor";
	for (uint32_t k = 0; k < f->order.n; k++) {
		const struct block *x = &f->blocks.v[f->order.v[k]];
		if (x->ins.n == 0 || !(op_info[f->ins.v[vec_last(&x->ins)].op].flags & OF_T))
			return arena_printf(f->arena, "block %u has no terminator", f->order.v[k]);
		for (uint32_t j = 0; j < x->ins.n; j++) {
			if (place[x->ins.v[j]])
				return arena_printf(f->arena, "%%%u: stands in two places", x->ins.v[j]);
			place[x->ins.v[j]] = j + 1;
		}
	}
	for (uint32_t k = 0; k < f->order.n; k++) {
		uint32_t b = f->order.v[k];
		const struct block *x = &f->blocks.v[b];
		bool phis = true;
		for (uint32_t j = 0; j < x->ins.n; j++) {
			ref r = x->ins.v[j];
			bool phi = f->ins.v[r].op == OP_PHI;
			if (phi && !phis)
				return arena_printf(f->arena, "%%%u: phi behind other instructions", r);
			phis = phi;
			const char *bad = verify_uses(f, b, j, r, place);
			if (bad)
				return bad;
		}
	}
	return NULL;
}
