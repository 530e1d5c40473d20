/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values on their way: into a register from wherever they live, as the base of
 * a memory access, and several at once (call arguments, PHIs) where one move
 * may overwrite what another still has to read.
 */
#include "bpf/emit_priv.h"

static void put_imm64(struct emit *e, unsigned dst, unsigned pseudo, uint32_t lo, uint32_t hi)
{
	put(e, BPF_LD | BPF_DW | BPF_IMM, dst, pseudo, 0, (int32_t)lo);
	struct bpf_insn i = { .imm = (int32_t)hi };
	vec_push(e->b->arena, &e->code->insns, i);
}

static void put_map_value(struct emit *e, unsigned dst, uint32_t map, int64_t off)
{
	if (off < 0 || off > INT32_MAX) {
		e->b->error =
			arena_printf(e->b->arena, "%s: offset %lld in a map value", e->b->f->name, (long long)off);
		return;
	}
	vec_push(e->b->arena, &e->code->relocs,
		 ((struct bpf_reloc){ REL_MAPVAL, e->code->insns.n, map, (uint32_t)off }));
	put_imm64(e, dst, BPF_PSEUDO_MAP_VALUE, 0, (uint32_t)off);
}

/* r10-relative place of an address inside a stack slot. */
static bool move_slot(const struct back *b, ref p, int64_t *off)
{
	const struct ins *i = back_ins(b, p);
	if (i->op == OP_ADDPTR && back_is_remat(b->f, p)) {
		*off += back_ins(b, i->a[1])->imm;
		i = back_ins(b, i->a[0]);
	}
	if (i->op != OP_SLOT)
		return false;
	*off += b->slot_off[i->imm];
	return true;
}

static void emit_again(struct emit *e, unsigned dst, ref v)
{
	const struct ins *i = back_ins(e->b, v);
	int64_t off = 0;
	if (i->op == OP_CONST) {
		if (i->imm == (int32_t)i->imm)
			put(e, BPF_ALU64 | BPF_MOV | BPF_K, dst, 0, 0, (int32_t)i->imm);
		else if (i->imm > 0 && i->imm <= UINT32_MAX)
			put(e, BPF_ALU | BPF_MOV | BPF_K, dst, 0, 0, (int32_t)(uint32_t)i->imm);
		else
			put_imm64(e, dst, 0, (uint32_t)i->imm, (uint32_t)((uint64_t)i->imm >> 32));
	} else if (move_slot(e->b, v, &off)) {
		put_mov(e, dst, R10);
		put(e, BPF_ALU64 | BPF_ADD | BPF_K, dst, 0, 0, (int32_t)off);
	} else if (i->op == OP_MAPVAL) {
		put_map_value(e, dst, i->aux, i->imm);
	} else if (i->op == OP_MAPREF) {
		vec_push(e->b->arena, &e->code->relocs,
			 ((struct bpf_reloc){ REL_MAP, e->code->insns.n, (uint32_t)i->imm, 0 }));
		put_imm64(e, dst, BPF_PSEUDO_MAP_FD, 0, 0);
	} else if (i->op == OP_FNREF) {
		vec_push(e->b->arena, &e->out->fn_refs, ((struct fn_ref){ e->code->insns.n, (uint32_t)i->imm, false }));
		put_imm64(e, dst, BPF_PSEUDO_FUNC, 0, 0);
	} else {
		e->b->error = arena_printf(e->b->arena, "%s: value %%%u has no place", e->b->f->name, v);
	}
}

/* Make a value in register `dst`, from wherever it lives. */
void emit_into(struct emit *e, unsigned dst, ref v)
{
	const struct loc *l = &e->b->loc[v];
	if (l->kind == LOC_REG)
		put_mov(e, dst, l->reg);
	else if (l->kind == LOC_SPILL)
		put(e, BPF_LDX | BPF_MEM | BPF_DW, dst, R10, l->off, 0);
	else
		emit_again(e, dst, v);
}

