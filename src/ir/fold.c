/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pass_fold: constants and algebra. Each rule looks at one instruction and
 * its operands' definitions and either rewrites it in place to something
 * cheaper or names an existing value that it equals. Requirements on a rule:
 * same type, nothing new in front of it but a constant, only ever smaller (so
 * it ends), and never drop an AND whose mask bounds a value for the verifier,
 * unless the verifier knows that bound from the operand itself.
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
		*ret = w == 2	? __builtin_bswap16((uint16_t)x)
		       : w == 4 ? __builtin_bswap32((uint32_t)x)
				: (int64_t)__builtin_bswap64(x);
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
	i->w = 8;
	i->n = 0;
	i->aux = 0;
	i->imm = v;
	return true;
}

/* Upper bound of an unsigned value, by its definition alone. All but BSWAP's and UMOD's are seen by the verifier, too.
 */
static uint64_t fold_umax(const struct func *f, ref r)
{
	const struct ins *i = fold_def(f, r);
	uint64_t m;
	if (i->op == OP_CONST)
		return (uint64_t)i->imm;
	if ((i->op == OP_LOAD || i->op == OP_ZEXT || i->op == OP_BSWAP) && i->w < 8)
		return (1ull << (i->w * 8)) - 1;
	if (fold_is_compare(i->op))
		return 1;
	if (i->n < 2 || fold_def(f, i->a[1])->op != OP_CONST)
		return UINT64_MAX;
	m = (uint64_t)fold_def(f, i->a[1])->imm;
	if (i->op == OP_LSHR)
		return UINT64_MAX >> (m & 63);
	if (i->op == OP_AND)
		return m;
	if (i->op == OP_UMOD && m)
		return m - 1;
	return UINT64_MAX;
}

struct fold {
	struct func *f;
	ref *repl; /* value -> the equal one that takes its place */
	uint32_t n_repl;
	bool *compared; /* values that some comparison looks at: the verifier may know bounds of them */
	uint32_t n_compared;
	uint32_t blk, pos; /* the instruction being looked at */
};

/* A new constant in front of the instruction. Moves f->ins: pointers into it are stale afterwards. */
static ref fold_const(struct fold *s, int64_t v)
{
	struct func *f = s->f;
	struct block *b = &f->blocks.v[s->blk];
	struct ins i = { .op = OP_CONST, .ty = TY_I64, .w = 8, .blk = s->blk, .imm = v,
			 .span = f->ins.v[b->ins.v[s->pos]].span };
	vec_push(f->arena, &f->ins, i);
	ref r = f->ins.n - 1;
	vec_push(f->arena, &b->ins, r);
	memmove(&b->ins.v[s->pos + 1], &b->ins.v[s->pos], sizeof(ref) * (b->ins.n - 1 - s->pos));
	b->ins.v[s->pos++] = r;
	if (f->ins.n > s->n_repl) {
		s->repl = arena_grow(f->arena, s->repl, sizeof(ref) * s->n_repl, sizeof(ref) * f->ins.n * 2);
		s->n_repl = f->ins.n * 2;
	}
	return r;
}

/* (x op c1) op c: one operation with one constant. Not where a bound of `x op c1` has been tested, which says nothing of x to the
 * verifier. */
static bool fold_chain(struct fold *s, ref r, int64_t c)
{
	struct func *f = s->f;
	struct ins *i = &f->ins.v[r];
	const struct ins *x = fold_def(f, i->a[0]);
	int64_t c1;
	if (x->op != i->op || x->n != 2 || !fold_is_const(f, x->a[1], &c1))
		return false;
	if (i->op == OP_ADD && i->a[0] < s->n_compared && s->compared[i->a[0]])
		return false;
	int64_t sum = i->op == OP_AND ? (c1 & c) : (int64_t)((uint64_t)c1 + (uint64_t)c);
	ref inner = x->a[0], k = fold_const(s, sum);
	i = &f->ins.v[r];
	i->a[0] = inner;
	i->a[1] = k;
	return true;
}

