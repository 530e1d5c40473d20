/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instruction selection and encoding, from IR and locations straight to BPF:
 * two-address forms, immediates, fused compare-and-branch, parallel copies for
 * call arguments and PHIs, branch offsets patched at the end of the function.
 * r0 and r5 are free for this file at every point between instructions.
 */
#include "bpf/back.h"

enum { R0, R1, R5 = 5, R10 = 10 };

struct jump {
	uint32_t insn, block;
};
struct emit {
	struct back *b;
	struct emit_out *out;
	struct bpf_code *code;
	struct span span;
	VEC(struct jump) jumps;
	uint32_t *block_insn;
	uint32_t first;
};

static uint32_t put(struct emit *e, uint8_t code, uint8_t dst, uint8_t src, int16_t off, int32_t imm)
{
	struct bpf_code *c = e->code;
	if (c->lines.n == 0 || vec_last(&c->lines).span.lo != e->span.lo || vec_last(&c->lines).span.hi != e->span.hi ||
	    c->insns.n == e->first)
		vec_push(e->b->arena, &c->lines, ((struct bpf_line){ c->insns.n, e->span }));
	struct bpf_insn i = { .code = code, .dst_reg = dst & 15u, .src_reg = src & 15u, .off = off, .imm = imm };
	vec_push(e->b->arena, &c->insns, i);
	return c->insns.n - 1;
}

static void put_imm64(struct emit *e, unsigned dst, unsigned pseudo, uint32_t lo, uint32_t hi)
{
	put(e, BPF_LD | BPF_DW | BPF_IMM, (uint8_t)dst, (uint8_t)pseudo, 0, (int32_t)lo);
	struct bpf_insn i = { .imm = (int32_t)hi };
	vec_push(e->b->arena, &e->code->insns, i);
}

static void put_mov(struct emit *e, unsigned dst, unsigned src)
{
	if (dst != src)
		put(e, BPF_ALU64 | BPF_MOV | BPF_X, (uint8_t)dst, (uint8_t)src, 0, 0);
}

static const struct ins *emit_ins(const struct emit *e, ref r)
{
	return &e->b->f->ins.v[r];
}

static bool emit_fits(int64_t v)
{
	return v == (int32_t)v;
}

static bool emit_imm(const struct emit *e, ref r, int32_t *ret)
{
	const struct ins *i = emit_ins(e, r);
	if (i->op != OP_CONST || !emit_fits(i->imm))
		return false;
	*ret = (int32_t)i->imm;
	return true;
}

static uint8_t mem_size(unsigned w)
{
	return w == 1 ? BPF_B : w == 2 ? BPF_H : w == 4 ? BPF_W : BPF_DW;
}

/* Make a value in register `dst`, from wherever it lives. */
static void emit_into(struct emit *e, unsigned dst, ref v)
{
	const struct ins *i = emit_ins(e, v);
	const struct loc *l = &e->b->loc[v];
	if (l->kind == LOC_REG) {
		put_mov(e, dst, l->reg);
	} else if (l->kind == LOC_SPILL) {
		put(e, BPF_LDX | BPF_MEM | BPF_DW, (uint8_t)dst, R10, l->off, 0);
	} else if (i->op == OP_CONST) {
		if (emit_fits(i->imm))
			put(e, BPF_ALU64 | BPF_MOV | BPF_K, (uint8_t)dst, 0, 0, (int32_t)i->imm);
		else if (i->imm > 0 && i->imm <= UINT32_MAX)
			put(e, BPF_ALU | BPF_MOV | BPF_K, (uint8_t)dst, 0, 0, (int32_t)(uint32_t)i->imm);
		else
			put_imm64(e, dst, 0, (uint32_t)i->imm, (uint32_t)((uint64_t)i->imm >> 32));
	} else if (i->op == OP_SLOT) {
		put_mov(e, dst, R10);
		put(e, BPF_ALU64 | BPF_ADD | BPF_K, (uint8_t)dst, 0, 0, e->b->slot_off[i->imm]);
	} else if (i->op == OP_MAPREF || i->op == OP_MAPVAL) {
		bool val = i->op == OP_MAPVAL;
		struct bpf_reloc r = { val ? REL_MAPVAL : REL_MAP, e->code->insns.n, val ? i->aux : (uint32_t)i->imm,
				       val ? (uint32_t)i->imm : 0 };
		vec_push(e->b->arena, &e->code->relocs, r);
		put_imm64(e, dst, val ? BPF_PSEUDO_MAP_VALUE : BPF_PSEUDO_MAP_FD, 0, val ? (uint32_t)i->imm : 0);
	} else if (i->op == OP_FNREF) {
		vec_push(e->b->arena, &e->out->fn_refs, ((struct fn_ref){ e->code->insns.n, (uint32_t)i->imm, false }));
		put_imm64(e, dst, BPF_PSEUDO_FUNC, 0, 0);
	} else {
		put(e, BPF_ALU64 | BPF_MOV | BPF_K, (uint8_t)dst, 0, 0, 0);
	}
}

