/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions, the builder, and the analyses that every pass stands on: the
 * control-flow graph in reverse post-order and dominators (Cooper, Harvey and
 * Kennedy's iteration). Analyses are recomputed, never patched.
 */
#include "ir/pass.h"

const struct op_info op_info[OP_COUNT] = {
	[OP_NONE] = { "none", 0, 0 },
#define OP(name, text, nargs, flags) [OP_##name] = { text, nargs, flags },
#include "ir/op.def"
#undef OP
};

unsigned ir_helper_flags(int64_t id)
{
	switch (id) {
#define HELPER(id, name, flags) \
	case id:                \
		return flags;
#include "ir/helper.def"
#undef HELPER
	default:
		return 0;
	}
}

bool ir_ins_is_pure(const struct ins *i)
{
	if (i->op == OP_CALL)
		return ir_helper_flags(i->imm) & HF_PURE;
	return op_info[i->op].flags & OF_P;
}

bool ir_ins_is_removable(const struct ins *i)
{
	if (i->op == OP_CALL)
		return ir_helper_flags(i->imm) & (HF_PURE | HF_DEAD);
	return !(op_info[i->op].flags & OF_E);
}

const char *ir_helper_name(int64_t id)
{
	switch (id) {
#define HELPER(id, name, flags) \
	case id:                \
		return #name;
#include "ir/helper.def"
#undef HELPER
	default:
		return NULL;
	}
}

struct func *func_new(struct arena *a, const char *name)
{
	struct func *f = arena_new(a, struct func);
	f->arena = a;
	f->name = name;
	vec_push(a, &f->ins, ((struct ins){ 0 }));
	vec_push(a, &f->blocks, ((struct block){ 0 }));
	f->n_args = 1;
	f->arg_types[0] = TY_CTX;
	func_block(f);
	return f;
}

uint32_t func_block(struct func *f)
{
	vec_push(f->arena, &f->blocks, ((struct block){ 0 }));
	return f->blocks.n - 1;
}

uint32_t func_slot(struct func *f, uint32_t size, uint32_t align, const char *name)
{
	vec_push(f->arena, &f->slots, ((struct slot){ size, align, name }));
	return f->slots.n - 1;
}

uint32_t func_var(struct func *f, enum ir_type ty, const char *name)
{
	vec_push(f->arena, &f->vars, name);
	vec_push(f->arena, &f->var_types, (uint8_t)ty);
	return f->vars.n - 1;
}

/* -- builder -- */

static struct ins *ir_emit(struct ir_build *b, enum ir_op op, enum ir_type ty, ref *ret)
{
	struct func *f = b->f;
	if (b->blk == 0) /* behind a terminator: nobody reaches it */
		b->blk = func_block(f);
	struct ins i = { .op = (uint8_t)op, .ty = (uint8_t)ty, .blk = b->blk, .span = b->span, .w = 8 };
	vec_push(f->arena, &f->ins, i);
	ref r = f->ins.n - 1;
	vec_push(f->arena, &f->blocks.v[b->blk].ins, r);
	if (op_info[op].flags & OF_T)
		b->blk = 0;
	if (ret)
		*ret = r;
	return &f->ins.v[r];
}

#define EMIT(op, ty)   \
	ref r;         \
	struct ins *i = ir_emit(b, op, ty, &r)

static enum ir_type ir_ty(const struct ir_build *b, ref r)
{
	return (enum ir_type)b->f->ins.v[r].ty;
}

ref ir_const(struct ir_build *b, int64_t v)
{
	EMIT(OP_CONST, TY_I64);
	i->imm = v;
	return r;
}

ref ir_un(struct ir_build *b, enum ir_op op, unsigned w, ref a)
{
	EMIT(op, TY_I64);
	i->w = (uint8_t)w;
	i->n = 1;
	i->a[0] = a;
	return r;
}

ref ir_bin(struct ir_build *b, enum ir_op op, ref a, ref c)
{
	EMIT(op, TY_I64);
	i->n = 2;
	i->a[0] = a;
	i->a[1] = c;
	return r;
}

ref ir_arg(struct ir_build *b, unsigned n)
{
	EMIT(OP_ARG, (enum ir_type)b->f->arg_types[n]);
	i->imm = n;
	return r;
}

ref ir_slot(struct ir_build *b, uint32_t slot)
{
	EMIT(OP_SLOT, TY_STACK);
	i->imm = slot;
	return r;
}

ref ir_mapref(struct ir_build *b, uint32_t map)
{
	EMIT(OP_MAPREF, TY_MAPOBJ);
	i->imm = map;
	return r;
}

ref ir_mapval(struct ir_build *b, uint32_t map, int64_t off)
{
	EMIT(OP_MAPVAL, TY_MAPV);
	i->aux = map;
	i->imm = off;
	return r;
}

ref ir_fnref(struct ir_build *b, uint32_t fn)
{
	EMIT(OP_FNREF, TY_FN);
	i->imm = fn;
	return r;
}

ref ir_addptr(struct ir_build *b, ref p, ref off)
{
	EMIT(OP_ADDPTR, ir_ty(b, p));
	i->n = 2;
	i->a[0] = p;
	i->a[1] = off;
	return r;
}

ref ir_addptr_imm(struct ir_build *b, ref p, int64_t off)
{
	return off ? ir_addptr(b, p, ir_const(b, off)) : p;
}

ref ir_load(struct ir_build *b, enum ir_type ty, unsigned w, bool sign, ref p, int64_t off)
{
	EMIT(sign && w < 8 ? OP_LOADS : OP_LOAD, ty);
	i->w = (uint8_t)w;
	i->n = 1;
	i->a[0] = p;
	i->imm = off;
	return r;
}

void ir_store(struct ir_build *b, unsigned w, ref p, int64_t off, ref v)
{
	struct ins *i = ir_emit(b, OP_STORE, TY_VOID, NULL);
	i->w = (uint8_t)w;
	i->n = 2;
	i->a[0] = p;
	i->a[1] = v;
	i->imm = off;
}

void ir_zero(struct ir_build *b, ref p, int64_t off, uint32_t size, unsigned w)
{
	if (size == 0)
		return;
	struct ins *i = ir_emit(b, OP_ZERO, TY_VOID, NULL);
	i->w = (uint8_t)w;
	i->n = 1;
	i->a[0] = p;
	i->imm = off;
	i->aux = size;
}

void ir_copy(struct ir_build *b, ref dst, int64_t off, ref src, uint32_t size, unsigned w)
{
	if (size == 0)
		return;
	struct ins *i = ir_emit(b, OP_COPY, TY_VOID, NULL);
	i->w = (uint8_t)w;
	i->n = 2;
	i->a[0] = dst;
	i->a[1] = src;
	i->imm = off;
	i->aux = size;
}

ref ir_atomic(struct ir_build *b, enum ir_op op, unsigned w, ref p, int64_t off, ref v)
{
	EMIT(op, op_info[op].flags & OF_D ? TY_I64 : TY_VOID);
	i->w = (uint8_t)w;
	i->n = 2;
	i->a[0] = p;
	i->a[1] = v;
	i->imm = off;
	return r;
}

static ref ir_vcall(struct ir_build *b, enum ir_op op, enum ir_type ret, int64_t id, unsigned n, va_list ap)
{
	EMIT(op, ret);
	i->imm = id;
	i->n = (uint8_t)n;
	for (unsigned k = 0; k < n; k++)
		i->a[k] = va_arg(ap, ref);
	return r;
}

ref ir_call(struct ir_build *b, enum ir_type ret, int helper, unsigned n, ...)
{
	va_list ap;
	va_start(ap, n);
	ref r = ir_vcall(b, OP_CALL, ret, helper, n, ap);
	va_end(ap);
	return r;
}

ref ir_callfn(struct ir_build *b, enum ir_type ret, uint32_t fn, unsigned n, ...)
{
	va_list ap;
	va_start(ap, n);
	ref r = ir_vcall(b, OP_CALLFN, ret, fn, n, ap);
	va_end(ap);
	return r;
}

ref ir_maygoto(struct ir_build *b, ref zero)
{
	EMIT(OP_MAYGOTO, TY_I64);
	i->n = 1;
	i->a[0] = zero;
	return r;
}

ref ir_kcall(struct ir_build *b, enum ir_type ret, uint32_t btf_id, unsigned n, ...)
{
	va_list ap;
	va_start(ap, n);
	ref r = ir_vcall(b, OP_KCALL, ret, btf_id, n, ap);
	va_end(ap);
	return r;
}

ref ir_getvar(struct ir_build *b, uint32_t var)
{
	EMIT(OP_GETVAR, (enum ir_type)b->f->var_types.v[var]);
	i->imm = var;
	return r;
}

void ir_setvar(struct ir_build *b, uint32_t var, ref v)
{
	struct ins *i = ir_emit(b, OP_SETVAR, TY_VOID, NULL);
	i->imm = var;
	i->n = 1;
	i->a[0] = v;
}

void ir_jmp(struct ir_build *b, uint32_t to)
{
	ir_emit(b, OP_JMP, TY_VOID, NULL)->t = to;
}

void ir_br(struct ir_build *b, ref cond, uint32_t t, uint32_t f)
{
	struct ins *i = ir_emit(b, OP_BR, TY_VOID, NULL);
	i->n = 1;
	i->a[0] = cond;
	i->t = t;
	i->f = f;
}

void ir_ret(struct ir_build *b, ref v)
{
	struct ins *i = ir_emit(b, OP_RET, TY_VOID, NULL);
	i->n = 1;
	i->a[0] = v;
}

/* -- analysis -- */

static unsigned ir_succs(const struct func *f, uint32_t blk, uint32_t out[2])
{
	const struct block *b = &f->blocks.v[blk];
	if (b->ins.n == 0)
		return 0;
	const struct ins *t = &f->ins.v[vec_last(&b->ins)];
	if (t->op == OP_JMP) {
		out[0] = t->t;
		return 1;
	}
	if (t->op == OP_BR) {
		out[0] = t->t;
		out[1] = t->f;
		return t->t == t->f ? 1 : 2;
	}
	return 0;
}

/* When a PHI's block loses or reorders predecessors its operands must follow: remember the old order first. */
static void ir_fix_phis(struct func *f, uint32_t blk, const uint32_t *old, uint32_t n_old)
{
	struct block *b = &f->blocks.v[blk];
	bool same = n_old == b->preds.n;
	for (uint32_t i = 0; same && i < n_old; i++)
		same = old[i] == b->preds.v[i];
	if (same)
		return;
	for (uint32_t k = 0; k < b->ins.n && f->ins.v[b->ins.v[k]].op == OP_PHI; k++) {
		struct ins *p = &f->ins.v[b->ins.v[k]];
		uint32_t from = p->aux, to = f->phis.n;
		for (uint32_t i = 0; i < b->preds.n; i++) {
			ref v = NOREF;
			for (uint32_t j = 0; j < n_old; j++)
				if (old[j] == b->preds.v[i])
					v = f->phis.v[from + j];
			vec_push(f->arena, &f->phis, v);
		}
		p->aux = to;
	}
}

void ir_cfg(struct func *f)
{
	uint32_t nb = f->blocks.n, top = 0, n = 0;
	uint32_t *stack = arena_array(f->arena, uint32_t, nb + 1), *post = arena_array(f->arena, uint32_t, nb);
	uint8_t *state = arena_array(f->arena, uint8_t, nb); /* 0 new, 1..2: next successor, 3 done */
	uint32_t s[2];

	stack[top++] = 1;
	state[1] = 1;
	while (top) {
		uint32_t b = stack[top - 1];
		unsigned ns = ir_succs(f, b, s);
		if (state[b] <= ns) {
			/* visit the last successor first, so that the first one comes next in reverse post-order */
			uint32_t c = s[ns - state[b]++];
			if (!state[c]) {
				state[c] = 1;
				stack[top++] = c;
			}
		} else {
			post[n++] = b;
			top--;
		}
	}
	f->order.n = 0;
	for (uint32_t i = 0; i < nb; i++)
		f->blocks.v[i].rpo = ~0u;
	for (uint32_t i = n; i-- > 0;) {
		f->blocks.v[post[i]].rpo = f->order.n;
		vec_push(f->arena, &f->order, post[i]);
	}
	/* predecessors, kept in step with PHI operands */
	uint32_t **old = arena_array(f->arena, uint32_t *, nb), *n_old = arena_array(f->arena, uint32_t, nb);
	for (uint32_t i = 1; i < nb; i++) {
		struct block *b = &f->blocks.v[i];
		n_old[i] = b->preds.n;
		if (b->ins.n && f->ins.v[b->ins.v[0]].op == OP_PHI)
			old[i] = arena_dup(f->arena, b->preds.v, sizeof(uint32_t) * b->preds.n);
		b->preds.n = 0;
	}
	for (uint32_t i = 0; i < f->order.n; i++) {
		unsigned ns = ir_succs(f, f->order.v[i], s);
		for (unsigned k = 0; k < ns; k++)
			vec_push(f->arena, &f->blocks.v[s[k]].preds, f->order.v[i]);
	}
	for (uint32_t i = 1; i < nb; i++)
		if (old[i])
			ir_fix_phis(f, i, old[i], n_old[i]);
}

void ir_dom(struct func *f)
{
	ir_cfg(f);
	for (uint32_t i = 1; i < f->blocks.n; i++)
		f->blocks.v[i].idom = f->blocks.v[i].loop_depth = 0;
	f->blocks.v[1].idom = 1;
	for (bool changed = true; changed;) {
		changed = false;
		for (uint32_t i = 1; i < f->order.n; i++) {
			struct block *b = &f->blocks.v[f->order.v[i]];
			uint32_t d = 0;
			for (uint32_t k = 0; k < b->preds.n; k++) {
				uint32_t p = b->preds.v[k];
				if (!f->blocks.v[p].idom)
					continue;
				if (!d) {
					d = p;
					continue;
				}
				for (uint32_t q = p; q != d;) {
					if (f->blocks.v[q].rpo > f->blocks.v[d].rpo)
						q = f->blocks.v[q].idom;
					else
						d = f->blocks.v[d].idom;
				}
			}
			if (b->idom != d) {
				b->idom = d;
				changed = true;
			}
		}
	}
	/* loop depth: natural loops of back edges, walked backwards; several back edges of one head are one loop */
	uint32_t *stack = arena_array(f->arena, uint32_t, f->blocks.n + 1),
		 *seen = arena_array(f->arena, uint32_t, f->blocks.n);
	for (uint32_t i = 0; i < f->order.n; i++) {
		uint32_t head = f->order.v[i], top = 0;
		bool loop = false;
		seen[head] = head;
		for (uint32_t k = 0; k < f->blocks.v[head].preds.n; k++) {
			uint32_t p = f->blocks.v[head].preds.v[k];
			if (!ir_dominates(f, head, p))
				continue;
			loop = true;
			if (seen[p] != head) {
				seen[p] = head;
				stack[top++] = p;
			}
		}
		f->blocks.v[head].loop_depth += loop;
		while (top) {
			uint32_t b = stack[--top];
			f->blocks.v[b].loop_depth++;
			for (uint32_t k = 0; k < f->blocks.v[b].preds.n; k++) {
				uint32_t p = f->blocks.v[b].preds.v[k];
				if (seen[p] != head) {
					seen[p] = head;
					stack[top++] = p;
				}
			}
		}
	}
}

bool ir_dominates(const struct func *f, uint32_t a, uint32_t b)
{
	uint32_t ra = f->blocks.v[a].rpo;
	if (f->blocks.v[b].rpo == ~0u) /* what nobody reaches is dominated by itself only */
		return a == b;
	while (f->blocks.v[b].rpo > ra)
		b = f->blocks.v[b].idom;
	return a == b;
}

void ir_replace(struct func *f, ref *map)
{
	for (uint32_t r = 1; r < f->ins.n; r++)
		while (map[r] && map[map[r]])
			map[r] = map[map[r]];
	for (uint32_t b = 1; b < f->blocks.n; b++) {
		for (uint32_t k = 0; k < f->blocks.v[b].ins.n; k++) {
			struct ins *i = &f->ins.v[f->blocks.v[b].ins.v[k]];
			for (unsigned j = 0; j < i->n; j++)
				if (map[i->a[j]])
					i->a[j] = map[i->a[j]];
			if (i->op == OP_PHI)
				for (uint32_t j = 0; j < f->blocks.v[b].preds.n; j++)
					if (map[f->phis.v[i->aux + j]])
						f->phis.v[i->aux + j] = map[f->phis.v[i->aux + j]];
		}
	}
}