/* Comparison with a constant that the operand's bound decides. */
static bool fold_bound(struct ins *i, uint64_t max, uint64_t u)
{
	bool non_negative = max <= INT64_MAX && u <= INT64_MAX;
	switch (i->op) {
	case OP_EQ: return max < u && fold_to_const(i, 0);
	case OP_NE: return max < u && fold_to_const(i, 1);
	case OP_ULT: return u == 0 ? fold_to_const(i, 0) : max < u && fold_to_const(i, 1);
	case OP_UGE: return u == 0 ? fold_to_const(i, 1) : max < u && fold_to_const(i, 0);
	case OP_UGT: return max <= u && fold_to_const(i, 0);
	case OP_ULE: return max <= u && fold_to_const(i, 1);
	case OP_SLT: return non_negative && (u == 0 ? fold_to_const(i, 0) : max < u && fold_to_const(i, 1));
	case OP_SGE: return non_negative && (u == 0 ? fold_to_const(i, 1) : max < u && fold_to_const(i, 0));
	case OP_SGT: return non_negative && max <= u && fold_to_const(i, 0);
	case OP_SLE: return non_negative && max <= u && fold_to_const(i, 1);
	default: return false;
	}
}

/* Rules with the second operand constant: *ret_same is the value it equals, or the instruction was rewritten. */
static bool fold_const_rhs(struct fold *s, ref r, int64_t c, ref *ret_same)
{
	struct func *f = s->f;
	struct ins *i = &f->ins.v[r];
	const struct ins *x = fold_def(f, i->a[0]);
	uint64_t u = (uint64_t)c, max = fold_umax(f, i->a[0]);
	bool scalar = x->ty == TY_I64;
	int64_t c1;

	if (fold_is_compare(x->op) && (i->op == OP_EQ || i->op == OP_NE || i->op == OP_XOR) && (c == 0 || c == 1)) {
		/* of a boolean: itself or its opposite */
		if ((i->op == OP_EQ) == (c == 1) && (i->op != OP_XOR || c == 0)) {
			*ret_same = i->a[0];
			return true;
		}
		i->op = (uint8_t)fold_inverse((enum ir_op)x->op);
		i->a[1] = x->a[1];
		i->a[0] = x->a[0];
		return true;
	}
	/* The test of a bound that the verifier does not see may be there for the verifier: it stays. */
	if (fold_is_compare(i->op))
		return scalar && fold_bound(i, x->op == OP_UMOD || x->op == OP_BSWAP ? UINT64_MAX : max, u);
	switch (i->op) {
	case OP_ADD: case OP_ADDPTR:
		if (c == 0)
			*ret_same = i->a[0];
		return c == 0 || fold_chain(s, r, c);
	case OP_SUB: case OP_OR: case OP_XOR:
		if (c == 0)
			*ret_same = i->a[0];
		return c == 0;
	case OP_SHL: case OP_LSHR: case OP_ASHR:
		if ((u & 63) == 0) {
			*ret_same = i->a[0];
			return true;
		}
		if (i->op == OP_LSHR && u == 32 && x->op == OP_SHL && fold_is_const(f, x->a[1], &c1) && c1 == 32) {
			*i = (struct ins){ .op = OP_ZEXT,
					   .ty = TY_I64,
					   .w = 4,
					   .n = 1,
					   .a = { x->a[0] },
					   .blk = i->blk,
					   .span = i->span };
			return true;
		}
		if (i->op == OP_ASHR && max <= INT64_MAX) {
			i->op = OP_LSHR;
			return true;
		}
		return false;
	case OP_MUL: case OP_UDIV: case OP_SDIV:
		if (c == 1) {
			*ret_same = i->a[0];
			return true;
		}
		return (c == 0 || (i->op == OP_UDIV && max < u)) && fold_to_const(i, 0);
	case OP_UMOD: case OP_SMOD:
		if (c == 0 || (i->op == OP_UMOD && max < u))
			*ret_same = i->a[0];
		return *ret_same || (c == 1 && fold_to_const(i, 0));
	case OP_AND:
		if (c == 0)
			return fold_to_const(i, 0);
		if (c == -1 || (u >= max && (u & (u + 1)) == 0 && x->op != OP_BSWAP && x->op != OP_UMOD))
			*ret_same = i->a[0];
		if (!*ret_same && u == UINT32_MAX) { /* a move instead of a 64-bit immediate */
			i->op = OP_ZEXT;
			i->w = 4;
			i->n = 1;
			return true;
		}
		return *ret_same || fold_chain(s, r, c);
	default:
		return false;
	}
}

