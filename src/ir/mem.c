/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pass_mem: memory that we know. Going forward, a load of what was just stored,
 * zeroed or loaded is that value; what is known holds on along edges into
 * blocks with one predecessor. Going backward, a store into a stack slot that
 * is overwritten or left before anything reads it is dropped, and a ZERO is
 * trimmed to the bytes that nobody stores.
 *
 * What may be the same memory: kinds of pointers (stack, map, ring, context,
 * kernel) never meet, nor do two slots or two maps' values. A slot is seen by
 * calls that get its address, and if its address goes into memory or a PHI, by
 * all calls and pointers. Helpers that only look (HF_PURE, HF_DEAD) change
 * nothing, HF_MEM ones what their first argument points to. Others may change
 * all map values. Needs SSA.
 */
#include "ir/pass.h"

enum { MEM_ROOM = 24, MEM_SLOT_WORDS = 8 /* bitmap of 512 bytes */ };

enum mem_root { ROOT_SLOT, ROOT_MAP, ROOT_VALUE };
struct mem_addr {
	uint8_t root, kind; /* kind: enum ir_type without null */
	uint32_t id;        /* slot, map, or the pointer's ref */
	ref base;           /* the pointer that `off` counts from; 0 = the beginning of the slot or map value */
	int64_t off;
	uint32_t size;
};
struct mem_known {
	struct mem_addr at;
	ref val;      /* 0: zero bytes */
	bool load;    /* val is a LOAD(S) of these bytes, extended as it says; else what was stored */
};
struct mem_state {
	uint32_t n;
	struct mem_known k[MEM_ROOM];
};
enum { SEEN_BY_CALL = 1, SEEN_BY_ALL = 2 };
struct mem {
	struct func *f;
	uint8_t *seen;           /* by slot */
	struct mem_state **out;  /* at each block's end */
	uint64_t (*dead)[MEM_SLOT_WORDS]; /* by slot: bytes that nobody reads any more; going backward */
	ref *repl;
	bool changed;
};

static struct mem_addr mem_address(const struct func *f, ref p, int64_t off, uint32_t size)
{
	struct mem_addr a = { .off = off, .size = size };
	uint8_t ty = f->ins.v[p].ty;
	a.kind = ty == TY_MAPV_NULL ? TY_MAPV : ty == TY_RING_NULL ? TY_RING : ty;
	for (; f->ins.v[p].op == OP_ADDPTR; p = f->ins.v[p].a[0]) {
		const struct ins *c = &f->ins.v[f->ins.v[p].a[1]];
		if (c->op != OP_CONST || c->imm < INT32_MIN || c->imm > INT32_MAX)
			a.base = a.base ? a.base : p;
		else if (!a.base)
			a.off += c->imm;
	}
	const struct ins *i = &f->ins.v[p];
	a.root = i->op == OP_SLOT ? ROOT_SLOT : i->op == OP_MAPVAL ? ROOT_MAP : ROOT_VALUE;
	a.id = i->op == OP_SLOT ? (uint32_t)i->imm : i->op == OP_MAPVAL ? i->aux : p;
	if (!a.base && i->op == OP_MAPVAL)
		a.off += i->imm;
	return a;
}

static bool mem_same_base(const struct mem_addr *a, const struct mem_addr *b)
{
	return a->root == b->root && a->id == b->id && a->base == b->base;
}

static bool mem_overlap(const struct mem *m, const struct mem_addr *a, const struct mem_addr *b)
{
	if (a->kind != b->kind)
		return false;
	if (mem_same_base(a, b))
		return a->off < b->off + (int64_t)b->size && b->off < a->off + (int64_t)a->size;
	if (a->root != ROOT_VALUE && b->root != ROOT_VALUE)
		return a->id == b->id;
	if (a->root == ROOT_SLOT || b->root == ROOT_SLOT)
		return m->seen[a->root == ROOT_SLOT ? a->id : b->id] & SEEN_BY_ALL;
	return true;
}