/* A register that holds the value: its own, or `scratch`. */
static unsigned emit_reg(struct emit *e, ref v, unsigned scratch)
{
	if (e->b->loc[v].kind == LOC_REG)
		return e->b->loc[v].reg;
	emit_into(e, scratch, v);
	return scratch;
}

/* Base register and offset of a memory operand. */
static unsigned emit_base(struct emit *e, ref p, int64_t *off, unsigned scratch)
{
	const struct ins *i = emit_ins(e, p);
	if (i->op == OP_SLOT) {
		*off += e->b->slot_off[i->imm];
		return R10;
	}
	if (i->op == OP_MAPVAL && *off) { /* fold the offset into the address */
		struct bpf_reloc r = { REL_MAPVAL, e->code->insns.n, i->aux, (uint32_t)(i->imm + *off) };
		vec_push(e->b->arena, &e->code->relocs, r);
		put_imm64(e, scratch, BPF_PSEUDO_MAP_VALUE, 0, (uint32_t)(i->imm + *off));
		*off = 0;
		return scratch;
	}
	unsigned r = emit_reg(e, p, scratch);
	if (*off < -32768 || *off > 32767) {
		put_mov(e, scratch, r);
		put(e, BPF_ALU64 | BPF_ADD | BPF_K, (uint8_t)scratch, 0, 0, (int32_t)*off);
		*off = 0;
		return scratch;
	}
	return r;
}

/* Where to compute a result: its register, or r0 (then emit_done stores it). */
static unsigned emit_dst(const struct emit *e, ref v)
{
	return e->b->loc[v].kind == LOC_REG ? e->b->loc[v].reg : R0;
}

static void emit_done(struct emit *e, ref v, unsigned reg)
{
	const struct loc *l = &e->b->loc[v];
	if (l->kind == LOC_REG)
		put_mov(e, l->reg, reg);
	else if (l->kind == LOC_SPILL)
		put(e, BPF_STX | BPF_MEM | BPF_DW, R10, (uint8_t)reg, l->off, 0);
}

/* -- parallel copies -- */

struct copy {
	ref src;
	struct loc dst; /* LOC_REG or LOC_SPILL */
	struct loc from; /* current place of the source; LOC_REMAT: make it */
	bool done;
};

static bool loc_same(const struct loc *a, const struct loc *b)
{
	return a->kind == b->kind && (a->kind == LOC_REG ? a->reg == b->reg : a->kind == LOC_SPILL && a->off == b->off);
}

