/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory: reading where the verifier lets us load, and by helper elsewhere.
 * A read that fails gives zero and is counted, on the side that failed (user
 * or kernel), in a block that is laid out behind the code that matters.
 */
#include "ir/lower_priv.h"

enum { INLINE_MAX = 128 }; /* bytes that are copied or cleared by instructions; beyond, a helper is shorter and faster */

enum where lower_where(struct lower *l, ref ptr, enum addr_space as)
{
	switch (l->b.f->ins.v[ptr].ty) {
	case TY_STACK: case TY_MAPV: case TY_RING: return W_MEM;
	case TY_BTF: return W_BTF;
	case TY_CTX: return W_CTX;
	default: break;
	}
	switch (as) {
	case AS_USER: return W_USER;
	case AS_KERNEL: case AS_BTF: case AS_CTX: return W_KERN;
	default: return W_ANY;
	}
}

struct place lower_at(struct place p, int64_t off)
{
	p.off += off;
	return p;
}

/* What is known of the alignment of a place: of its base, and of the offset. */
static unsigned lower_align_of(struct place p)
{
	unsigned a = p.align ? p.align : 1;
	while (a > 1 && (p.off & (a - 1)))
		a /= 2;
	return a;
}

ref lower_address(struct lower *l, struct place p)
{
	if (p.off == 0)
		return p.base;
	enum ir_type ty = (enum ir_type)l->b.f->ins.v[p.base].ty;
	if (ty == TY_I64)
		return ir_bin(LB, OP_ADD, p.base, ir_const(LB, p.off));
	return ir_addptr(LB, p.base, ir_const(LB, p.off));
}

struct place lower_deref(struct lower *l, ref ptr, const struct type *pt)
{
	struct place p = { .base = ptr, .align = 1, .where = lower_where(l, ptr, pt->as) };
	const struct ins *i = &l->b.f->ins.v[ptr];
	if (p.where == W_MEM)
		p.align = 8;
	/* what comes from the context may be null, and the verifier knows it for some; objects that hang on others fault to 0 */
	if (p.where == W_BTF)
		p.maybe_null = i->op == OP_GETVAR || (i->op == OP_LOAD && l->b.f->ins.v[i->a[0]].ty == TY_CTX);
	return p;
}

/* Failed: count it. */
static void lower_check_read(struct lower *l, ref r, enum where w)
{
	struct func *f = l->b.f;
	uint32_t bad = func_block(f), ok = func_block(f);
	ir_br(LB, ir_bin(LB, OP_SLT, r, ir_const(LB, 0)), bad, ok);
	ir_at(LB, bad);
	lower_fault(l, w == W_USER ? FAULT_READ_USER : FAULT_READ_KERNEL, r);
	ir_jmp(LB, ok);
	ir_at(LB, ok);
}

/* For W_ANY: run `body` for the kernel and for the user side of the address space. */
struct reading {
	struct place dst, src;
	uint32_t size;
};

static void lower_read_by(struct lower *l, const struct reading *x, enum where w)
{
	ref r = ir_call(LB, TY_I64, w == W_USER ? H_probe_read_user : H_probe_read_kernel, 3, lower_address(l, x->dst),
			ir_const(LB, x->size), lower_address(l, x->src));
	lower_check_read(l, r, w);
}

static void lower_read_bytes(struct lower *l, struct place dst, struct place src, uint32_t size)
{
	struct reading x = { dst, src, size };
	struct func *f = l->b.f;
	if (src.where == W_ANY) {
		uint32_t kern = func_block(f), user = func_block(f), join = func_block(f);
		ir_br(LB, ir_bin(LB, OP_SLT, lower_address(l, src), ir_const(LB, 0)), kern, user);
		ir_at(LB, kern);
		lower_read_by(l, &x, W_KERN);
		ir_jmp(LB, join);
		ir_at(LB, user);
		lower_read_by(l, &x, W_USER);
		ir_jmp(LB, join);
		ir_at(LB, join);
		return;
	}
	if (src.maybe_null) {
		uint32_t some = func_block(f), none = func_block(f), join = func_block(f);
		ir_br(LB, ir_bin(LB, OP_NE, src.base, ir_const(LB, 0)), some, none);
		ir_at(LB, none);
		lower_zero(l, dst, size);
		ir_jmp(LB, join);
		ir_at(LB, some);
		lower_read_by(l, &x, W_KERN);
		ir_jmp(LB, join);
		ir_at(LB, join);
		return;
	}
	lower_read_by(l, &x, src.where);
}

