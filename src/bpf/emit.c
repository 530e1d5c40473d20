/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Encoding, from IR, selection and locations straight to BPF: two-address
 * forms, immediates, fused compare-and-branch. r5 is free for this file at
 * every point between instructions; r0 only where back_needs_r0 asked for it,
 * the value itself is there, or at calls and returns: put() checks that.
 */
#include "bpf/emit_priv.h"

uint32_t put(struct emit *e, uint8_t code, unsigned dst, unsigned src, int16_t off, int32_t imm)
{
	struct bpf_code *c = e->code;
	unsigned cls = BPF_CLASS(code);
	bool writes_r0 = dst == R0 && (cls == BPF_ALU || cls == BPF_ALU64 || cls == BPF_LD || cls == BPF_LDX);
	if (writes_r0 && !e->may_r0)
		e->b->error = arena_printf(e->b->arena, "%s: instruction %u writes r0", e->b->f->name, c->insns.n);
	if (c->lines.n == 0 || vec_last(&c->lines).span.lo != e->span.lo || vec_last(&c->lines).span.hi != e->span.hi ||
	    c->insns.n == e->first)
		vec_push(e->b->arena, &c->lines, ((struct bpf_line){ c->insns.n, e->span }));
	struct bpf_insn i = { .code = code, .dst_reg = dst & 15u, .src_reg = src & 15u, .off = off, .imm = imm };
	vec_push(e->b->arena, &c->insns, i);
	return c->insns.n - 1;
}

void put_mov(struct emit *e, unsigned dst, unsigned src)
{
	if (dst != src)
		put(e, BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0);
}

uint32_t put_jump(struct emit *e, unsigned op, unsigned reg, int32_t imm)
{
	return put(e, (uint8_t)(BPF_JMP | op | BPF_K), reg, 0, 0, imm);
}

void put_land(struct emit *e, uint32_t jump)
{
	e->code->insns.v[jump].off = (int16_t)(e->code->insns.n - jump - 1);
}

uint8_t mem_size(unsigned w)
{
	return w == 1 ? BPF_B : w == 2 ? BPF_H : w == 4 ? BPF_W : BPF_DW;
}

/* -- where results go, and what needs a second scratch register -- */

static bool emit_in_reg(const struct back *b, ref v)
{
	return b->loc[v].kind == LOC_REG;
}

static bool emit_is_imm(const struct back *b, ref v)
{
	int32_t imm;
	return back_imm(b, v, &imm);
}

/* A comparison of two values that both take a scratch register to read. */
static bool emit_operands_need_r0(const struct back *b, ref r)
{
	ref leaves[8];
	unsigned n = back_leaves(b, r, leaves), loose = 0;
	for (unsigned k = 0; k < n; k++)
		loose += !emit_in_reg(b, leaves[k]) && (k == 0 || !emit_is_imm(b, leaves[k]));
	return loose > 1;
}

static bool emit_is_sdiv(const struct back *b, const struct ins *i)
{
	return (i->op == OP_SDIV || i->op == OP_SMOD) && !b->target->cpu_v4;
}

static bool emit_stores_imm(const struct ins *i, const struct ins *v)
{
	return v->op == OP_CONST && (v->imm == (int32_t)v->imm || i->w <= 4);
}

/* PHI copies on the way from `blk` to its only successor: do any move from stack to stack? */
static bool emit_phis_need_r0(const struct back *b, uint32_t blk, uint32_t to)
{
	const struct block *x = &b->f->blocks.v[to];
	for (uint32_t k = 0; k < x->ins.n && back_ins(b, x->ins.v[k])->op == OP_PHI; k++)
		if (b->loc[x->ins.v[k]].kind == LOC_SPILL)
			return true;
	(void)blk;
	return false;
}

