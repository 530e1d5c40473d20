/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a function means, said once more and as simply as possible: an evaluator of the IR itself, before any pass and
 * before code generation, so that the compiler is not compared with itself only. Test programs are well-formed.
 */
#ifndef TEST_IR_EVAL_H
#define TEST_IR_EVAL_H

#include "../bpf/machine.h"

struct eval {
	struct func *const *funcs;
	struct machine *m;
	uint64_t budget;
};

static inline int64_t eval_sext(uint64_t v, unsigned w)
{
	return w == 1 ? (int8_t)v : w == 2 ? (int16_t)v : w == 4 ? (int32_t)v : (int64_t)v;
}

static inline uint64_t eval_zext(uint64_t v, unsigned w)
{
	return w == 1 ? (uint8_t)v : w == 2 ? (uint16_t)v : w == 4 ? (uint32_t)v : v;
}

static inline uint64_t eval_read(const uint8_t *p, unsigned w)
{
	uint64_t v = 0;
	for (unsigned k = w; k-- > 0;)
		v = v << 8 | p[k];
	return v;
}

static inline void eval_write(uint8_t *p, unsigned w, uint64_t v)
{
	for (unsigned k = 0; k < w; k++)
		p[k] = (uint8_t)(v >> (8 * k));
}

static inline uint64_t eval_pure(const struct ins *i, uint64_t a, uint64_t b)
{
	int64_t x = (int64_t)a, y = (int64_t)b;
	switch (i->op) {
	case OP_ADD: case OP_ADDPTR: return a + b;
	case OP_SUB: return a - b;
	case OP_MUL: return a * b;
	case OP_UDIV: return b ? a / b : 0;
	case OP_UMOD: return b ? a % b : a;
	case OP_SDIV: return y == 0 ? 0 : y == -1 ? 0 - a : (uint64_t)(x / y);
	case OP_SMOD: return y == 0 ? a : y == -1 ? 0 : (uint64_t)(x % y);
	case OP_AND: return a & b;
	case OP_OR: return a | b;
	case OP_XOR: return a ^ b;
	case OP_SHL: return a << (b % 64);
	case OP_LSHR: return a >> (b % 64);
	case OP_ASHR: return (uint64_t)(x >> (b % 64));
	case OP_NEG: return 0 - a;
	case OP_NOT: return ~a;
	case OP_ZEXT: return eval_zext(a, i->w);
	case OP_SEXT: return (uint64_t)eval_sext(a, i->w);
	case OP_BSWAP: {
		uint8_t le[8], be[8];
		eval_write(le, i->w, a);
		for (unsigned k = 0; k < i->w; k++)
			be[k] = le[i->w - 1 - k];
		return eval_read(be, i->w);
	}
	case OP_EQ: return a == b;
	case OP_NE: return a != b;
	case OP_ULT: return a < b;
	case OP_ULE: return a <= b;
	case OP_UGT: return a > b;
	case OP_UGE: return a >= b;
	case OP_SLT: return x < y;
	case OP_SLE: return x <= y;
	case OP_SGT: return x > y;
	case OP_SGE: return x >= y;
	default: abort();
	}
}

static inline uint64_t eval_func(struct eval *e, uint32_t fn, const uint64_t args[5]);

static inline uint64_t eval_helper(struct eval *e, int64_t id, uint64_t a[5])
{
	if (id == 181) {
		for (uint64_t k = 0; k < a[0]; k++) {
			uint64_t args[5] = { k, a[2] };
			if (eval_func(e, (uint32_t)a[1], args))
				return k + 1;
		}
		return a[0];
	}
	struct bpf_interp in = { .host = e->m };
	return machine_helper(&in, (int)id, a);
}

static inline uint64_t eval_func(struct eval *e, uint32_t fn, const uint64_t args[5])
{
	const struct func *f = e->funcs[fn];
	uint64_t *v = calloc(f->ins.n, sizeof(*v)), *vars = calloc(f->vars.n + 1, sizeof(*vars)), ret = 0;
	uint8_t **slots = calloc(f->slots.n + 1, sizeof(*slots));
	for (uint32_t s = 0; s < f->slots.n; s++)
		slots[s] = calloc(1, f->slots.v[s].size);
	for (uint32_t blk = 1, from = 0; blk;) {
		uint32_t next = 0;
		uint64_t phi[64]; /* PHIs read before any is written */
		unsigned n_phi = 0;
		const struct block *x = &f->blocks.v[blk];
		for (uint32_t k = 0; k < x->ins.n; k++) {
			const struct ins *i = &f->ins.v[x->ins.v[k]];
			if (i->op != OP_PHI || n_phi == 64)
				break;
			for (uint32_t p = 0; p < x->preds.n; p++)
				if (x->preds.v[p] == from)
					phi[n_phi] = v[f->phis.v[i->aux + p]];
			n_phi++;
		}
		for (uint32_t k = 0; k < x->ins.n && !next; k++) {
			ref r = x->ins.v[k];
			const struct ins *i = &f->ins.v[r];
			uint64_t a = v[i->a[0]], b = v[i->a[1]], c[5];
			uint8_t *p = (uint8_t *)(uintptr_t)(a + (uint64_t)i->imm);
			if (e->budget-- == 0)
				abort();
			switch (i->op) {
			case OP_CONST: v[r] = (uint64_t)i->imm; break;
			case OP_ARG: v[r] = args[i->imm]; break;
			case OP_SLOT: v[r] = (uint64_t)(uintptr_t)slots[i->imm]; break;
			case OP_MAPVAL: v[r] = (uint64_t)(uintptr_t)(e->m->map + i->imm); break;
			case OP_MAPREF: v[r] = BPF_INTERP_MAP(i->imm); break;
			case OP_FNREF: v[r] = (uint64_t)i->imm; break;
			case OP_LOAD: v[r] = eval_read(p, i->w); break;
			case OP_LOADS: v[r] = (uint64_t)eval_sext(eval_read(p, i->w), i->w); break;
			case OP_STORE: eval_write(p, i->w, b); break;
			case OP_ZERO: memset(p, 0, i->aux); break;
			case OP_COPY: memcpy(p, (void *)(uintptr_t)b, i->aux); break;
			case OP_AADD: eval_write(p, i->w, eval_read(p, i->w) + b); break;
			case OP_AFADD: v[r] = eval_read(p, i->w); eval_write(p, i->w, v[r] + b); break;
			case OP_AFOR: v[r] = eval_read(p, i->w); eval_write(p, i->w, v[r] | b); break;
			case OP_AAND: eval_write(p, i->w, eval_read(p, i->w) & b); break;
			case OP_CALL: case OP_CALLFN:
				for (unsigned q = 0; q < 5; q++)
					c[q] = q < i->n ? v[i->a[q]] : 0;
				v[r] = i->op == OP_CALL ? eval_helper(e, i->imm, c) : eval_func(e, (uint32_t)i->imm, c);
				break;
			case OP_GETVAR: v[r] = vars[i->imm]; break;
			case OP_SETVAR: vars[i->imm] = a; break;
			case OP_PHI: v[r] = phi[k]; break;
			case OP_JMP: next = i->t; break;
			case OP_BR: next = a ? i->t : i->f; break;
			case OP_RET: ret = a; break;
			default: v[r] = eval_pure(i, a, b);
			}
		}
		from = blk;
		blk = next;
	}
	for (uint32_t s = 0; s < f->slots.n; s++)
		free(slots[s]);
	free(slots);
	free(vars);
	free(v);
	return ret;
}

#endif
