/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pass_number: arithmetic on the addresses of kernel objects and on the context. A program may take such a pointer for a number ("(uint64)sk
 * & 0xff" as a key), which the IR does not mind, but the verifier: to it the register is a pointer, with which it allows next to nothing.
 * Two negations make a number of it, of the same value. Constants may be added and subtracted as before, which keeps the pointer.
 * Needs SSA; nothing may fold behind it.
 */
#include "ir/pass.h"

enum { NUMBER_FAR = 1 << 28 }; /* the verifier refuses to add more */

/* Comparisons by size, too: some become shifts. */
static bool number_is_arithmetic(unsigned op)
{
	return (op >= OP_ADD && op <= OP_ASHR) || (op >= OP_NOT && op <= OP_BSWAP) || (op >= OP_ULT && op <= OP_SGE);
}

static bool number_is_near(const struct func *f, ref r)
{
	const struct ins *i = &f->ins.v[r];
	return i->op == OP_CONST && i->imm > -NUMBER_FAR && i->imm < NUMBER_FAR;
}

/* Pointer plus or minus constant: operand j stays what it is. */
static bool number_keeps(const struct func *f, const struct ins *i, unsigned j)
{
	return (i->op == OP_ADD && number_is_near(f, i->a[!j])) || (i->op == OP_SUB && j == 0 && number_is_near(f, i->a[1]));
}

bool *pass_pointers(const struct func *f, bool (*is_pointer)(enum ir_type), bool *ret_any)
{
	bool *is = arena_array(f->arena, bool, f->ins.n), changed = true;
	*ret_any = false;
	while (changed) {
		changed = false;
		for (uint32_t k = 0; k < f->order.n; k++) {
			const struct block *x = &f->blocks.v[f->order.v[k]];
			for (uint32_t n = 0; n < x->ins.n; n++) {
				const struct ins *i = &f->ins.v[x->ins.v[n]];
				bool p = is_pointer((enum ir_type)i->ty);
				for (unsigned j = 0; (i->op == OP_ADD || i->op == OP_SUB) && j < 2; j++)
					p |= is[i->a[j]] && number_keeps(f, i, j);
				for (uint32_t j = 0; i->op == OP_PHI && j < x->preds.n; j++)
					p |= is[f->phis.v[i->aux + j]];
				changed |= p != is[x->ins.v[n]];
				is[x->ins.v[n]] = p;
				*ret_any |= p;
			}
		}
	}
	return is;
}

static bool number_is_object(enum ir_type ty)
{
	return ty == TY_CTX || ty == TY_BTF;
}

static ref number_neg(struct func *f, uint32_t b, ref v)
{
	struct ins i = { .op = OP_NEG, .ty = TY_I64, .w = 8, .n = 1, .blk = b, .span = f->ins.v[v].span };
	i.a[0] = v;
	vec_push(f->arena, &f->ins, i);
	vec_push(f->arena, &f->blocks.v[b].ins, f->ins.n - 1);
	return f->ins.n - 1;
}

void pass_number(struct pass_ctx *c)
{
	struct func *f = c->f;
	bool any;
	ir_cfg(f);
	const bool *is = pass_pointers(f, number_is_object, &any);
	uint32_t known = f->ins.n;
	for (uint32_t k = 0; any && k < f->order.n; k++) {
		uint32_t b = f->order.v[k], n = f->blocks.v[b].ins.n;
		ref *old = arena_array(f->arena, ref, n + 1);
		for (uint32_t q = 0; q < n; q++)
			old[q] = f->blocks.v[b].ins.v[q];
		f->blocks.v[b].ins.n = 0;
		for (uint32_t q = 0; q < n; q++) {
			struct ins i = f->ins.v[old[q]];
			for (unsigned j = 0; number_is_arithmetic(i.op) && j < i.n; j++) {
				ref v = i.a[j];
				if (v >= known || !is[v] || number_keeps(f, &i, j))
					continue;
				v = number_neg(f, b, number_neg(f, b, v));
				f->ins.v[old[q]].a[j] = v;
				c->changed = true;
			}
			vec_push(f->arena, &f->blocks.v[b].ins, old[q]);
		}
	}
}