static void copy_one(struct emit *e, const struct copy *c)
{
	if (c->dst.kind == LOC_REG) {
		if (c->from.kind == LOC_REG)
			put_mov(e, c->dst.reg, c->from.reg);
		else if (c->from.kind == LOC_SPILL)
			put(e, BPF_LDX | BPF_MEM | BPF_DW, c->dst.reg, R10, c->from.off, 0);
		else
			emit_into(e, c->dst.reg, c->src);
		return;
	}
	unsigned r = R5;
	int32_t imm;
	if (c->from.kind == LOC_REG) {
		r = c->from.reg;
	} else if (c->from.kind == LOC_SPILL) {
		put(e, BPF_LDX | BPF_MEM | BPF_DW, R5, R10, c->from.off, 0);
	} else if (emit_imm(e, c->src, &imm)) {
		put(e, BPF_ST | BPF_MEM | BPF_DW, R10, 0, c->dst.off, imm);
		return;
	} else {
		emit_into(e, R5, c->src);
	}
	put(e, BPF_STX | BPF_MEM | BPF_DW, R10, (uint8_t)r, c->dst.off, 0);
}

/* Copies that happen at once: those whose target nobody reads go first; a cycle is broken through r0. */
static void emit_copies(struct emit *e, struct copy *c, unsigned n)
{
	unsigned left = 0;
	for (unsigned i = 0; i < n; i++) {
		c[i].done = c[i].from.kind != LOC_REMAT && loc_same(&c[i].dst, &c[i].from);
		left += !c[i].done && c[i].from.kind != LOC_REMAT;
	}
	while (left) {
		bool moved = false;
		for (unsigned i = 0; i < n; i++) {
			if (c[i].done || c[i].from.kind == LOC_REMAT)
				continue;
			bool blocked = false;
			for (unsigned j = 0; j < n; j++)
				blocked |= j != i && !c[j].done && c[j].from.kind != LOC_REMAT && loc_same(&c[j].from, &c[i].dst);
			if (blocked)
				continue;
			copy_one(e, &c[i]);
			c[i].done = true;
			left--;
			moved = true;
		}
		if (moved)
			continue;
		for (unsigned i = 0; i < n; i++) { /* all in cycles: park one source in r0 */
			if (c[i].done || c[i].from.kind == LOC_REMAT)
				continue;
			struct loc r0 = { LOC_REG, R0, 0 }, old = c[i].from;
			struct copy park = { .src = c[i].src, .dst = r0, .from = old };
			copy_one(e, &park);
			for (unsigned j = 0; j < n; j++)
				if (!c[j].done && loc_same(&c[j].from, &old))
					c[j].from = r0;
			break;
		}
	}
	for (unsigned i = 0; i < n; i++)
		if (!c[i].done)
			copy_one(e, &c[i]);
}

/* -- instructions -- */

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

static void emit_binary(struct emit *e, ref r, const struct ins *i)
{
	unsigned d = emit_dst(e, r), t = d;
	bool sdiv = i->op == OP_SDIV || i->op == OP_SMOD;
	int32_t imm;
	if (sdiv && !e->b->target->cpu_v4) {
		e->b->error = "signed division needs a newer kernel";
		return;
	}
	ref x = i->a[0], y = i->a[1];
	if (emit_imm(e, y, &imm) && !((i->op == OP_UDIV || i->op == OP_UMOD || sdiv) && imm <= 0)) {
		if (i->op == OP_SHL || i->op == OP_LSHR || i->op == OP_ASHR)
			imm &= 63;
		uint8_t op = alu_code(i->op);
		if (i->op == OP_MUL && imm > 0 && (imm & (imm - 1)) == 0)
			op = BPF_LSH, imm = __builtin_ctz((unsigned)imm);
		else if (i->op == OP_UDIV && (imm & (imm - 1)) == 0)
			op = BPF_RSH, imm = __builtin_ctz((unsigned)imm);
		else if (i->op == OP_UMOD && (imm & (imm - 1)) == 0)
			op = BPF_AND, imm -= 1;
		emit_into(e, t, x);
		put(e, BPF_ALU64 | op | BPF_K, (uint8_t)t, 0, sdiv ? 1 : 0, imm);
		emit_done(e, r, t);
		return;
	}
	unsigned ry = emit_reg(e, y, R5);
	if (ry == t && !(e->b->loc[x].kind == LOC_REG && e->b->loc[x].reg == t)) {
		if (op_info[i->op].flags & OF_C) {
			ref s = x;
			x = y;
			y = s;
			ry = emit_reg(e, y, R5);
		} else {
			t = R0;
		}
	}
	emit_into(e, t, x);
	put(e, (uint8_t)(BPF_ALU64 | alu_code(i->op) | BPF_X), (uint8_t)t, (uint8_t)ry, sdiv ? 1 : 0, 0);
	emit_done(e, r, t);
}