bool back_needs_r0(const struct back *b, ref r)
{
	const struct ins *i = back_ins(b, r);
	bool out = !(op_info[i->op].flags & OF_D) || emit_in_reg(b, r); /* the result has its place */
	switch (i->op) {
	case OP_JMP:
		return emit_phis_need_r0(b, i->blk, i->t);
	case OP_STORE:
		return !move_base_is_free(b, i->a[0], i->imm, i->w) && !emit_in_reg(b, i->a[1]) &&
		       !emit_stores_imm(i, back_ins(b, i->a[1]));
	case OP_COPY:
		return !move_base_is_free(b, i->a[0], i->imm, i->aux) || !move_base_is_free(b, i->a[1], 0, i->aux);
	case OP_AADD: case OP_AFADD: case OP_AFOR: case OP_AAND:
		return !move_base_is_free(b, i->a[0], i->imm, i->w) && (!out || !emit_in_reg(b, i->a[1]));
	case OP_BR:
		return emit_operands_need_r0(b, r);
	default:
		break;
	}
	if (emit_is_sdiv(b, i))
		return true;
	if (i->op >= OP_EQ && i->op <= OP_SGE)
		return emit_operands_need_r0(b, r);
	if ((op_info[i->op].flags & OF_P) && i->n == 2)
		return !out && !emit_in_reg(b, i->a[1]);
	if (i->op == OP_ZEXT && b->narrow[r] && back_ins(b, i->a[0])->n == 2)
		return !out && !emit_in_reg(b, back_ins(b, i->a[0])->a[1]);
	return false;
}

/* Where to compute a result: its register, or `scratch` (then emit_done stores it). */
static unsigned emit_dst(const struct emit *e, ref v, unsigned scratch)
{
	return emit_in_reg(e->b, v) ? e->b->loc[v].reg : scratch;
}

static void emit_done(struct emit *e, ref v, unsigned reg)
{
	const struct loc *l = &e->b->loc[v];
	if (l->kind == LOC_REG)
		put_mov(e, l->reg, reg);
	else if (l->kind == LOC_SPILL)
		put(e, BPF_STX | BPF_MEM | BPF_DW, R10, reg, l->off, 0);
}

/* -- arithmetic -- */

static uint8_t alu_code(unsigned op)
{
	switch (op) {
	case OP_ADD: case OP_ADDPTR: return BPF_ADD;
	case OP_SUB: return BPF_SUB;
	case OP_MUL: return BPF_MUL;
	case OP_UDIV: case OP_SDIV: return BPF_DIV;
	case OP_UMOD: case OP_SMOD: return BPF_MOD;
	case OP_AND: return BPF_AND;
	case OP_OR: return BPF_OR;
	case OP_XOR: return BPF_XOR;
	case OP_SHL: return BPF_LSH;
	case OP_LSHR: return BPF_RSH;
	default: return BPF_ARSH;
	}
}

/*
 * Signed division where the processor has none (before cpu v4): on the absolute values, which are right also for the
 * smallest number when taken as unsigned; then the sign. The remainder has the sign of the dividend. In r0 and r5.
 */
static void emit_signed_division(struct emit *e, ref r, const struct ins *i)
{
	bool mod = i->op == OP_SMOD;
	uint8_t div = BPF_ALU64 | (mod ? BPF_MOD : BPF_DIV) | BPF_X, neg = BPF_ALU64 | BPF_NEG;
	emit_into(e, R5, i->a[1]);
	emit_into(e, R0, i->a[0]);
	uint32_t positive = put_jump(e, BPF_JSGE, R0, 0);
	put(e, neg, R0, 0, 0, 0);
	uint32_t minus_plus = put_jump(e, BPF_JSGE, R5, 0); /* -a / b */
	put(e, neg, R5, 0, 0, 0);
	uint32_t minus_minus = mod ? 0 : put_jump(e, BPF_JA, 0, 0); /* -a / -b */
	uint32_t then_negate = e->code->insns.n;
	put_land(e, minus_plus);
	put(e, div, R0, R5, 0, 0);
	put(e, neg, R0, 0, 0, 0);
	uint32_t out = put_jump(e, BPF_JA, 0, 0);
	put_land(e, positive);
	uint32_t plus_plus = put_jump(e, BPF_JSGE, R5, 0);
	put(e, neg, R5, 0, 0, 0);
	if (!mod) { /* a / -b */
		uint32_t j = put_jump(e, BPF_JA, 0, 0);
		e->code->insns.v[j].off = (int16_t)(then_negate - j - 1);
		put_land(e, minus_minus);
	}
	put_land(e, plus_plus);
	put(e, div, R0, R5, 0, 0);
	put_land(e, out);
	emit_done(e, r, R0);
}