ref lower_extend(struct lower *l, ref v, const struct type *t)
{
	if (t->kind == T_BOOL)
		return v;
	if (!type_is_int(t) && t->kind != T_PROBE)
		return v;
	if (t->size == 0 || t->size >= 8)
		return v;
	return ir_un(LB, t->is_signed ? OP_SEXT : OP_ZEXT, t->size, v);
}

static ref lower_bits(struct lower *l, ref unit, const struct type *t, const struct field *bits)
{
	/* the field in the middle of its unit: up to the top, then down with the sign it has */
	unsigned up = 64u - bits->bit_offset - bits->bit_size, down = 64u - bits->bit_size;
	ref v = up ? ir_bin(LB, OP_SHL, unit, ir_const(LB, up)) : unit;
	return down ? ir_bin(LB, t->is_signed ? OP_ASHR : OP_LSHR, v, ir_const(LB, down)) : v;
}

static ref lower_load(struct lower *l, struct place p, const struct type *t, bool sign, unsigned w)
{
	bool trusted = (p.where == W_BTF || p.where == W_CTX) && t->kind == T_PTR && t->as == AS_BTF;
	enum ir_type ty = trusted ? TY_BTF : TY_I64;
	if (p.where == W_MEM && w > lower_align_of(p) && l->b.f->ins.v[p.base].ty == TY_STACK) {
		/* stack accesses must be aligned: take it in pieces */
		unsigned unit = lower_align_of(p);
		ref v = ir_load(LB, TY_I64, unit, false, p.base, p.off);
		for (unsigned k = unit; k < w; k += unit)
			v = ir_bin(LB, OP_OR, v, ir_bin(LB, OP_SHL, ir_load(LB, TY_I64, unit, false, p.base, p.off + k), ir_const(LB, k * 8)));
		return sign ? ir_un(LB, OP_SEXT, w, v) : v;
	}
	return ir_load(LB, ty, w, sign, p.base, p.off);
}

ref lower_read(struct lower *l, struct place p, const struct type *t, const struct field *bits)
{
	unsigned w = t->size == 1 || t->size == 2 || t->size == 4 ? t->size : 8;
	bool is_bits = bits && bits->bit_size, sign = type_is_int(t) && t->is_signed && !is_bits;
	ref v;
	if (p.where == W_MEM || p.where == W_CTX) {
		v = lower_load(l, p, t, sign, w);
	} else if (p.where == W_BTF && !p.maybe_null) {
		v = lower_load(l, p, t, sign, w);
	} else if (p.where == W_BTF) {
		struct func *f = l->b.f;
		uint32_t some = func_block(f), join = func_block(f);
		uint32_t var = func_var(f, t->kind == T_PTR && t->as == AS_BTF ? TY_BTF : TY_I64, "field");
		ir_setvar(LB, var, ir_const(LB, 0));
		ir_br(LB, ir_bin(LB, OP_NE, p.base, ir_const(LB, 0)), some, join);
		ir_at(LB, some);
		ir_setvar(LB, var, lower_load(l, p, t, sign, w));
		ir_jmp(LB, join);
		ir_at(LB, join);
		v = ir_getvar(LB, var);
	} else {
		struct place tmp = lower_temp(l, 8, 8, "read");
		lower_read_bytes(l, tmp, p, w);
		v = ir_load(LB, TY_I64, w, sign, tmp.base, tmp.off);
	}
	if (is_bits)
		v = lower_bits(l, v, t, bits);
	if (t->kind == T_BOOL && p.where != W_MEM)
		v = ir_bin(LB, OP_NE, v, ir_const(LB, 0));
	return v;
}

void lower_write(struct lower *l, struct place p, const struct type *t, ref v)
{
	unsigned w = t->size == 1 || t->size == 2 || t->size == 4 ? t->size : 8, unit = lower_align_of(p);
	if (w <= unit || l->b.f->ins.v[p.base].ty != TY_STACK) {
		ir_store(LB, w, p.base, p.off, v);
		return;
	}
	for (unsigned k = 0; k < w; k += unit)
		ir_store(LB, unit, p.base, p.off + k, k ? ir_bin(LB, OP_LSHR, v, ir_const(LB, k * 8)) : v);
}