/* -- who sees the slots -- */

static void mem_find_seen(struct mem *m)
{
	struct func *f = m->f;
	for (uint32_t k = 0; k < f->order.n; k++) {
		const struct block *b = &f->blocks.v[f->order.v[k]];
		for (uint32_t j = 0; j < b->ins.n; j++) {
			const struct ins *i = &f->ins.v[b->ins.v[j]];
			uint32_t np = i->op == OP_PHI ? b->preds.n : 0;
			bool address = i->op == OP_LOAD || i->op == OP_LOADS || i->op == OP_ZERO || i->op == OP_COPY ||
				       i->op == OP_ADDPTR;
			for (uint32_t q = 0; q < i->n + np; q++) {
				ref v = q < i->n ? i->a[q] : f->phis.v[i->aux + q - i->n];
				if (f->ins.v[v].ty != TY_STACK || address)
					continue;
				struct mem_addr a = mem_address(f, v, 0, 0);
				if (a.root != ROOT_SLOT ||
				    (q == 0 && (i->op == OP_STORE || (i->op >= OP_AADD && i->op <= OP_AAND))))
					continue;
				if (i->op == OP_CALL)
					m->seen[a.id] |= SEEN_BY_CALL;
				else
					m->seen[a.id] |= SEEN_BY_CALL | SEEN_BY_ALL;
			}
		}
	}
}

/* -- forward -- */

static void mem_forget(const struct mem *m, struct mem_state *s, const struct mem_addr *a)
{
	for (uint32_t k = 0; k < s->n;) {
		if (mem_overlap(m, &s->k[k].at, a))
			s->k[k] = s->k[--s->n];
		else
			k++;
	}
}

static void mem_learn(struct mem_state *s, struct mem_known x)
{
	if (s->n == MEM_ROOM)
		memmove(s->k, s->k + 1, sizeof(s->k[0]) * --s->n);
	s->k[s->n++] = x;
}

/* Everything behind a pointer, whatever the offset. */
static void mem_forget_all(const struct mem *m, struct mem_state *s, ref p)
{
	struct mem_addr a = mem_address(m->f, p, 0, 1u << 30);
	a.off = -(1 << 29);
	mem_forget(m, s, &a);
}

static void mem_after_call(const struct mem *m, struct mem_state *s, const struct ins *i)
{
	unsigned flags = i->op == OP_CALL ? ir_helper_flags(i->imm) : 0;
	if (flags & (HF_PURE | HF_DEAD))
		return;
	for (unsigned k = 0; k < i->n && !(flags & HF_MEM && k > 0); k++)
		if (ir_type_is_ptr((enum ir_type)m->f->ins.v[i->a[k]].ty))
			mem_forget_all(m, s, i->a[k]);
	for (uint32_t k = 0; k < s->n && !(flags & HF_MEM);) {
		const struct mem_addr *a = &s->k[k].at;
		if (a->kind == TY_STACK && a->root == ROOT_SLOT && !(m->seen[a->id] & SEEN_BY_ALL))
			k++;
		else
			s->k[k] = s->k[--s->n];
	}
}

/* A load of known bytes becomes what they are. */
static bool mem_load(struct mem *m, const struct mem_state *s, ref r, struct ins *i, const struct mem_addr *a)
{
	for (uint32_t k = s->n; k-- > 0;) {
		const struct mem_known *x = &s->k[k];
		if (!mem_same_base(&x->at, a))
			continue;
		if (!x->val && x->at.off <= a->off && a->off + a->size <= x->at.off + x->at.size && i->ty == TY_I64) {
			i->op = OP_CONST;
			i->w = 8;
			i->n = 0;
			i->imm = 0;
			return true;
		}
		if (!x->val || x->at.off != a->off || x->at.size != a->size)
			continue;
		const struct ins *v = &m->f->ins.v[x->val];
		if ((x->load && v->op == i->op && v->ty == i->ty) || (!x->load && i->w == 8 && v->ty == i->ty)) {
			m->repl[r] = x->val;
			return true;
		}
		if (i->ty != TY_I64 || v->ty != TY_I64)
			continue;
		i->op = i->op == OP_LOADS ? OP_SEXT : OP_ZEXT;
		i->a[0] = x->val;
		i->imm = 0;
		return true;
	}
	return false;
}