/* r = x op constant; false if the constant cannot be an immediate here. */
static bool emit_alu_imm(struct emit *e, ref r, unsigned op, ref x, ref y, uint8_t cls)
{
	const struct ins *c = back_ins(e->b, y);
	bool sdiv = op == OP_SDIV || op == OP_SMOD, div = sdiv || op == OP_UDIV || op == OP_UMOD;
	if (c->op != OP_CONST || (cls == BPF_ALU64 && c->imm != (int32_t)c->imm && !(op >= OP_SHL && op <= OP_ASHR)))
		return false;
	int32_t imm = (int32_t)c->imm;
	if (div && imm <= 0)
		return false;
	uint8_t code = alu_code(op);
	bool pow2 = imm > 0 && (imm & (imm - 1)) == 0;
	if (op >= OP_SHL && op <= OP_ASHR)
		imm &= cls == BPF_ALU ? 31 : 63;
	else if (op == OP_MUL && pow2)
		code = BPF_LSH, imm = __builtin_ctz((unsigned)imm);
	else if (op == OP_UDIV && pow2)
		code = BPF_RSH, imm = __builtin_ctz((unsigned)imm);
	else if (op == OP_UMOD && pow2)
		code = BPF_AND, imm -= 1;
	unsigned t = emit_dst(e, r, R5);
	emit_into(e, t, x);
	put(e, cls | code | BPF_K, t, 0, sdiv ? 1 : 0, imm);
	emit_done(e, r, t);
	return true;
}

/*
 * May `y op x` be emitted for `x op y`? Not for stack pointers: the verifier (seen in 6.18) forgets whose frame it is
 * when a pointer is added to a number.
 */
static bool emit_commutes(const struct back *b, unsigned op, ref x)
{
	return (op_info[op].flags & OF_C) || (op == OP_ADDPTR && back_ins(b, x)->ty != TY_STACK);
}

/* r = x op y; in 32 bits when cls is BPF_ALU. */
static void emit_alu(struct emit *e, ref r, unsigned op, ref x, ref y, uint8_t cls)
{
	struct back *b = e->b;
	if (emit_alu_imm(e, r, op, x, y, cls))
		return;
	unsigned ry = emit_reg(e, y, R5), t = emit_dst(e, r, ry == R5 ? R0 : R5);
	if (ry == t && !(emit_in_reg(b, x) && b->loc[x].reg == t)) { /* y is where the result goes */
		if (emit_commutes(b, op, x)) {
			if (!emit_alu_imm(e, r, op, y, x, cls))
				put(e, cls | alu_code(op) | BPF_X, t, emit_reg(e, x, R5), 0, 0);
			return;
		}
		if (op == OP_SUB && back_ins(b, y)->ty == TY_I64) { /* -y + x */
			put(e, cls | BPF_NEG, t, 0, 0, 0);
			if (emit_is_imm(b, x))
				put(e, cls | BPF_ADD | BPF_K, t, 0, 0, (int32_t)back_ins(b, x)->imm);
			else
				put(e, cls | BPF_ADD | BPF_X, t, emit_reg(e, x, R5), 0, 0);
			return;
		}
		t = R5;
	}
	emit_into(e, t, x);
	put(e, cls | alu_code(op) | BPF_X, t, ry, op == OP_SDIV || op == OP_SMOD ? 1 : 0, 0);
	emit_done(e, r, t);
}

static void emit_unary(struct emit *e, ref r, const struct ins *i, uint8_t cls)
{
	unsigned d = emit_dst(e, r, R5);
	emit_into(e, d, i->a[0]);
	if (i->op == OP_NEG)
		put(e, cls | BPF_NEG, d, 0, 0, 0);
	else
		put(e, cls | BPF_XOR | BPF_K, d, 0, 0, -1);
	emit_done(e, r, d);
}

static void put_sign_extend(struct emit *e, unsigned dst, unsigned src, unsigned bits)
{
	if (e->b->target->cpu_v4) {
		put(e, BPF_ALU64 | BPF_MOV | BPF_X, dst, src, (int16_t)bits, 0);
		return;
	}
	put_mov(e, dst, src);
	put(e, BPF_ALU64 | BPF_LSH | BPF_K, dst, 0, 0, (int32_t)(64 - bits));
	put(e, BPF_ALU64 | BPF_ARSH | BPF_K, dst, 0, 0, (int32_t)(64 - bits));
}