static void emit_extend(struct emit *e, ref r, const struct ins *i)
{
	unsigned d = emit_dst(e, r);
	unsigned bits = i->w * 8u;
	if (i->op == OP_ZEXT && i->w == 4) {
		unsigned s = emit_reg(e, i->a[0], R0);
		put(e, BPF_ALU | BPF_MOV | BPF_X, (uint8_t)d, (uint8_t)s, 0, 0);
	} else if (i->op == OP_ZEXT) {
		emit_into(e, d, i->a[0]);
		put(e, BPF_ALU64 | BPF_AND | BPF_K, (uint8_t)d, 0, 0, (int32_t)((1u << bits) - 1));
	} else if (i->op == OP_BSWAP) {
		emit_into(e, d, i->a[0]);
		put(e, BPF_ALU | BPF_END | BPF_TO_BE, (uint8_t)d, 0, 0, (int32_t)bits);
	} else if (e->b->target->cpu_v4) {
		unsigned s = emit_reg(e, i->a[0], R0);
		put(e, BPF_ALU64 | BPF_MOV | BPF_X, (uint8_t)d, (uint8_t)s, (int16_t)bits, 0);
	} else {
		emit_into(e, d, i->a[0]);
		put(e, BPF_ALU64 | BPF_LSH | BPF_K, (uint8_t)d, 0, 0, (int32_t)(64 - bits));
		put(e, BPF_ALU64 | BPF_ARSH | BPF_K, (uint8_t)d, 0, 0, (int32_t)(64 - bits));
	}
	emit_done(e, r, d);
}

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
	static const uint8_t inv[] = { [OP_EQ] = OP_NE,	  [OP_NE] = OP_EQ,   [OP_ULT] = OP_UGE, [OP_ULE] = OP_UGT, [OP_UGT] = OP_ULE,
				       [OP_UGE] = OP_ULT, [OP_SLT] = OP_SGE, [OP_SLE] = OP_SGT, [OP_SGT] = OP_SLE, [OP_SGE] = OP_SLT };
	return inv[op];
}

/* A conditional jump on comparison op of a and b; returns the instruction to patch. */
static uint32_t emit_jcc(struct emit *e, unsigned op, ref a, ref b)
{
	int32_t imm;
	unsigned ra = emit_reg(e, a, R0);
	if (emit_imm(e, b, &imm))
		return put(e, BPF_JMP | jump_code(op) | BPF_K, (uint8_t)ra, 0, 0, imm);
	unsigned rb = emit_reg(e, b, R5);
	return put(e, BPF_JMP | jump_code(op) | BPF_X, (uint8_t)ra, (uint8_t)rb, 0, 0);
}

static void emit_compare(struct emit *e, ref r, const struct ins *i)
{
	unsigned d = emit_dst(e, r);
	for (unsigned k = 0; k < 2; k++)
		if (e->b->loc[i->a[k]].kind == LOC_REG && e->b->loc[i->a[k]].reg == d)
			d = R0;
	if (d == R0) { /* operands may need r0 themselves: decide first, then write */
		uint32_t j = emit_jcc(e, i->op, i->a[0], i->a[1]);
		put(e, BPF_ALU64 | BPF_MOV | BPF_K, R0, 0, 0, 0);
		put(e, BPF_JMP | BPF_JA, 0, 0, 1, 0);
		put(e, BPF_ALU64 | BPF_MOV | BPF_K, R0, 0, 0, 1);
		e->code->insns.v[j].off = 2;
	} else {
		put(e, BPF_ALU64 | BPF_MOV | BPF_K, (uint8_t)d, 0, 0, 1);
		uint32_t j = emit_jcc(e, i->op, i->a[0], i->a[1]);
		put(e, BPF_ALU64 | BPF_MOV | BPF_K, (uint8_t)d, 0, 0, 0);
		e->code->insns.v[j].off = (int16_t)(e->code->insns.n - j - 1);
	}
	emit_done(e, r, d);
}