void lower_zero(struct lower *l, struct place dst, uint32_t size)
{
	if (size <= INLINE_MAX)
		ir_zero(LB, dst.base, dst.off, size, lower_align_of(dst));
	else
		for (uint32_t at = 0; at < size; at += l->zeros_size)
			ir_call(LB, TY_I64, H_probe_read_kernel, 3, lower_address(l, lower_at(dst, at)),
				ir_const(LB, size - at < l->zeros_size ? size - at : l->zeros_size), lower_zeros(l));
}

void lower_copy(struct lower *l, struct place dst, struct place src, uint32_t size)
{
	if (size == 0)
		return;
	unsigned w = lower_align_of(dst) < lower_align_of(src) ? lower_align_of(dst) : lower_align_of(src);
	if (src.where == W_MEM && size <= INLINE_MAX) {
		ir_copy(LB, dst.base, dst.off, lower_address(l, src), size, w);
	} else if (src.where == W_CTX && size <= INLINE_MAX) {
		for (uint32_t k = 0; k < size;) {
			unsigned u = 8;
			while (u > 1 && (((src.off + k) & (u - 1)) || k + u > size || (lower_align_of(lower_at(dst, k)) < u)))
				u /= 2;
			ir_store(LB, u, dst.base, dst.off + k, ir_load(LB, TY_I64, u, false, src.base, src.off + k));
			k += u;
		}
	} else if (src.where == W_MEM || src.where == W_CTX) {
		ir_call(LB, TY_I64, H_probe_read_kernel, 3, lower_address(l, dst), ir_const(LB, size), lower_address(l, src));
	} else {
		lower_read_bytes(l, dst, src, size);
	}
}

void lower_literal(struct lower *l, struct place dst, uint32_t size, struct str text)
{
	uint32_t len = text.len < size ? text.len : size;
	uint32_t used = len < size ? (len + 8) & ~7u : size; /* text, its NUL, and zeros up to a word */
	if (used > size)
		used = size;
	if (used > 64) {
		char *padded = arena_alloc(l->a, used + 8);
		memcpy(padded, text.s, len);
		struct place src = { .base = lower_rodata(l, padded, used), .where = W_MEM, .align = 8 };
		lower_copy(l, dst, src, used);
	} else {
		unsigned unit = lower_align_of(dst);
		for (uint32_t k = 0; k < used;) {
			unsigned u = unit;
			while (u > 1 && (k + u > used || (k & (u - 1))))
				u /= 2;
			uint64_t v = 0;
			for (unsigned j = 0; j < u && k + j < len; j++)
				v |= (uint64_t)(unsigned char)text.s[k + j] << (j * 8);
			ir_store(LB, u, dst.base, dst.off + k, ir_const(LB, (int64_t)v));
			k += u;
		}
	}
	if (used < size)
		lower_zero(l, lower_at(dst, used), size - used);
}

void lower_string_copy(struct lower *l, struct place dst, uint32_t dst_size, struct place src, uint32_t src_size)
{
	uint32_t n = src_size < dst_size ? src_size : dst_size;
	lower_copy(l, dst, src, n);
	if (n < dst_size)
		lower_zero(l, lower_at(dst, n), dst_size - n);
}

/* -- strings at pointers -- */

struct str_read {
	struct place dst;
	ref size, ptr;
	uint32_t var; /* the length */
};