/* Extensions of what is already extended. */
static bool fold_extend(struct func *f, struct ins *i, ref *ret_same)
{
	const struct ins *x = fold_def(f, i->a[0]);
	uint64_t mask = i->w >= 8 ? UINT64_MAX : (1ull << (i->w * 8)) - 1;
	if (i->w >= 8 || (i->op == OP_ZEXT && fold_umax(f, i->a[0]) <= mask) ||
	    (i->op == OP_SEXT &&
	     (fold_umax(f, i->a[0]) <= mask / 2 || ((x->op == OP_LOADS || x->op == OP_SEXT) && x->w <= i->w)))) {
		*ret_same = i->a[0];
		return true;
	}
	if ((x->op == OP_ZEXT || x->op == OP_SEXT) && x->w >= i->w) { /* the low bytes are the same */
		i->a[0] = x->a[0];
		return true;
	}
	return false;
}

/* Constant additions to an address go into the offset, and what a narrow store cuts off needs no extension. */
static bool fold_memory(struct func *f, struct ins *i)
{
	const struct ins *x = fold_def(f, i->a[0]);
	int64_t v;
	if (x->op == OP_ADDPTR && fold_is_const(f, x->a[1], &v) && v >= -32768 && v <= 32000 && i->imm + v >= -32768 &&
	    i->imm + v + (int64_t)i->aux <= 32000) {
		i->imm += v;
		i->a[0] = x->a[0];
		return true;
	}
	if (i->op == OP_STORE && i->w < 8) {
		const struct ins *y = fold_def(f, i->a[1]);
		if ((y->op == OP_ZEXT || y->op == OP_SEXT) && y->w >= i->w) {
			i->a[1] = y->a[0];
			return true;
		}
	}
	return false;
}