static void emit_load(struct emit *e, ref r, const struct ins *i)
{
	int64_t off = i->imm;
	unsigned d = emit_dst(e, r), base = emit_base(e, i->a[0], &off, R5);
	bool sx = i->op == OP_LOADS && i->w < 8;
	uint8_t mode = sx && e->b->target->cpu_v4 ? 0x80 /* BPF_MEMSX */ : BPF_MEM;
	if (sx && emit_ins(e, i->a[0])->ty == TY_CTX)
		mode = BPF_MEM; /* context accesses may be rewritten: no sign-extending form */
	put(e, (uint8_t)(BPF_LDX | mode | mem_size(i->w)), (uint8_t)d, (uint8_t)base, (int16_t)off, 0);
	if (sx && mode == BPF_MEM) {
		put(e, BPF_ALU64 | BPF_LSH | BPF_K, (uint8_t)d, 0, 0, 64 - i->w * 8);
		put(e, BPF_ALU64 | BPF_ARSH | BPF_K, (uint8_t)d, 0, 0, 64 - i->w * 8);
	}
	emit_done(e, r, d);
}

static void emit_store(struct emit *e, const struct ins *i)
{
	int64_t off = i->imm;
	int32_t imm;
	unsigned base = emit_base(e, i->a[0], &off, R5);
	const struct ins *v = emit_ins(e, i->a[1]);
	if (v->op == OP_CONST && (emit_fits(v->imm) || i->w <= 4)) {
		imm = (int32_t)v->imm;
		put(e, BPF_ST | BPF_MEM | mem_size(i->w), (uint8_t)base, 0, (int16_t)off, imm);
		return;
	}
	unsigned s = emit_reg(e, i->a[1], R0);
	put(e, BPF_STX | BPF_MEM | mem_size(i->w), (uint8_t)base, (uint8_t)s, (int16_t)off, 0);
}

static void emit_zero(struct emit *e, const struct ins *i)
{
	int64_t off = i->imm;
	unsigned base = emit_base(e, i->a[0], &off, R5), w = i->w;
	for (uint32_t k = 0; k < i->aux;) {
		while (w > 1 && (i->aux - k < w))
			w /= 2;
		put(e, BPF_ST | BPF_MEM | mem_size(w), (uint8_t)base, 0, (int16_t)(off + k), 0);
		k += w;
	}
}

static void emit_copy_mem(struct emit *e, const struct ins *i)
{
	int64_t off = i->imm, soff = 0;
	unsigned w = i->w;
	unsigned base = emit_base(e, i->a[0], &off, R5);
	const struct ins *s = emit_ins(e, i->a[1]);
	bool own = s->op == OP_SLOT || e->b->loc[i->a[1]].kind == LOC_REG;
	for (uint32_t k = 0; k < i->aux;) {
		while (w > 1 && (i->aux - k < w))
			w /= 2;
		soff = 0;
		unsigned src = own ? emit_base(e, i->a[1], &soff, R0) : R0;
		if (!own)
			emit_into(e, R0, i->a[1]);
		put(e, BPF_LDX | BPF_MEM | mem_size(w), R0, (uint8_t)src, (int16_t)(soff + k), 0);
		put(e, BPF_STX | BPF_MEM | mem_size(w), (uint8_t)base, R0, (int16_t)(off + k), 0);
		k += w;
	}
}