static void mem_forward_block(struct mem *m, uint32_t blk)
{
	struct func *f = m->f;
	struct block *b = &f->blocks.v[blk];
	struct mem_state *s = m->out[blk] = arena_new(f->arena, struct mem_state);
	if (b->preds.n == 1 && m->out[b->preds.v[0]] && b->preds.v[0] != blk)
		*s = *m->out[b->preds.v[0]];
	uint32_t n = 0;
	for (uint32_t j = 0; j < b->ins.n; j++) {
		ref r = b->ins.v[j];
		struct ins *i = &f->ins.v[r];
		b->ins.v[n++] = r;
		for (unsigned q = 0; q < i->n; q++)
			while (m->repl[i->a[q]])
				i->a[q] = m->repl[i->a[q]];
		if (i->op == OP_CALL || i->op == OP_CALLFN || i->op == OP_KCALL) {
			mem_after_call(m, s, i);
			continue;
		}
		bool load = i->op == OP_LOAD || i->op == OP_LOADS, sized = i->op == OP_ZERO || i->op == OP_COPY;
		if (!load && !sized && i->op != OP_STORE && !(i->op >= OP_AADD && i->op <= OP_AAND))
			continue;
		struct mem_addr a = mem_address(f, i->a[0], i->imm, sized ? i->aux : i->w);
		if (load) {
			if (mem_load(m, s, r, i, &a)) {
				m->changed = true;
				n -= m->repl[r] != 0;
			} else {
				mem_learn(s, (struct mem_known){ a, r, true });
			}
			continue;
		}
		mem_forget(m, s, &a);
		if (i->op == OP_STORE)
			mem_learn(s, (struct mem_known){ a, i->a[1], false });
		else if (i->op == OP_ZERO)
			mem_learn(s, (struct mem_known){ a, NOREF, false });
	}
	b->ins.n = n;
}

/* -- backward -- */

static bool mem_all_dead(const uint64_t *dead, int64_t from, int64_t n)
{
	for (int64_t k = from; k < from + n; k++)
		if (k < 0 || k >= MEM_SLOT_WORDS * 64 || !(dead[k / 64] >> (k % 64) & 1))
			return false;
	return true;
}

static void mem_mark(uint64_t *dead, int64_t from, int64_t n, bool yes)
{
	for (int64_t k = from < 0 ? 0 : from; k < from + n && k < MEM_SLOT_WORDS * 64; k++) {
		if (yes)
			dead[k / 64] |= 1ull << (k % 64);
		else
			dead[k / 64] &= ~(1ull << (k % 64));
	}
}

/* Something reads `size` bytes at p + off. */
static void mem_read(struct mem *m, ref p, int64_t off, uint32_t size)
{
	struct mem_addr a = mem_address(m->f, p, off, size);
	if (a.kind != TY_STACK)
		return;
	for (uint32_t s = 0; s < m->f->slots.n; s++) {
		if (a.root == ROOT_SLOT ? a.id != s : !(m->seen[s] & SEEN_BY_ALL))
			continue;
		if (a.root == ROOT_SLOT && !a.base)
			mem_mark(m->dead[s], a.off, a.size, false);
		else
			memset(m->dead[s], 0, sizeof(m->dead[s]));
	}
}