static void emit_extend(struct emit *e, ref r, const struct ins *i)
{
	unsigned d = emit_dst(e, r, R5), bits = i->w * 8u;
	if (i->op == OP_ZEXT && e->b->narrow[r]) {
		const struct ins *in = back_ins(e->b, i->a[0]);
		if (in->n == 2)
			emit_alu(e, r, in->op, in->a[0], in->a[1], BPF_ALU);
		else
			emit_unary(e, r, in, BPF_ALU);
		return;
	}
	if (i->op != OP_BSWAP && bits == 64) {
		emit_into(e, d, i->a[0]);
	} else if (i->op == OP_ZEXT && i->w == 4) {
		put(e, BPF_ALU | BPF_MOV | BPF_X, d, emit_reg(e, i->a[0], d), 0, 0);
	} else if (i->op == OP_ZEXT) {
		emit_into(e, d, i->a[0]);
		put(e, BPF_ALU64 | BPF_AND | BPF_K, d, 0, 0, (int32_t)((1u << bits) - 1));
	} else if (i->op == OP_BSWAP) {
		emit_into(e, d, i->a[0]);
		put(e, BPF_ALU | BPF_END | (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? BPF_TO_BE : BPF_TO_LE), d, 0, 0,
		    (int32_t)bits);
	} else {
		put_sign_extend(e, d, emit_reg(e, i->a[0], d), bits);
	}
	emit_done(e, r, d);
}

/* -- comparisons -- */

static uint8_t jump_code(unsigned op)
{
	switch (op) {
	case OP_EQ: return BPF_JEQ;
	case OP_NE: return BPF_JNE;
	case OP_ULT: return BPF_JLT;
	case OP_ULE: return BPF_JLE;
	case OP_UGT: return BPF_JGT;
	case OP_UGE: return BPF_JGE;
	case OP_SLT: return BPF_JSLT;
	case OP_SLE: return BPF_JSLE;
	case OP_SGT: return BPF_JSGT;
	default: return BPF_JSGE;
	}
}

static unsigned inverse_op(unsigned op)
{
	static const uint8_t inv[] = {
		[OP_EQ] = OP_NE,   [OP_NE] = OP_EQ,   [OP_ULT] = OP_UGE, [OP_ULE] = OP_UGT, [OP_UGT] = OP_ULE,
		[OP_UGE] = OP_ULT, [OP_SLT] = OP_SGE, [OP_SLE] = OP_SGT, [OP_SGT] = OP_SLE, [OP_SGE] = OP_SLT
	};
	return inv[op];
}

struct cond { /* an encoded conditional jump, but for its offset */
	uint8_t code;
	unsigned dst, src;
	int32_t imm;
};

/* `jcc a, b` with the operands in registers. */
static struct cond emit_operands(struct emit *e, uint8_t jcc, ref a, ref b, bool narrow)
{
	const struct ins *k = back_ins(e->b, b);
	struct cond c = { .code = jcc | (narrow ? BPF_JMP32 : BPF_JMP) };
	c.dst = emit_reg(e, a, R5);
	if (k->op == OP_CONST && (narrow || k->imm == (int32_t)k->imm)) {
		c.code |= BPF_K;
		c.imm = (int32_t)k->imm;
		return c;
	}
	c.code |= BPF_X;
	c.src = emit_reg(e, b, c.dst == R5 ? R0 : R5);
	return c;
}

static ref emit_strip(const struct emit *e, ref v)
{
	return e->b->fused[v] ? back_ins(e->b, v)->a[0] : v;
}

static struct cond emit_comparison(struct emit *e, ref cmp, bool invert)
{
	const struct ins *i = back_ins(e->b, cmp);
	unsigned op = invert ? inverse_op(i->op) : i->op;
	return emit_operands(e, jump_code(op), emit_strip(e, i->a[0]), emit_strip(e, i->a[1]), e->b->narrow[cmp]);
}