static void emit_atomic(struct emit *e, ref r, const struct ins *i)
{
	int64_t off = i->imm;
	unsigned base = emit_base(e, i->a[0], &off, R5);
	uint8_t code = (uint8_t)(BPF_STX | BPF_ATOMIC | (i->w == 4 ? BPF_W : BPF_DW));
	int32_t op = i->op == OP_AFOR ? BPF_OR : i->op == OP_AAND ? BPF_AND : BPF_ADD;
	if (i->op == OP_AADD || i->op == OP_AAND) {
		unsigned v = emit_reg(e, i->a[1], R0);
		put(e, code, (uint8_t)base, (uint8_t)v, (int16_t)off, op);
		return;
	}
	emit_into(e, R0, i->a[1]);
	put(e, code, (uint8_t)base, R0, (int16_t)off, op | BPF_FETCH);
	emit_done(e, r, R0);
}

static void emit_call(struct emit *e, ref r, const struct ins *i)
{
	struct copy c[5];
	for (unsigned k = 0; k < i->n; k++)
		c[k] = (struct copy){ .src = i->a[k], .dst = { LOC_REG, (uint8_t)(R1 + k), 0 }, .from = e->b->loc[i->a[k]] };
	emit_copies(e, c, i->n);
	if (i->op == OP_CALL) {
		put(e, BPF_JMP | BPF_CALL, 0, 0, 0, (int32_t)i->imm);
	} else if (i->op == OP_CALLFN) {
		vec_push(e->b->arena, &e->out->fn_refs, ((struct fn_ref){ e->code->insns.n, (uint32_t)i->imm, true }));
		put(e, BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, 0);
	} else {
		struct bpf_reloc rel = { REL_KFUNC, e->code->insns.n, (uint32_t)i->imm, 0 };
		vec_push(e->b->arena, &e->code->relocs, rel);
		put(e, BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_KFUNC_CALL, 0, 0);
	}
	emit_done(e, r, R0);
}

static void emit_phi_copies(struct emit *e, uint32_t from, uint32_t to)
{
	struct func *f = e->b->f;
	const struct block *x = &f->blocks.v[to];
	unsigned n = 0, np = 0;
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
		if (e->b->loc[phi].kind == LOC_REG || e->b->loc[phi].kind == LOC_SPILL)
			c[n++] = (struct copy){ .src = v, .dst = e->b->loc[phi], .from = e->b->loc[v] };
	}
	emit_copies(e, c, n);
}

static void emit_jump(struct emit *e, uint32_t insn, uint32_t block)
{
	vec_push(e->b->arena, &e->jumps, ((struct jump){ insn, block }));
}

