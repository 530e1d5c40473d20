/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine of call-frame information: its instructions change a row, which says how to get from a frame to its caller. Of the registers only
 * those are followed that a frame's address is counted from in practice. Expressions are not run: the few that exist are recognised by
 * their form (entries of the PLT, frames of signals, stacks that were aligned); any other gives an unknown rule.
 *
 * And the numbers of its code: every read stays before the cursor's end; one that cannot sets `bad` and gives 0.
 */
#include <string.h>

#include "sym/cfa.h"

uint64_t cursor_int(struct cursor *c, unsigned n)
{
	uint64_t v = 0;
	if ((size_t)(c->end - c->p) < n) {
		c->bad = true;
		c->p = c->end;
		return 0;
	}
	memcpy(&v, c->p, n); /* our own byte order: files of others are refused */
	c->p += n;
	return v;
}

uint64_t cursor_uleb(struct cursor *c)
{
	uint64_t v = 0;
	for (unsigned shift = 0; c->p < c->end; shift += 7) {
		uint8_t b = *c->p++;
		if (shift < 64)
			v |= (uint64_t)(b & 0x7f) << shift;
		if (!(b & 0x80))
			return v;
	}
	c->bad = true;
	return 0;
}

int64_t cursor_sleb(struct cursor *c)
{
	uint64_t v = 0;
	for (unsigned shift = 0; c->p < c->end;) {
		uint8_t b = *c->p++;
		if (shift < 64)
			v |= (uint64_t)(b & 0x7f) << shift;
		shift += 7;
		if (b & 0x80)
			continue;
		if (b & 0x40 && shift < 64)
			v |= ~0ull << shift;
		return (int64_t)v;
	}
	c->bad = true;
	return 0;
}

void cursor_skip(struct cursor *c, uint64_t n)
{
	if ((uint64_t)(c->end - c->p) < n) {
		c->bad = true;
		n = (uint64_t)(c->end - c->p);
	}
	c->p += n;
}

uint64_t cursor_pointer(struct cursor *c, uint8_t encoding, uint64_t at)
{
	uint64_t v;
	switch (encoding & 15) {
	case 0: case 4: case 12: v = cursor_int(c, 8); break;
	case 1: v = cursor_uleb(c); break;
	case 2: v = cursor_int(c, 2); break;
	case 3: v = cursor_int(c, 4); break;
	case 9: v = (uint64_t)cursor_sleb(c); break;
	case 10: v = (uint64_t)(int16_t)cursor_int(c, 2); break;
	case 11: v = (uint64_t)(int32_t)cursor_int(c, 4); break;
	default:
		c->bad = true;
		return 0;
	}
	switch (encoding & 0x70) {
	case 0: return v;
	case 0x10: return v + at;
	default: /* relative to other things: no compiler writes it here */
		c->bad = true;
		return 0;
	}
}

/* -- the machine -- */

static uint8_t cfi_base(uint64_t reg)
{
	return reg == CFI_SP ? UW_SP : reg == CFI_FP ? UW_FP : reg == CFI_BX ? UW_BX : reg == CFI_R10 ? UW_R10 : UW_SAME;
}

static int32_t cfi_int32(int64_t v, bool *bad)
{
	if (v != (int32_t)v)
		*bad = true;
	return (int32_t)v;
}

/* The rule of a register, if it is one that we follow; *ret_off goes with it. */
static uint8_t *cfi_place(struct unwind_rule *r, const struct cie *cie, uint64_t reg, int32_t **ret_off)
{
	if (reg == cie->ra) {
		*ret_off = &r->ra_off;
		return &r->ra_base;
	}
	if (reg == CFI_FP) {
		*ret_off = &r->fp_off;
		return &r->fp_base;
	}
	if (reg == CFI_BX) {
		*ret_off = &r->bx_off;
		return &r->bx_base;
	}
	return NULL;
}

static void cfi_set(struct unwind_rule *r, const struct cie *cie, uint64_t reg, uint8_t base, int64_t off)
{
	int32_t *o;
	bool bad = false;
	uint8_t *b = cfi_place(r, cie, reg, &o);
	if (!b)
		return;
	*b = base;
	*o = cfi_int32(off, &bad);
	if (bad)
		*b = UW_LOST;
}

static void cfi_restore(struct machine *m, const struct cie *cie, uint64_t reg)
{
	int32_t *to, *from;
	uint8_t *b = cfi_place(&m->now, cie, reg, &to), *was = cfi_place(&m->first, cie, reg, &from);
	if (b) {
		*b = *was;
		*to = *from;
	}
}

static void cfi_frame(struct unwind_rule *r, uint8_t base, int64_t off)
{
	bool bad = false;
	r->base = base;
	r->flags &= (uint8_t)~(UW_DEREF | UW_PLT);
	r->add = 0;
	r->off = cfi_int32(off, &bad);
	if (bad)
		r->base = UW_SAME;
}

/* breg R, off: which register? */
static uint8_t expression_breg(struct cursor *c, int64_t *ret_off)
{
	uint64_t op = cursor_int(c, 1), reg = op - 0x70;
	if (c->bad || op < 0x70 || op > 0x92 || op == 0x90 || op == 0x91)
		return UW_SAME;
	if (op == 0x92)
		reg = cursor_uleb(c);
	*ret_off = cursor_sleb(c);
	return c->bad ? UW_SAME : cfi_base(reg);
}