/* A register that holds the value: its own, or `scratch`. */
unsigned emit_reg(struct emit *e, ref v, unsigned scratch)
{
	if (e->b->loc[v].kind == LOC_REG)
		return e->b->loc[v].reg;
	emit_into(e, scratch, v);
	return scratch;
}

static bool move_reaches(int64_t off, uint32_t size)
{
	return off >= INT16_MIN && off + (int64_t)size - 1 <= INT16_MAX;
}

bool move_base_is_free(const struct back *b, ref p, int64_t off, uint32_t size)
{
	const struct ins *i = back_ins(b, p);
	if (b->loc[p].kind == LOC_REG)
		return move_reaches(off, size);
	if (!back_is_remat(b->f, p) || i->op == OP_MAPVAL)
		return false;
	return move_reaches(off - 512, 1) && move_reaches(off + 512, size);
}

/* Base register and offset of `size` bytes at p + *off. */
unsigned emit_base(struct emit *e, ref p, int64_t *off, uint32_t size, unsigned scratch)
{
	const struct ins *i = back_ins(e->b, p);
	unsigned r = R10;
	if (e->b->loc[p].kind != LOC_REG && i->op == OP_MAPVAL) { /* the offset goes into the address */
		put_map_value(e, scratch, i->aux, i->imm + *off);
		*off = 0;
		r = scratch;
	} else if (e->b->loc[p].kind == LOC_REG || !move_slot(e->b, p, off)) {
		r = emit_reg(e, p, scratch);
	}
	if (!move_reaches(*off, size)) {
		put_mov(e, scratch, r);
		put(e, BPF_ALU64 | BPF_ADD | BPF_K, scratch, 0, 0, (int32_t)*off);
		*off = 0;
		r = scratch;
	}
	if (!move_reaches(*off, size))
		e->b->error = arena_printf(e->b->arena, "%s: %u bytes at once are too many", e->b->f->name, size);
	return r;
}

/* -- parallel copies -- */

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
	} else if (back_imm(e->b, c->src, &imm)) {
		put(e, BPF_ST | BPF_MEM | BPF_DW, R10, 0, c->dst.off, imm);
		return;
	} else {
		emit_into(e, R5, c->src);
	}
	put(e, BPF_STX | BPF_MEM | BPF_DW, R10, r, c->dst.off, 0);
}

static bool copy_is_blocked(const struct copy *c, unsigned n, unsigned i)
{
	for (unsigned j = 0; j < n; j++)
		if (j != i && !c[j].done && c[j].from.kind != LOC_REMAT && loc_same(&c[j].from, &c[i].dst))
			return true;
	return false;
}

/*
 * Copies that happen at once: those whose target nobody reads go first; a cycle is broken through `park`. What is made
 * again goes last, when all sources are read. Spills move through r5, so it may be `park` only if none does.
 */
void emit_copies(struct emit *e, struct copy *c, unsigned n, unsigned park)
{
	unsigned left = 0;
	for (unsigned i = 0; i < n; i++) {
		c[i].done = c[i].from.kind != LOC_REMAT && loc_same(&c[i].dst, &c[i].from);
		left += !c[i].done && c[i].from.kind != LOC_REMAT;
	}
	while (left) {
		bool moved = false;
		for (unsigned i = 0; i < n; i++) {
			if (c[i].done || c[i].from.kind == LOC_REMAT || copy_is_blocked(c, n, i))
				continue;
			copy_one(e, &c[i]);
			c[i].done = true;
			left--;
			moved = true;
		}
		for (unsigned i = 0; i < n && !moved; i++) { /* all in cycles: park one source */
			if (c[i].done || c[i].from.kind == LOC_REMAT)
				continue;
			struct loc to = { LOC_REG, (uint8_t)park, 0 }, old = c[i].from;
			copy_one(e, &(struct copy){ .src = c[i].src, .dst = to, .from = old });
			for (unsigned j = 0; j < n; j++)
				if (!c[j].done && loc_same(&c[j].from, &old))
					c[j].from = to;
			moved = true;
		}
	}
	for (unsigned i = 0; i < n; i++)
		if (!c[i].done)
			copy_one(e, &c[i]);
}