static void lower_read_str_by(struct lower *l, const struct str_read *x, enum where w)
{
	struct func *f = l->b.f;
	ref r = ir_call(LB, TY_I64, w == W_USER ? H_probe_read_user_str : H_probe_read_kernel_str, 3, lower_address(l, x->dst), x->size, x->ptr);
	uint32_t bad = func_block(f), good = func_block(f), join = func_block(f);
	ir_br(LB, ir_bin(LB, OP_SLT, r, ir_const(LB, 0)), bad, good);
	ir_at(LB, good);
	/* older kernels do not count the NUL of a user's empty string */
	ir_setvar(LB, x->var, w == W_USER ? ir_bin(LB, OP_ADD, r, ir_bin(LB, OP_EQ, r, ir_const(LB, 0))) : r);
	ir_jmp(LB, join);
	ir_at(LB, bad);
	lower_fault(l, w == W_USER ? FAULT_READ_USER_STR : FAULT_READ_KERNEL_STR, r);
	ir_store(LB, 1, x->dst.base, x->dst.off, ir_const(LB, 0));
	ir_setvar(LB, x->var, ir_const(LB, 0));
	ir_jmp(LB, join);
	ir_at(LB, join);
}

ref lower_read_str(struct lower *l, struct place dst, uint32_t size, ref max, ref ptr, enum where w, bool pad)
{
	struct func *f = l->b.f;
	struct str_read x = { .dst = dst, .ptr = ptr, .var = func_var(f, TY_I64, "len") };
	x.size = max ? max : ir_const(LB, size);
	if (pad && size <= INLINE_MAX)
		lower_zero(l, dst, size);
	if (max) { /* at most size: the verifier must see it */
		uint32_t v = func_var(f, TY_I64, "max"), over = func_block(f), ok = func_block(f);
		ir_setvar(LB, v, max);
		ir_br(LB, ir_bin(LB, OP_UGT, max, ir_const(LB, size)), over, ok);
		ir_at(LB, over);
		ir_setvar(LB, v, ir_const(LB, size));
		ir_jmp(LB, ok);
		ir_at(LB, ok);
		x.size = ir_getvar(LB, v);
	}
	if (w == W_BTF || w == W_MEM || w == W_CTX)
		w = W_KERN;
	if (w == W_ANY) {
		uint32_t kern = func_block(f), user = func_block(f), join = func_block(f);
		ir_br(LB, ir_bin(LB, OP_SLT, ptr, ir_const(LB, 0)), kern, user);
		ir_at(LB, kern);
		lower_read_str_by(l, &x, W_KERN);
		ir_jmp(LB, join);
		ir_at(LB, user);
		lower_read_str_by(l, &x, W_USER);
		ir_jmp(LB, join);
		ir_at(LB, join);
	} else {
		lower_read_str_by(l, &x, w);
	}
	ref len = ir_getvar(LB, x.var);
	if (pad && size > INLINE_MAX) /* everything behind the NUL, by a helper: its length is in a register */
		ir_call(LB, TY_I64, H_probe_read_kernel, 3, ir_addptr(LB, lower_address(l, dst), len),
			ir_bin(LB, OP_SUB, ir_const(LB, size), len), lower_zeros(l));
	return len;
}

/* -- comparing bytes -- */

ref lower_bytes_equal(struct lower *l, struct place x, struct place y, uint32_t n)
{
	struct func *f = l->b.f;
	uint32_t v = func_var(f, TY_I64, "equal"), join = func_block(f);
	unsigned ax = lower_align_of(x), ay = lower_align_of(y), unit = ax < ay ? ax : ay;
	if (x.where != W_MEM || y.where != W_MEM) { /* not ours: fetch them first */
		if (x.where != W_MEM) {
			struct place t = lower_temp(l, n, 8, "left");
			lower_copy(l, t, x, n);
			x = t;
		}
		if (y.where != W_MEM) {
			struct place t = lower_temp(l, n, 8, "right");
			lower_copy(l, t, y, n);
			y = t;
		}
		return lower_bytes_equal(l, x, y, n);
	}
	ir_setvar(LB, v, ir_const(LB, 0));
	for (uint32_t k = 0; k < n;) {
		unsigned u = unit;
		while (u > 1 && (k + u > n || (k & (u - 1))))
			u /= 2;
		uint32_t next = func_block(f);
		ref p = ir_load(LB, TY_I64, u, false, x.base, x.off + k), q = ir_load(LB, TY_I64, u, false, y.base, y.off + k);
		ir_br(LB, ir_bin(LB, OP_EQ, p, q), next, join);
		ir_at(LB, next);
		k += u;
	}
	ir_setvar(LB, v, ir_const(LB, 1));
	ir_jmp(LB, join);
	ir_at(LB, join);
	return ir_getvar(LB, v);
}