/* A comparison as a value: 0 or 1. */
static void emit_compare(struct emit *e, ref r, const struct ins *i)
{
	unsigned d = emit_dst(e, r, R5);
	const struct ins *y = back_ins(e->b, i->a[1]);
	if (i->op == OP_SLT && y->op == OP_CONST && y->imm == 0 && !e->b->narrow[r]) { /* the sign */
		emit_into(e, d, i->a[0]);
		put(e, BPF_ALU64 | BPF_RSH | BPF_K, d, 0, 0, 63);
		emit_done(e, r, d);
		return;
	}
	bool clash = d == R5;
	for (unsigned k = 0; k < 2; k++) {
		const struct loc *l = &e->b->loc[emit_strip(e, i->a[k])];
		clash |= l->kind == LOC_REG && l->reg == d;
	}
	if (!clash)
		put(e, BPF_ALU64 | BPF_MOV | BPF_K, d, 0, 0, 1);
	struct cond c = emit_comparison(e, r, false);
	uint32_t j = put(e, c.code, c.dst, c.src, 0, c.imm);
	put(e, BPF_ALU64 | BPF_MOV | BPF_K, d, 0, 0, 0);
	if (clash) {
		uint32_t over = put_jump(e, BPF_JA, 0, 0);
		put_land(e, j);
		put(e, BPF_ALU64 | BPF_MOV | BPF_K, d, 0, 0, 1);
		put_land(e, over);
	} else {
		put_land(e, j);
	}
	emit_done(e, r, d);
}

/* -- memory -- */

static void emit_load(struct emit *e, ref r, const struct ins *i)
{
	int64_t off = i->imm;
	unsigned base = emit_base(e, i->a[0], &off, i->w, R5), d = emit_dst(e, r, R5);
	bool sx = i->op == OP_LOADS && i->w < 8;
	uint8_t mode = sx && e->b->target->cpu_v4 ? 0x80 /* BPF_MEMSX */ : BPF_MEM;
	put(e, BPF_LDX | mode | mem_size(i->w), d, base, (int16_t)off, 0);
	if (sx && mode == BPF_MEM)
		put_sign_extend(e, d, d, i->w * 8u);
	emit_done(e, r, d);
}

static void emit_store(struct emit *e, const struct ins *i)
{
	int64_t off = i->imm;
	unsigned base = emit_base(e, i->a[0], &off, i->w, R5);
	const struct ins *v = back_ins(e->b, i->a[1]);
	if (emit_stores_imm(i, v)) {
		put(e, BPF_ST | BPF_MEM | mem_size(i->w), base, 0, (int16_t)off, (int32_t)v->imm);
		return;
	}
	unsigned s = emit_reg(e, i->a[1], base == R5 ? R0 : R5);
	put(e, BPF_STX | BPF_MEM | mem_size(i->w), base, s, (int16_t)off, 0);
}

static void emit_zero(struct emit *e, const struct ins *i)
{
	int64_t off = i->imm;
	unsigned base = emit_base(e, i->a[0], &off, i->aux, R5), w = i->w;
	for (uint32_t k = 0; k < i->aux && !e->b->error; k += w) {
		while (i->aux - k < w)
			w /= 2;
		put(e, BPF_ST | BPF_MEM | mem_size(w), base, 0, (int16_t)(off + k), 0);
	}
}

static void emit_copy_mem(struct emit *e, const struct ins *i)
{
	int64_t off = i->imm, soff = 0;
	unsigned w = i->w, base = emit_base(e, i->a[0], &off, i->aux, R5);
	bool lasting =
		base != R5 || move_base_is_free(e->b, i->a[1], 0, i->aux); /* else the data overwrites the address */
	unsigned t = base == R5 ? R0 : R5, src = emit_base(e, i->a[1], &soff, i->aux, R0);
	for (uint32_t k = 0; k < i->aux && !e->b->error; k += w) {
		while (i->aux - k < w)
			w /= 2;
		if (k && !lasting) {
			soff = 0;
			src = emit_base(e, i->a[1], &soff, i->aux, R0);
		}
		put(e, BPF_LDX | BPF_MEM | mem_size(w), t, src, (int16_t)(soff + k), 0);
		put(e, BPF_STX | BPF_MEM | mem_size(w), base, t, (int16_t)(off + k), 0);
	}
}

static void emit_atomic(struct emit *e, ref r, const struct ins *i)
{
	int64_t off = i->imm;
	bool fetch = (op_info[i->op].flags & OF_D) && e->b->loc[r].kind != LOC_NONE;
	int32_t op = i->op == OP_AFOR ? BPF_OR : i->op == OP_AAND ? BPF_AND : BPF_ADD;
	if ((fetch || op != BPF_ADD) && !e->b->target->atomics) {
		e->b->error = arena_printf(e->b->arena, "%s needs atomic operations that this kernel does not have",
					   e->b->f->name);
		return;
	}
	unsigned base = emit_base(e, i->a[0], &off, i->w, R5), scratch = base == R5 ? R0 : R5, v;
	uint8_t code = BPF_STX | BPF_ATOMIC | (i->w == 4 ? BPF_W : BPF_DW);
	if (fetch) {
		v = emit_dst(e, r, scratch);
		if (v == base)
			v = scratch;
		emit_into(e, v, i->a[1]);
	} else {
		v = emit_reg(e, i->a[1], scratch);
	}
	put(e, code, base, v, (int16_t)off, fetch ? op | BPF_FETCH : op);
	if (fetch)
		emit_done(e, r, v);
}