static void mem_read_by_call(struct mem *m, const struct ins *i)
{
	if (i->op == OP_CALL && (ir_helper_flags(i->imm) & HF_PURE))
		return;
	for (unsigned k = 0; k < i->n; k++) {
		struct mem_addr a = mem_address(m->f, i->a[k], 0, 0);
		if (a.root == ROOT_SLOT)
			memset(m->dead[a.id], 0, sizeof(m->dead[a.id]));
	}
	for (uint32_t s = 0; s < m->f->slots.n; s++)
		if (m->seen[s] & SEEN_BY_ALL)
			memset(m->dead[s], 0, sizeof(m->dead[s]));
}

/* A write of `size` bytes at a slot: can it go? ZEROs are trimmed at both ends. */
static bool mem_write_is_dead(struct mem *m, struct ins *i, uint32_t size)
{
	struct mem_addr a = mem_address(m->f, i->a[0], i->imm, size);
	if (a.root != ROOT_SLOT || a.base)
		return false;
	uint64_t *dead = m->dead[a.id];
	if (mem_all_dead(dead, a.off, size))
		return true;
	if (i->op == OP_ZERO) {
		uint32_t w = i->w;
		while (i->aux > w && mem_all_dead(dead, a.off, w)) {
			a.off += w;
			i->imm += w;
			i->aux -= w;
			m->changed = true;
		}
		while (i->aux > w && i->aux % w == 0 && mem_all_dead(dead, a.off + i->aux - w, w)) {
			i->aux -= w;
			m->changed = true;
		}
		size = i->aux;
	}
	mem_mark(dead, a.off, size, true);
	return false;
}

static void mem_backward_block(struct mem *m, uint32_t blk)
{
	struct func *f = m->f;
	struct block *b = &f->blocks.v[blk];
	memset(m->dead, f->ins.v[vec_last(&b->ins)].op == OP_RET ? 0xff : 0, sizeof(*m->dead) * f->slots.n);
	uint32_t n = b->ins.n; /* survivors are packed to the end, then moved down */
	for (uint32_t j = b->ins.n; j-- > 0;) {
		ref r = b->ins.v[j];
		struct ins *i = &f->ins.v[r];
		bool drop = false;
		switch (i->op) {
		case OP_LOAD: case OP_LOADS:
			mem_read(m, i->a[0], i->imm, i->w);
			break;
		case OP_STORE:
			drop = mem_write_is_dead(m, i, i->w);
			break;
		case OP_ZERO: case OP_COPY:
			drop = mem_write_is_dead(m, i, i->aux);
			if (!drop && i->op == OP_COPY)
				mem_read(m, i->a[1], 0, i->aux);
			break;
		case OP_AADD: case OP_AFADD: case OP_AFOR: case OP_AAND:
			mem_read(m, i->a[0], i->imm, i->w);
			break;
		case OP_CALL: case OP_CALLFN: case OP_KCALL:
			mem_read_by_call(m, i);
			break;
		default:
			break;
		}
		if (drop)
			m->changed = true;
		else
			b->ins.v[--n] = r;
	}
	memmove(b->ins.v, b->ins.v + n, sizeof(ref) * (b->ins.n - n));
	b->ins.n -= n;
}

void pass_mem(struct pass_ctx *c)
{
	struct func *f = c->f;
	struct mem m = { .f = f };
	ir_cfg(f);
	m.seen = arena_array(f->arena, uint8_t, f->slots.n + 1);
	m.out = arena_array(f->arena, struct mem_state *, f->blocks.n);
	m.dead = arena_alloc(f->arena, sizeof(*m.dead) * (f->slots.n + 1));
	m.repl = arena_array(f->arena, ref, f->ins.n);
	mem_find_seen(&m);
	for (uint32_t k = 0; k < f->order.n; k++)
		mem_forward_block(&m, f->order.v[k]);
	ir_replace(f, m.repl);
	for (uint32_t k = 0; k < f->order.n; k++)
		mem_backward_block(&m, f->order.v[k]);
	c->changed |= m.changed;
}