static void emit_terminator(struct emit *e, uint32_t blk, const struct ins *i, uint32_t next)
{
	if (i->op == OP_RET) {
		emit_into(e, R0, i->a[0]);
		put(e, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
		return;
	}
	if (i->op == OP_JMP) {
		emit_phi_copies(e, blk, i->t);
		if (i->t != next)
			emit_jump(e, put(e, BPF_JMP | BPF_JA, 0, 0, 0, 0), i->t);
		return;
	}
	const struct ins *c = emit_ins(e, i->a[0]);
	uint32_t t = i->t, f = i->f;
	bool flip = t == next;
	if (flip) {
		uint32_t s = t;
		t = f;
		f = s;
	}
	if (e->b->fused[i->a[0]]) {
		emit_jump(e, emit_jcc(e, flip ? inverse_op(c->op) : c->op, c->a[0], c->a[1]), t);
	} else {
		unsigned r = emit_reg(e, i->a[0], R0);
		emit_jump(e, put(e, BPF_JMP | (flip ? BPF_JEQ : BPF_JNE) | BPF_K, (uint8_t)r, 0, 0, 0), t);
	}
	if (f != next)
		emit_jump(e, put(e, BPF_JMP | BPF_JA, 0, 0, 0, 0), f);
}

static void emit_one(struct emit *e, ref r, uint32_t next)
{
	const struct ins *i = emit_ins(e, r);
	if (i->span.lo)
		e->span = i->span;
	if (e->b->fused[r] || back_is_remat(i) || i->op == OP_PHI || i->op == OP_ARG)
		return;
	bool dead = (op_info[i->op].flags & OF_D) && e->b->loc[r].kind == LOC_NONE;
	if (dead && !(op_info[i->op].flags & OF_E))
		return;
	switch (i->op) {
	case OP_NEG:
	case OP_NOT: {
		unsigned d = emit_dst(e, r);
		emit_into(e, d, i->a[0]);
		if (i->op == OP_NEG)
			put(e, BPF_ALU64 | BPF_NEG, (uint8_t)d, 0, 0, 0);
		else
			put(e, BPF_ALU64 | BPF_XOR | BPF_K, (uint8_t)d, 0, 0, -1);
		emit_done(e, r, d);
		break;
	}
	case OP_ZEXT: case OP_SEXT: case OP_BSWAP: emit_extend(e, r, i); break;
	case OP_LOAD: case OP_LOADS: emit_load(e, r, i); break;
	case OP_STORE: emit_store(e, i); break;
	case OP_ZERO: emit_zero(e, i); break;
	case OP_COPY: emit_copy_mem(e, i); break;
	case OP_AADD: case OP_AFADD: case OP_AFOR: case OP_AAND: emit_atomic(e, r, i); break;
	case OP_CALL: case OP_CALLFN: case OP_KCALL: emit_call(e, r, i); break;
	case OP_JMP: case OP_BR: case OP_RET: emit_terminator(e, i->blk, i, next); break;
	default:
		if (i->op >= OP_EQ && i->op <= OP_SGE)
			emit_compare(e, r, i);
		else
			emit_binary(e, r, i);
	}
}

/* Arguments arrive in r1..r5 and go to their places at once. */
static void emit_arguments(struct emit *e)
{
	struct func *f = e->b->f;
	struct copy c[16];
	unsigned n = 0;
	for (uint32_t k = 0; k < e->b->layout.n; k++) {
		const struct block *x = &f->blocks.v[e->b->layout.v[k]];
		for (uint32_t j = 0; j < x->ins.n && n < 16; j++) {
			const struct ins *i = &f->ins.v[x->ins.v[j]];
			if (i->op == OP_ARG && (e->b->loc[x->ins.v[j]].kind == LOC_REG || e->b->loc[x->ins.v[j]].kind == LOC_SPILL))
				c[n++] = (struct copy){ .src = x->ins.v[j], .dst = e->b->loc[x->ins.v[j]],
							.from = { LOC_REG, (uint8_t)(R1 + i->imm), 0 } };
		}
	}
	emit_copies(e, c, n);
}

void back_emit(struct back *b, struct emit_out *out)
{
	struct func *f = b->f;
	struct emit e = { .b = b, .out = out, .code = out->code, .span = f->span, .first = out->code->insns.n };
	e.block_insn = arena_array(b->arena, uint32_t, f->blocks.n);
	emit_arguments(&e);
	for (uint32_t k = 0; k < b->layout.n && !b->error; k++) {
		uint32_t blk = b->layout.v[k], next = k + 1 < b->layout.n ? b->layout.v[k + 1] : 0;
		e.block_insn[blk] = e.code->insns.n;
		for (uint32_t j = 0; j < f->blocks.v[blk].ins.n; j++)
			emit_one(&e, f->blocks.v[blk].ins.v[j], next);
	}
	for (uint32_t k = 0; k < e.jumps.n; k++) {
		int64_t off = (int64_t)e.block_insn[e.jumps.v[k].block] - e.jumps.v[k].insn - 1;
		struct bpf_insn *i = &e.code->insns.v[e.jumps.v[k].insn];
		if (off == (int16_t)off) {
			i->off = (int16_t)off;
		} else if (i->code == (BPF_JMP | BPF_JA) && b->target->cpu_v4) {
			i->code = BPF_JMP32 | BPF_JA; /* gotol */
			i->imm = (int32_t)off;
		} else {
			b->error = arena_printf(b->arena, "%s is too large: a jump of %lld instructions", f->name, (long long)off);
		}
	}
	/* a constant or an address that was both in a register of a call's argument is handled by copies above */
}