/* The frame's address by an expression: reg + off; *(reg + off) + add; or that of an entry of the PLT. */
static void expression_frame(struct unwind_rule *r, struct cursor c)
{
	int64_t off = 0, add = 0;
	bool bad = false;
	uint8_t base = expression_breg(&c, &off);
	r->base = UW_SAME;
	if (base == UW_SAME)
		return;
	cfi_frame(r, base, off);
	size_t left = (size_t)(c.end - c.p);
	if (!left)
		return;
	if (c.p[0] == 0x06) { /* deref */
		cursor_int(&c, 1);
		if (c.p < c.end && *c.p == 0x23) { /* plus_uconst */
			cursor_int(&c, 1);
			add = (int64_t)cursor_uleb(&c);
		}
		r->flags |= UW_DEREF;
		r->add = cfi_int32(add, &bad);
	} else if (CFI_IP < 32 && left == 9 && c.p[0] == 0x70 + CFI_IP && c.p[1] == 0 && c.p[2] == 0x3f && c.p[3] == 0x1a && c.p[4] >= 0x30 &&
		   c.p[4] <= 0x3f && c.p[5] == 0x2a && c.p[6] == 0x33 && c.p[7] == 0x24 && c.p[8] == 0x22) {
		/* breg ip, 0; lit15; and; litN; ge; lit3; shl; plus */
		r->flags |= UW_PLT;
		r->add = c.p[4] - 0x30;
		c.p = c.end;
	}
	if (bad || c.bad || c.p != c.end)
		r->base = UW_SAME;
}

static void expression_register(struct unwind_rule *r, const struct cie *cie, uint64_t reg, struct cursor c)
{
	int64_t off = 0;
	uint8_t base = expression_breg(&c, &off);
	cfi_set(r, cie, reg, base == UW_SAME || c.p != c.end ? UW_LOST : base, off);
}

static struct cursor cursor_block(struct cursor *c)
{
	uint64_t n = cursor_uleb(c);
	struct cursor b = { c->p, c->p, true };
	if (!c->bad && n <= (uint64_t)(c->end - c->p))
		b = (struct cursor){ c->p, c->p + n, false };
	cursor_skip(c, n);
	return b;
}

bool machine_step(struct machine *m, const struct cie *cie, uint8_t op, struct cursor *c)
{
	struct unwind_rule *r = &m->now;
	uint64_t reg;
	if (op >= 0xc0) { /* restore */
		cfi_restore(m, cie, op & 0x3f);
		return true;
	}
	if (op >= 0x80) { /* offset */
		cfi_set(r, cie, op & 0x3f, UW_CFA, (int64_t)(cursor_uleb(c) * (uint64_t)cie->data_align));
		return true;
	}
	switch (op) {
	case 0x00: /* nop */
	case 0x2d: /* the return address is signed, or no more */
		return true;
	case 0x05: /* offset_extended */
	case 0x11: /* the same, signed */
		reg = cursor_uleb(c);
		cfi_set(r, cie, reg, UW_CFA, (int64_t)((op == 5 ? cursor_uleb(c) : (uint64_t)cursor_sleb(c)) * (uint64_t)cie->data_align));
		return true;
	case 0x2f: /* negative offset */
		reg = cursor_uleb(c);
		cfi_set(r, cie, reg, UW_CFA, (int64_t)(0 - cursor_uleb(c) * (uint64_t)cie->data_align));
		return true;
	case 0x06:
		cfi_restore(m, cie, cursor_uleb(c));
		return true;
	case 0x07: /* undefined: for the return address, that there is no caller */
		reg = cursor_uleb(c);
		cfi_set(r, cie, reg, reg == cie->ra ? UW_END : UW_SAME, 0);
		return true;
	case 0x08: /* same value */
		reg = cursor_uleb(c);
		cfi_set(r, cie, reg, reg == cie->ra ? UW_LINK : UW_SAME, 0);
		return true;
	case 0x09: { /* in a register */
		reg = cursor_uleb(c);
		uint64_t in = cursor_uleb(c);
		cfi_set(r, cie, reg, reg == cie->ra && in == CFI_DI ? UW_DI : UW_LOST, 0);
		return true;
	}
	case 0x0a: /* remember */
		if (m->n_saved == CFI_STATES)
			return false;
		m->saved[m->n_saved++] = *r;
		return true;
	case 0x0b: /* restore what was remembered */
		if (!m->n_saved)
			return false;
		*r = m->saved[--m->n_saved];
		return true;
	case 0x0c: /* def_cfa */
	case 0x12: {
		reg = cursor_uleb(c);
		uint64_t off = op == 0x0c ? cursor_uleb(c) : (uint64_t)cursor_sleb(c) * (uint64_t)cie->data_align;
		cfi_frame(r, cfi_base(reg), (int64_t)off);
		return true;
	}
	case 0x0d: /* def_cfa_register */
		reg = cursor_uleb(c);
		cfi_frame(r, cfi_base(reg), r->off);
		return true;
	case 0x0e: /* def_cfa_offset */
		cfi_frame(r, r->base, (int64_t)cursor_uleb(c));
		return true;
	case 0x13:
		cfi_frame(r, r->base, (int64_t)((uint64_t)cursor_sleb(c) * (uint64_t)cie->data_align));
		return true;
	case 0x0f:
		expression_frame(r, cursor_block(c));
		return true;
	case 0x10:
		reg = cursor_uleb(c);
		expression_register(r, cie, reg, cursor_block(c));
		return true;
	case 0x14: /* the value itself is an offset */
	case 0x15:
		reg = cursor_uleb(c);
		cursor_uleb(c);
		cfi_set(r, cie, reg, UW_LOST, 0);
		return true;
	case 0x16: /* or an expression */
		reg = cursor_uleb(c);
		cursor_block(c);
		cfi_set(r, cie, reg, UW_LOST, 0);
		return true;
	case 0x2e: /* size of arguments */
		cursor_uleb(c);
		return true;
	default:
		return false;
	}
}
