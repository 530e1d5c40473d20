/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ir_verify: the rules that hold between passes. Every block ends in its only
 * terminator, PHIs come first with one operand per predecessor, operands are
 * defined where they are used (dominance), and addresses are pointers.
 */
#include "ir/ir.h"

static const char *verify_ins(struct func *f, uint32_t blk, uint32_t pos, ref r, const uint32_t *place)
{
	const struct ins *i = &f->ins.v[r];
	if (i->op == OP_NONE || i->op >= OP_COUNT)
		return arena_printf(f->arena, "%%%u: bad operation", r);
	if (i->blk != blk)
		return arena_printf(f->arena, "%%%u: says block %u, stands in %u", r, i->blk, blk);
	if (f->is_ssa && (i->op == OP_GETVAR || i->op == OP_SETVAR))
		return arena_printf(f->arena, "%%%u: variable in SSA form", r);
	if (op_info[i->op].nargs >= 0 && i->n != op_info[i->op].nargs)
		return arena_printf(f->arena, "%%%u: %s wants %d operands, has %u", r, op_info[i->op].text, op_info[i->op].nargs, i->n);
	for (unsigned k = 0; k < i->n; k++) {
		ref a = i->a[k];
		if (a == NOREF || a >= f->ins.n || !(op_info[f->ins.v[a].op].flags & OF_D))
			return arena_printf(f->arena, "%%%u: operand %u is not a value", r, k);
		if (!place[a])
			return arena_printf(f->arena, "%%%u: operand %%%u was removed", r, a);
		uint32_t ab = f->ins.v[a].blk;
		if (ab == blk ? place[a] > pos + 1 : f->is_ssa && !ir_dominates(f, ab, blk))
			return arena_printf(f->arena, "%%%u: operand %%%u does not dominate it", r, a);
	}
	if ((i->op == OP_LOAD || i->op == OP_LOADS || i->op == OP_STORE || i->op == OP_ZERO || i->op == OP_ADDPTR || i->op == OP_COPY) &&
	    !ir_type_is_ptr((enum ir_type)f->ins.v[i->a[0]].ty))
		return arena_printf(f->arena, "%%%u: address %%%u is not a pointer", r, i->a[0]);
	if (i->op == OP_JMP || i->op == OP_BR) {
		if (i->t == 0 || i->t >= f->blocks.n || (i->op == OP_BR && (i->f == 0 || i->f >= f->blocks.n)))
			return arena_printf(f->arena, "%%%u: bad target", r);
	}
	return NULL;
}

const char *ir_verify(struct func *f)
{
	/* terminators first: the CFG depends on them */
	for (uint32_t b = 1; b < f->blocks.n; b++) {
		const struct block *x = &f->blocks.v[b];
		for (uint32_t k = 0; k < x->ins.n; k++) {
			bool t = op_info[f->ins.v[x->ins.v[k]].op].flags & OF_T;
			if (t != (k == x->ins.n - 1) && (t || f->blocks.v[b].rpo != ~0u))
				return arena_printf(f->arena, "block %u: terminator out of place", b);
		}
	}
	ir_dom(f);
	uint32_t *place = arena_array(f->arena, uint32_t, f->ins.n);
	for (uint32_t k = 0; k < f->order.n; k++) {
		const struct block *x = &f->blocks.v[f->order.v[k]];
		if (x->ins.n == 0)
			return arena_printf(f->arena, "block %u is empty", f->order.v[k]);
		for (uint32_t j = 0; j < x->ins.n; j++)
			place[x->ins.v[j]] = j + 1;
	}
	for (uint32_t k = 0; k < f->order.n; k++) {
		uint32_t b = f->order.v[k];
		const struct block *x = &f->blocks.v[b];
		bool phis = true;
		for (uint32_t j = 0; j < x->ins.n; j++) {
			ref r = x->ins.v[j];
			const struct ins *i = &f->ins.v[r];
			if (i->op == OP_PHI && !phis)
				return arena_printf(f->arena, "%%%u: phi behind other instructions", r);
			phis = i->op == OP_PHI;
			const char *bad = verify_ins(f, b, j, r, place);
			if (bad)
				return bad;
			for (uint32_t q = 0; i->op == OP_PHI && q < x->preds.n; q++) {
				ref v = f->phis.v[i->aux + q];
				if (v == NOREF || !place[v] || !ir_dominates(f, f->ins.v[v].blk, x->preds.v[q]))
					return arena_printf(f->arena, "%%%u: phi operand %%%u for block %u", r, v, x->preds.v[q]);
			}
		}
	}
	return NULL;
}