/* -- calls and control flow -- */

static void emit_call(struct emit *e, ref r, const struct ins *i)
{
	struct copy c[5];
	for (unsigned k = 0; k < i->n; k++)
		c[k] = (struct copy){ .src = i->a[k],
				      .dst = { LOC_REG, (uint8_t)(R1 + k), 0 },
				      .from = e->b->loc[i->a[k]] };
	/* a source in r0 has been read before only cycles are left: it cannot lie on one */
	emit_copies(e, c, i->n, R0);
	if (i->op == OP_CALL) {
		put(e, BPF_JMP | BPF_CALL, 0, 0, 0, (int32_t)i->imm);
	} else if (i->op == OP_CALLFN) {
		vec_push(e->b->arena, &e->out->fn_refs, ((struct fn_ref){ e->code->insns.n, (uint32_t)i->imm, true }));
		put(e, BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, 0);
	} else {
		vec_push(e->b->arena, &e->code->relocs,
			 ((struct bpf_reloc){ REL_KFUNC, e->code->insns.n, (uint32_t)i->imm, 0 }));
		put(e, BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_KFUNC_CALL, 0, 0);
	}
	emit_done(e, r, R0);
}

static void emit_phi_copies(struct emit *e, uint32_t from, uint32_t to)
{
	struct func *f = e->b->f;
	const struct block *x = &f->blocks.v[to];
	unsigned n = 0, np = 0, park = R5;
	while (np < x->ins.n && f->ins.v[x->ins.v[np]].op == OP_PHI)
		np++;
	if (np == 0)
		return;
	struct copy *c = arena_array(e->b->arena, struct copy, np);
	uint32_t pred = 0;
	while (pred < x->preds.n && x->preds.v[pred] != from)
		pred++;
	for (unsigned k = 0; k < np; k++) {
		ref phi = x->ins.v[k], v = f->phis.v[f->ins.v[phi].aux + pred];
		const struct loc *l = &e->b->loc[phi];
		if (l->kind != LOC_REG && l->kind != LOC_SPILL)
			continue;
		if (l->kind == LOC_SPILL)
			park = R0;
		else
			e->may_r0 |= l->reg == R0;
		c[n++] = (struct copy){ .src = v, .dst = *l, .from = e->b->loc[v] };
	}
	emit_copies(e, c, n, park);
}

static void emit_put_cond(struct emit *e, struct cond c, uint32_t block)
{
	emit_branch(e, c.code, c.dst, c.src, c.imm, block);
}

/*
 * What a comparison says of a spilled value must hold for the next load of it, too. Newer verifiers know that the two are one; the older ones learn
 * it when the value goes back to its place behind a move, which makes register and place one in their eyes.
 */
static void emit_keep_bound(struct emit *e, ref cmp, struct cond j)
{
	const struct ins *c = back_ins(e->b, cmp);
	ref v = emit_strip(e, c->a[0]);
	const struct loc *l = &e->b->loc[v];
	if (e->b->target->cpu_v4 || c->op == OP_EQ || c->op == OP_NE || e->b->narrow[cmp] || l->kind != LOC_SPILL || back_ins(e->b, v)->ty != TY_I64)
		return;
	put(e, BPF_ALU64 | BPF_MOV | BPF_X, j.dst, j.dst, 0, 0);
	put(e, BPF_STX | BPF_MEM | BPF_DW, R10, j.dst, l->off, 0);
}

