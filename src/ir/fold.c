/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pass_fold: constants and algebra. Each rule looks at one instruction and
 * its operands' definitions and either rewrites it in place to something
 * cheaper or names an existing value that it equals. Requirements on a rule:
 * same type, no new instruction in front, only ever smaller (so it ends), and
 * never touch an AND whose mask bounds a value for the verifier.
 * Needs SSA; runs over blocks in reverse post-order to a fixed point.
 */
#include "ir/pass.h"

static const struct ins *fold_def(const struct func *f, ref r)
{
	return &f->ins.v[r];
}

static bool fold_is_const(const struct func *f, ref r, int64_t *ret)
{
	const struct ins *i = fold_def(f, r);
	if (i->op != OP_CONST)
		return false;
	*ret = i->imm;
	return true;
}

bool fold_eval(enum ir_op op, unsigned w, int64_t a, int64_t b, int64_t *ret)
{
	uint64_t x = (uint64_t)a, y = (uint64_t)b;
	switch (op) {
	case OP_ADD: *ret = (int64_t)(x + y); return true;
	case OP_SUB: *ret = (int64_t)(x - y); return true;
	case OP_MUL: *ret = (int64_t)(x * y); return true;
	case OP_UDIV: *ret = y ? (int64_t)(x / y) : 0; return true;
	case OP_UMOD: *ret = y ? (int64_t)(x % y) : a; return true;
	case OP_SDIV: *ret = b == 0 ? 0 : b == -1 ? (int64_t)(0 - x) : a / b; return true;
	case OP_SMOD: *ret = b == 0 ? a : b == -1 ? 0 : a % b; return true;
	case OP_AND: *ret = a & b; return true;
	case OP_OR: *ret = a | b; return true;
	case OP_XOR: *ret = a ^ b; return true;
	case OP_SHL: *ret = (int64_t)(x << (y & 63)); return true;
	case OP_LSHR: *ret = (int64_t)(x >> (y & 63)); return true;
	case OP_ASHR: *ret = a >> (y & 63); return true;
	case OP_NEG: *ret = (int64_t)(0 - x); return true;
	case OP_NOT: *ret = ~a; return true;
	case OP_ZEXT: *ret = w >= 8 ? a : (int64_t)(x & ((1ull << (w * 8)) - 1)); return true;
	case OP_SEXT: *ret = w >= 8 ? a : (int64_t)(x << (64 - w * 8)) >> (64 - w * 8); return true;
	case OP_BSWAP:
		*ret = w == 2 ? __builtin_bswap16((uint16_t)x) : w == 4 ? __builtin_bswap32((uint32_t)x) : (int64_t)__builtin_bswap64(x);
		return true;
	case OP_EQ: *ret = a == b; return true;
	case OP_NE: *ret = a != b; return true;
	case OP_ULT: *ret = x < y; return true;
	case OP_ULE: *ret = x <= y; return true;
	case OP_UGT: *ret = x > y; return true;
	case OP_UGE: *ret = x >= y; return true;
	case OP_SLT: *ret = a < b; return true;
	case OP_SLE: *ret = a <= b; return true;
	case OP_SGT: *ret = a > b; return true;
	case OP_SGE: *ret = a >= b; return true;
	default: return false;
	}
}

bool fold_is_compare(unsigned op)
{
	return op >= OP_EQ && op <= OP_SGE;
}

enum ir_op fold_inverse(enum ir_op op)
{
	switch (op) {
	case OP_EQ: return OP_NE;
	case OP_NE: return OP_EQ;
	case OP_ULT: return OP_UGE;
	case OP_ULE: return OP_UGT;
	case OP_UGT: return OP_ULE;
	case OP_UGE: return OP_ULT;
	case OP_SLT: return OP_SGE;
	case OP_SLE: return OP_SGT;
	case OP_SGT: return OP_SLE;
	case OP_SGE: return OP_SLT;
	default: return OP_NONE;
	}
}

static enum ir_op fold_swap(enum ir_op op)
{
	switch (op) {
	case OP_ULT: return OP_UGT;
	case OP_ULE: return OP_UGE;
	case OP_UGT: return OP_ULT;
	case OP_UGE: return OP_ULE;
	case OP_SLT: return OP_SGT;
	case OP_SLE: return OP_SGE;
	case OP_SGT: return OP_SLT;
	case OP_SGE: return OP_SLE;
	default: return op;
	}
}