static bool fold_one(struct fold *s, ref r, ref *ret_same)
{
	struct func *f = s->f;
	struct ins *i = &f->ins.v[r];
	int64_t a = 0, b = 0, v;
	bool ca = i->n > 0 && fold_is_const(f, i->a[0], &a), cb = i->n > 1 && fold_is_const(f, i->a[1], &b);
	bool pure = (op_info[i->op].flags & OF_P) && i->op != OP_PHI;

	*ret_same = NOREF;
	if (pure && i->ty == TY_I64 && ca && (i->n == 1 || cb) && fold_eval((enum ir_op)i->op, i->w, a, b, &v))
		return fold_to_const(i, v);
	/* constants to the right */
	if (ca && !cb && i->n == 2 && pure && ((op_info[i->op].flags & OF_C) || fold_is_compare(i->op))) {
		ref t = i->a[0];
		i->a[0] = i->a[1];
		i->a[1] = t;
		i->op = (uint8_t)fold_swap((enum ir_op)i->op);
		cb = true;
		b = a;
	}
	if (cb && pure && fold_const_rhs(s, r, b, ret_same))
		return true;
	i = &f->ins.v[r];
	if (i->n == 2 && i->a[0] == i->a[1] && i->ty == TY_I64 && pure) {
		if (i->op == OP_SUB || i->op == OP_XOR || i->op == OP_NE || i->op == OP_ULT || i->op == OP_UGT ||
		    i->op == OP_SLT || i->op == OP_SGT)
			return fold_to_const(i, 0);
		if (i->op == OP_EQ || i->op == OP_ULE || i->op == OP_UGE || i->op == OP_SLE || i->op == OP_SGE)
			return fold_to_const(i, 1);
		if (i->op == OP_AND || i->op == OP_OR) {
			*ret_same = i->a[0];
			return true;
		}
	}
	switch (i->op) {
	case OP_ZEXT: case OP_SEXT:
		return fold_extend(f, i, ret_same);
	case OP_ADDPTR: {
		const struct ins *x = fold_def(f, i->a[0]);
		if (!cb || x->op != OP_MAPVAL || x->imm + (b > -(1 << 30) && b < 1 << 30 ? b : -1) < 0)
			return false;
		i->op = OP_MAPVAL;
		i->n = 0;
		i->aux = x->aux;
		i->imm = x->imm + b;
		return true;
	}
	case OP_LOAD:
	case OP_LOADS:
	case OP_STORE:
	case OP_ZERO:
	case OP_COPY:
	case OP_AADD:
	case OP_AFADD:
	case OP_AFOR:
	case OP_AAND:
		return fold_memory(f, i);
	case OP_NEG: case OP_NOT:
		if (fold_def(f, i->a[0])->op == i->op)
			*ret_same = fold_def(f, i->a[0])->a[0];
		return *ret_same != NOREF;
	case OP_BR: { /* br (ne x 0) is br x for scalars */
		const struct ins *x = fold_def(f, i->a[0]);
		if (x->op != OP_NE || !fold_is_const(f, x->a[1], &v) || v || !fold_is_compare(fold_def(f, x->a[0])->op))
			return false;
		i->a[0] = x->a[0];
		return true;
	}
	default:
		return false;
	}
}

static void fold_find_compared(struct fold *s)
{
	const struct func *f = s->f;
	if (s->n_compared < f->ins.n) {
		s->n_compared = f->ins.n;
		s->compared = arena_array(f->arena, bool, s->n_compared);
	}
	memset(s->compared, 0, s->n_compared * sizeof(bool));
	for (uint32_t k = 0; k < f->order.n; k++) {
		const struct block *b = &f->blocks.v[f->order.v[k]];
		for (uint32_t j = 0; j < b->ins.n; j++) {
			const struct ins *i = &f->ins.v[b->ins.v[j]];
			for (unsigned q = 0; q < i->n && fold_is_compare(i->op); q++)
				s->compared[i->a[q]] = true;
		}
	}
}

void pass_fold(struct pass_ctx *c)
{
	struct func *f = c->f;
	ir_cfg(f);
	struct fold s = { .f = f, .n_repl = f->ins.n, .repl = arena_array(f->arena, ref, f->ins.n) };
	for (int round = 0; round < 8; round++) {
		bool changed = false, replaced = false;
		fold_find_compared(&s);
		for (uint32_t k = 0; k < f->order.n; k++) {
			s.blk = f->order.v[k];
			for (s.pos = 0; s.pos < f->blocks.v[s.blk].ins.n; s.pos++) {
				ref r = f->blocks.v[s.blk].ins.v[s.pos], same;
				if (s.repl[r])
					continue;
				struct ins *i = &f->ins.v[r];
				for (unsigned j = 0; j < i->n; j++)
					while (s.repl[i->a[j]])
						i->a[j] = s.repl[i->a[j]];
				if (!fold_one(&s, r, &same))
					continue;
				changed = true;
				if (same) {
					if (r < s.n_compared && same < s.n_compared)
						s.compared[same] |= s.compared[r];
					s.repl[r] = same;
					replaced = true;
				}
			}
		}
		if (replaced)
			ir_replace(f, s.repl);
		c->changed |= changed;
		if (!changed)
			break;
	}
}