static void emit_br(struct emit *e, const struct ins *i, uint32_t next)
{
	const struct back *b = e->b;
	const struct ins *c = back_ins(b, i->a[0]);
	uint32_t t = e->alias[i->t], f = e->alias[i->f];
	if (c->op == OP_MAYGOTO) {
		emit_branch(e, BPF_JMP | BPF_JCOND, 0, 0, 0, t);
		if (f != next)
			emit_goto(e, f);
		return;
	}
	const struct ins *bits = NULL; /* a test of bits: it has no opposite */
	if (b->fused[i->a[0]] && c->op == OP_AND)
		bits = c;
	else if (b->fused[i->a[0]] && b->fused[c->a[0]] && back_ins(b, c->a[0])->op == OP_AND)
		bits = back_ins(b, c->a[0]);
	bool flip = bits ? c->op == OP_EQ : t == next;
	if (flip) {
		t = e->alias[i->f];
		f = e->alias[i->t];
	}
	if (bits) {
		struct cond j = emit_operands(e, BPF_JSET, bits->a[0], bits->a[1], false);
		if (t == next) { /* skip the jump to the other */
			put(e, j.code, j.dst, j.src, 1, j.imm);
			emit_goto(e, f);
			return;
		}
		emit_put_cond(e, j, t);
	} else if (b->fused[i->a[0]]) {
		struct cond j = emit_comparison(e, i->a[0], flip);
		emit_keep_bound(e, i->a[0], j);
		emit_put_cond(e, j, t);
	} else {
		emit_branch(e, BPF_JMP | (flip ? BPF_JEQ : BPF_JNE) | BPF_K, emit_reg(e, i->a[0], R5), 0, 0, t);
	}
	if (f != next)
		emit_goto(e, f);
}

static void emit_terminator(struct emit *e, uint32_t blk, const struct ins *i, uint32_t next)
{
	if (i->op == OP_RET) {
		const struct ins *v = back_ins(e->b, i->a[0]);
		if (v->op == OP_CONST && e->b->loc[i->a[0]].kind != LOC_REG)
			vec_push(e->b->arena, &e->rets, ((struct emit_ret){ v->imm, e->code->insns.n }));
		emit_into(e, R0, i->a[0]);
		put(e, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	} else if (i->op == OP_BR) {
		emit_br(e, i, next);
	} else {
		emit_phi_copies(e, blk, i->t);
		if (e->alias[i->t] != next)
			emit_goto(e, i->t);
	}
}

bool emit_is_silent(const struct back *b, ref r)
{
	const struct ins *i = back_ins(b, r);
	const struct loc *l = &b->loc[r];
	if (b->fused[r] || i->op == OP_PHI || i->op == OP_ARG)
		return true;
	return (op_info[i->op].flags & OF_D) && (l->kind == LOC_NONE || l->kind == LOC_REMAT) &&
	       !(op_info[i->op].flags & OF_E);
}

void emit_one(struct emit *e, ref r, uint32_t next)
{
	const struct ins *i = back_ins(e->b, r);
	const struct loc *l = &e->b->loc[r];
	if (i->span.lo)
		e->span = i->span;
	if (emit_is_silent(e->b, r))
		return;
	e->may_r0 = back_needs_r0(e->b, r) || (l->kind == LOC_REG && l->reg == R0) || i->op == OP_RET;
	if (back_is_remat(e->b->f, r)) { /* a register was to spare: made once */
		struct loc to = *l;
		e->b->loc[r].kind = LOC_REMAT;
		emit_into(e, to.reg, r);
		e->b->loc[r] = to;
		return;
	}
	switch (i->op) {
	case OP_NEG: case OP_NOT: emit_unary(e, r, i, BPF_ALU64); break;
	case OP_ZEXT: case OP_SEXT: case OP_BSWAP: emit_extend(e, r, i); break;
	case OP_LOAD: case OP_LOADS: emit_load(e, r, i); break;
	case OP_STORE: emit_store(e, i); break;
	case OP_ZERO: emit_zero(e, i); break;
	case OP_COPY: emit_copy_mem(e, i); break;
	case OP_AADD: case OP_AFADD: case OP_AFOR: case OP_AAND: emit_atomic(e, r, i); break;
	case OP_CALL: case OP_CALLFN: case OP_KCALL:
		e->may_r0 = true;
		emit_call(e, r, i);
		break;
	case OP_JMP: case OP_BR: case OP_RET: emit_terminator(e, i->blk, i, next); break;
	default:
		if (i->op >= OP_EQ && i->op <= OP_SGE)
			emit_compare(e, r, i);
		else if (emit_is_sdiv(e->b, i))
			emit_signed_division(e, r, i);
		else
			emit_alu(e, r, i->op, i->a[0], i->a[1], BPF_ALU64);
	}
}