static bool fold_to_const(struct ins *i, int64_t v)
{
	i->op = OP_CONST;
	i->ty = TY_I64;
	i->n = 0;
	i->imm = v;
	return true;
}

/* Upper bound of an unsigned value, by its definition alone. */
static uint64_t fold_umax(const struct func *f, ref r)
{
	const struct ins *i = fold_def(f, r);
	if (i->op == OP_CONST)
		return (uint64_t)i->imm;
	if ((i->op == OP_LOAD || i->op == OP_ZEXT) && i->w < 8)
		return (1ull << (i->w * 8)) - 1;
	if (fold_is_compare(i->op))
		return 1;
	if (i->op == OP_BSWAP && i->w < 8)
		return (1ull << (i->w * 8)) - 1;
	if (i->op == OP_LSHR && fold_def(f, i->a[1])->op == OP_CONST)
		return UINT64_MAX >> (fold_def(f, i->a[1])->imm & 63);
	if (i->op == OP_AND && fold_def(f, i->a[1])->op == OP_CONST && fold_def(f, i->a[1])->imm >= 0)
		return (uint64_t)fold_def(f, i->a[1])->imm;
	return UINT64_MAX;
}

/* Rules with the second operand constant: the value equals operand a (true), or the instruction was rewritten. */
static bool fold_const_rhs(struct func *f, struct ins *i, int64_t c, ref *ret_same)
{
	const struct ins *x = fold_def(f, i->a[0]);
	uint64_t u = (uint64_t)c;
	bool pow2 = u && (u & (u - 1)) == 0;
	(void)pow2;
	switch (i->op) {
	case OP_ADD: case OP_SUB: case OP_OR: case OP_XOR: case OP_SHL: case OP_LSHR: case OP_ASHR: case OP_ADDPTR:
		if (c == 0)
			*ret_same = i->a[0];
		return c == 0;
	case OP_MUL: case OP_UDIV: case OP_SDIV:
		if (c == 1)
			*ret_same = i->a[0];
		else if (c == 0 && i->op == OP_MUL)
			return fold_to_const(i, 0);
		return c == 1;
	case OP_UMOD:
		return c == 1 && fold_to_const(i, 0);
	case OP_AND:
		if (c == 0)
			return fold_to_const(i, 0);
		if (c == -1 || (x->op == OP_ZEXT && x->w < 8 && u == (1ull << (x->w * 8)) - 1))
			*ret_same = i->a[0];
		return *ret_same != NOREF;
	case OP_NE: /* of a boolean with 0: itself; with 1: inverted */
		if (c == 0 && fold_is_compare(x->op)) {
			*ret_same = i->a[0];
			return true;
		}
		return false;
	case OP_EQ:
		if (c == 0 && fold_is_compare(x->op)) {
			i->op = (uint8_t)fold_inverse((enum ir_op)x->op);
			i->a[1] = x->a[1];
			i->a[0] = x->a[0];
			return true;
		}
		return false;
	case OP_ULT:
		return c == 0 && fold_to_const(i, 0);
	case OP_UGE:
		return c == 0 && fold_to_const(i, 1);
	case OP_UGT:
		return fold_umax(f, i->a[0]) <= u && fold_to_const(i, 0);
	case OP_ULE:
		return fold_umax(f, i->a[0]) <= u && fold_to_const(i, 1);
	default:
		return false;
	}
}

