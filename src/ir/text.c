/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text form of a function (docs/ir.md), printed; parse.c reads it back:
 * printing what was parsed gives the same text again. It makes every pass
 * testable from a file and every bug report reproducible. Both directions go
 * by op_info and the small tables here; a new operation needs a line only if
 * its operands look unlike all others.
 */
#include <inttypes.h>

#include "ir/text_priv.h"

const char *const text_types[TY_COUNT] = {
	[TY_VOID] = "void",	[TY_I64] = "i64",   [TY_CTX] = "ctx",		  [TY_STACK] = "stack",
	[TY_MAPV] = "mapv",	[TY_RING] = "ring", [TY_MAPV_NULL] = "mapv_null", [TY_RING_NULL] = "ring_null",
	[TY_BTF] = "btf",	[TY_FN] = "fn",	    [TY_MAPOBJ] = "mapobj",
};

enum ir_type text_default_type(unsigned op)
{
	switch (op) {
	case OP_SLOT: return TY_STACK;
	case OP_MAPREF: return TY_MAPOBJ;
	case OP_MAPVAL: return TY_MAPV;
	case OP_FNREF: return TY_FN;
	default: return op_info[op].flags & OF_D ? TY_I64 : TY_VOID;
	}
}

bool text_has_width(unsigned op)
{
	return op == OP_LOAD || op == OP_LOADS || op == OP_STORE || op == OP_ZERO || op == OP_COPY ||
	       (op >= OP_AADD && op <= OP_AAND) || op == OP_ZEXT || op == OP_SEXT || op == OP_BSWAP;
}

bool text_is_plain_imm(unsigned op)
{
	return op == OP_CONST || op == OP_ARG || op == OP_SLOT || op == OP_MAPREF || op == OP_FNREF || op == OP_GETVAR;
}

bool text_is_memory(unsigned op)
{
	return op == OP_LOAD || op == OP_LOADS || op == OP_STORE || op == OP_ZERO || op == OP_COPY ||
	       (op >= OP_AADD && op <= OP_AAND);
}

static void text_print_name(struct buf *o, const char *s)
{
	buf_addc(o, '"');
	for (; s && *s; s++) {
		if ((unsigned char)*s < 32 || (unsigned char)*s > 126 || *s == '"' || *s == '\\')
			buf_addf(o, "\\x%02x", (unsigned char)*s);
		else
			buf_addc(o, *s);
	}
	buf_addc(o, '"');
}

static void text_print_operands(const struct func *f, const struct ins *i, struct buf *o)
{
	const char *sep = " ";
	if (text_is_memory(i->op)) {
		buf_addf(o, " [%%%u", i->a[0]);
		if (i->imm)
			buf_addf(o, " %c %" PRIu64, i->imm < 0 ? '-' : '+',
				 i->imm < 0 ? 0 - (uint64_t)i->imm : (uint64_t)i->imm);
		buf_addc(o, ']');
		if (i->op == OP_COPY)
			buf_addf(o, ", [%%%u], %u", i->a[1], i->aux);
		else if (i->op == OP_ZERO)
			buf_addf(o, ", %u", i->aux);
		else if (i->n > 1)
			buf_addf(o, ", %%%u", i->a[1]);
		return;
	}
	if (text_is_plain_imm(i->op)) {
		buf_addf(o, " %" PRId64, i->imm);
	} else if (i->op == OP_MAPVAL) {
		buf_addf(o, " %u, %" PRId64, i->aux, i->imm);
	} else if (i->op == OP_SETVAR) {
		buf_addf(o, " %" PRId64 ", %%%u", i->imm, i->a[0]);
	} else if (i->op == OP_CALL || i->op == OP_CALLFN || i->op == OP_KCALL) {
		if (i->op == OP_CALL && ir_helper_name(i->imm))
			buf_addf(o, " %s(", ir_helper_name(i->imm));
		else
			buf_addf(o, " %" PRId64 "(", i->imm);
		for (unsigned k = 0; k < i->n; k++)
			buf_addf(o, "%s%%%u", k ? ", " : "", i->a[k]);
		buf_addc(o, ')');
	} else if (i->op == OP_PHI) {
		const struct block *b = &f->blocks.v[i->blk];
		for (uint32_t k = 0; k < b->preds.n; k++, sep = ", ")
			buf_addf(o, "%sb%u %%%u", sep, b->preds.v[k], f->phis.v[i->aux + k]);
	} else if (i->op == OP_JMP) {
		buf_addf(o, " b%u", i->t);
	} else {
		for (unsigned k = 0; k < i->n; k++, sep = ", ")
			buf_addf(o, "%s%%%u", sep, i->a[k]);
		if (i->op == OP_BR)
			buf_addf(o, ", b%u, b%u", i->t, i->f);
	}
}

void ir_print(const struct func *f, struct buf *o)
{
	struct span at = f->span;
	buf_addf(o, "func %s(", f->name);
	for (uint32_t k = 0; k < f->n_args && k < 5; k++)
		buf_addf(o, "%s%s", k ? ", " : "", text_types[f->arg_types[k]]);
	buf_addf(o, ")%s%s", f->is_callback ? " callback" : "", f->is_ssa ? " ssa" : "");
	if (at.lo || at.hi)
		buf_addf(o, " !%u:%u", at.lo, at.hi);
	buf_adds(o, "\n");
	for (uint32_t k = 0; k < f->slots.n; k++) {
		buf_addf(o, "  slot %u size %u align %u", k, f->slots.v[k].size, f->slots.v[k].align);
		if (f->slots.v[k].name) {
			buf_addc(o, ' ');
			text_print_name(o, f->slots.v[k].name);
		}
		buf_addc(o, '\n');
	}
	for (uint32_t k = 0; k < f->vars.n && !f->is_ssa; k++) {
		buf_addf(o, "  var %u %s", k, text_types[f->var_types.v[k]]);
		if (f->vars.v[k]) {
			buf_addc(o, ' ');
			text_print_name(o, f->vars.v[k]);
		}
		buf_addc(o, '\n');
	}
	for (uint32_t b = 1; b < f->blocks.n; b++) {
		const struct block *x = &f->blocks.v[b];
		if (x->ins.n == 0 || (f->is_ssa && x->rpo == ~0u))
			continue;
		buf_addf(o, "b%u:%s\n", b, x->cold ? " cold" : "");
		for (uint32_t k = 0; k < x->ins.n; k++) {
			ref r = x->ins.v[k];
			const struct ins *i = &f->ins.v[r];
			buf_adds(o, "  ");
			if (op_info[i->op].flags & OF_D)
				buf_addf(o, "%%%u = ", r);
			buf_adds(o, op_info[i->op].text);
			if (text_has_width(i->op))
				buf_addf(o, ".%u", i->w);
			if (i->ty != text_default_type(i->op))
				buf_addf(o, ":%s", text_types[i->ty]);
			text_print_operands(f, i, o);
			if (i->span.lo != at.lo || i->span.hi != at.hi)
				buf_addf(o, " !%u:%u", i->span.lo, i->span.hi);
			at = i->span;
			buf_addc(o, '\n');
		}
	}
	buf_adds(o, "end\n");
}