static bool fold_one(struct func *f, ref r, ref *ret_same)
{
	struct ins *i = &f->ins.v[r];
	int64_t a, b, v;
	bool ca = i->n > 0 && fold_is_const(f, i->a[0], &a), cb = i->n > 1 && fold_is_const(f, i->a[1], &b);

	*ret_same = NOREF;
	if ((op_info[i->op].flags & OF_P) && i->op != OP_CONST && i->op != OP_PHI && i->ty == TY_I64 && ca && (i->n == 1 || cb) &&
	    fold_eval((enum ir_op)i->op, i->w, a, i->n > 1 ? b : 0, &v))
		return fold_to_const(i, v);
	/* constants to the right */
	if (ca && !cb && i->n == 2 && ((op_info[i->op].flags & OF_C) || fold_is_compare(i->op))) {
		ref t = i->a[0];
		i->a[0] = i->a[1];
		i->a[1] = t;
		i->op = (uint8_t)fold_swap((enum ir_op)i->op);
		cb = true;
		b = a;
		ca = false;
	}
	if (cb && (op_info[i->op].flags & OF_P) && fold_const_rhs(f, i, b, ret_same))
		return true;
	if (i->n == 2 && i->a[0] == i->a[1] && i->ty == TY_I64) {
		if (i->op == OP_SUB || i->op == OP_XOR || i->op == OP_NE || i->op == OP_ULT || i->op == OP_UGT || i->op == OP_SLT ||
		    i->op == OP_SGT)
			return fold_to_const(i, 0);
		if (i->op == OP_EQ || i->op == OP_ULE || i->op == OP_UGE || i->op == OP_SLE || i->op == OP_SGE)
			return fold_to_const(i, 1);
	}
	if (i->op == OP_ZEXT) {
		if (i->w >= 8 || fold_umax(f, i->a[0]) <= (1ull << (i->w * 8)) - 1) {
			*ret_same = i->a[0];
			return true;
		}
	}
	if (i->op == OP_SEXT) {
		const struct ins *x = fold_def(f, i->a[0]);
		if (i->w >= 8 || ((x->op == OP_LOADS || x->op == OP_SEXT) && x->w <= i->w) ||
		    fold_umax(f, i->a[0]) <= (1ull << (i->w * 8 - 1)) - 1) {
			*ret_same = i->a[0];
			return true;
		}
	}
	if (i->op == OP_ADDPTR && cb) {
		const struct ins *x = fold_def(f, i->a[0]);
		int64_t c2;
		if (x->op == OP_MAPVAL) {
			int64_t off = x->imm + b;
			i->aux = x->aux;
			i->op = OP_MAPVAL;
			i->n = 0;
			i->imm = off;
			return true;
		}
		(void)c2;
	}
	/* memory operands: fold constant pointer additions into the offset */
	if (i->op == OP_LOAD || i->op == OP_LOADS || i->op == OP_STORE || i->op == OP_ZERO || i->op == OP_AADD || i->op == OP_AFADD ||
	    i->op == OP_COPY) {
		const struct ins *x = fold_def(f, i->a[0]);
		if (x->op == OP_ADDPTR && fold_is_const(f, x->a[1], &v) && i->imm + v >= -32768 && i->imm + v + (int64_t)i->aux <= 32000) {
			i->imm += v;
			i->a[0] = x->a[0];
			return true;
		}
	}
	if (i->op == OP_BR) { /* br (ne x 0) is br x for scalars: isel tests either */
		const struct ins *x = fold_def(f, i->a[0]);
		if (x->op == OP_NE && x->n == 2 && fold_is_const(f, x->a[1], &v) && v == 0 && fold_def(f, x->a[0])->ty == TY_I64 &&
		    fold_is_compare(fold_def(f, x->a[0])->op)) {
			i->a[0] = x->a[0];
			return true;
		}
	}
	return false;
}

void pass_fold(struct pass_ctx *c)
{
	struct func *f = c->f;
	ir_cfg(f);
	ref *repl = arena_array(f->arena, ref, f->ins.n);
	for (int round = 0; round < 8; round++) {
		bool changed = false, replaced = false;
		for (uint32_t k = 0; k < f->order.n; k++) {
			struct block *b = &f->blocks.v[f->order.v[k]];
			for (uint32_t n = 0; n < b->ins.n; n++) {
				ref r = b->ins.v[n], same;
				if (repl[r])
					continue;
				struct ins *i = &f->ins.v[r];
				for (unsigned j = 0; j < i->n; j++)
					while (repl[i->a[j]])
						i->a[j] = repl[i->a[j]];
				if (!fold_one(f, r, &same))
					continue;
				changed = true;
				if (same) {
					repl[r] = same;
					replaced = true;
				}
			}
		}
		if (replaced)
			ir_replace(f, repl);
		c->changed |= changed;
		if (!changed)
			break;
	}
}
