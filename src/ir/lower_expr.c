/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Expressions. lower_scalar gives a value in a register, extended as its type
 * says; lower_into writes an aggregate to its destination; lower_place finds
 * where an aggregate already lies, so that reading one field of a struct or
 * one character of a string moves only that.
 */
#include "ir/lower_priv.h"

bool lower_is_value(const struct type *t)
{
	return type_is_scalar(t);
}

static ref lower_int(struct lower *l, int64_t v)
{
	return ir_const(LB, v);
}

/* -- variables -- */

static struct var_home *lower_home(struct lower *l, struct var_sym *v)
{
	struct var_home *h = v->lower;
	/* Unrolled, a loop's body becomes a function again, whose own variables it gets again. */
	bool elsewhere = (h->kind == VK_SSA || h->kind == VK_SLOT) && h->fn && h->fn != l->fn;
	if (elsewhere && lower_is_value(v->type))
		h->kind = VK_NONE;
	else if (elsewhere)
		h->index = ~0u;
	if (h->kind == VK_NONE) {
		bool trusted = v->type->kind == T_PTR && v->type->as == AS_BTF && h->assigned == 1 && !v->address_taken;
		if (v->address_taken) {
			h->kind = VK_SLOT;
			h->index = func_slot(l->b.f, 8, 8, v->name.s);
			struct place p = { .base = ir_slot(LB, h->index), .align = 8, .where = W_MEM };
			ir_zero(LB, p.base, 0, 8, 8);
		} else {
			h->kind = VK_SSA;
			h->index = func_var(l->b.f, trusted ? TY_BTF : TY_I64, v->name.s);
		}
		h->fn = l->fn;
	} else if (h->kind == VK_SLOT && h->index == ~0u) {
		h->index = func_slot(l->b.f, v->type->size ? v->type->size : 8, 8, v->name.s);
		h->fn = l->fn;
	}
	return h;
}

struct place lower_var_place(struct lower *l, struct var_sym *v)
{
	struct var_home *h = lower_home(l, v);
	struct place p = { .where = W_MEM, .align = 8 };
	switch (h->kind) {
	case VK_SLOT:
		p.base = ir_slot(LB, h->index);
		break;
	case VK_CELL:
		p.base = lower_frame(l);
		p.off = h->index;
		break;
	default:
		p.base = lower_scratch(l, h->index);
	}
	return p;
}

ref lower_get_var(struct lower *l, struct var_sym *v)
{
	struct var_home *h = lower_home(l, v);
	if (h->kind == VK_SSA)
		return ir_getvar(LB, h->index);
	return ir_load(LB, TY_I64, 8, false, lower_var_place(l, v).base, h->kind == VK_CELL ? h->index : 0);
}

void lower_set_var(struct lower *l, struct var_sym *v, ref val)
{
	struct var_home *h = lower_home(l, v);
	if (h->kind == VK_SSA) {
		ir_setvar(LB, h->index, val);
		return;
	}
	struct place p = lower_var_place(l, v);
	ir_store(LB, 8, p.base, p.off, val);
}

/* The entry of a map loop that `n` ($kv.0, $kv.1) speaks of, if this function still has it at hand. */
static struct loop_entry *lower_entry_of(struct lower *l, const struct node *n)
{
	if (n->kind != N_VAR || !n->var)
		return NULL;
	struct var_home *h = n->var->lower;
	if (!h || h->kind != VK_ENTRY)
		return NULL;
	for (struct loop_entry *e = l->entry; e; e = e->up)
		if (e->var == n->var && e->fn == l->fn)
			return e;
	return NULL;
}

/* -- places -- */

static const struct field *lower_field(const struct node *n, uint32_t *extra)
{
	return type_field(n->a->type, n->str, extra);
}

static struct place lower_index_place(struct lower *l, struct node *n)
{
	const struct type *t = n->a->type;
	if (t->kind == T_PTR) {
		struct place p = lower_deref(l, lower_scalar(l, n->a), t);
		uint32_t size = t->elem->size ? t->elem->size : 1;
		if (n->b->kind == N_INT)
			return lower_at(p, n->b->ival * (int64_t)size);
		ref off = ir_bin(LB, OP_MUL, lower_scalar(l, n->b), lower_int(l, size));
		p.base = ir_bin(LB, OP_ADD, p.base, off);
		if (p.where == W_BTF || p.where == W_MEM || p.where == W_CTX)
			p.where = W_KERN;
		p.maybe_null = false;
		return p;
	}
	uint32_t size = t->kind == T_STRING || t->kind == T_BUFFER ? 1 : t->elem->size;
	uint32_t count = t->kind == T_STRING ? t->size : t->count;
	struct place p = lower_place(l, n->a);
	if (n->b->kind == N_INT)
		return lower_at(p, n->b->ival * (int64_t)size);
	struct func *f = l->b.f;
	uint32_t v = func_var(f, TY_I64, "index"), bad = func_block(f), ok = func_block(f);
	ref i = lower_scalar(l, n->b);
	ir_setvar(LB, v, i);
	if (count) {
		ir_br(LB, ir_bin(LB, OP_ULT, i, lower_int(l, count)), ok, bad);
		ir_at(LB, bad);
		lower_fault(l, FAULT_BOUNDS, NOREF);
		ir_setvar(LB, v, lower_int(l, 0));
		ir_jmp(LB, ok);
		ir_at(LB, ok);
	}
	ref off = ir_bin(LB, OP_MUL, ir_getvar(LB, v), lower_int(l, size));
	if (p.where == W_MEM) {
		p.base = ir_addptr(LB, lower_address(l, p), off);
		p.off = 0;
		while (p.align > size || (size & (p.align - 1u)))
			p.align /= 2;
	} else {
		p.base = ir_bin(LB, OP_ADD, p.base, off);
		if (p.where == W_BTF || p.where == W_CTX)
			p.where = W_KERN;
	}
	p.constant = false;
	return p;
}

static bool lower_has_place(const struct lower *l, const struct node *n)
{
	switch (n->kind) {
	case N_VAR:
	case N_STRING:
		return true;
	case N_MAP:
		return true;
	case N_FIELD:
		return true;
	case N_TUPLEIDX:
	case N_INDEX:
		return true;
	case N_UNARY:
		return n->op == O_DEREF;
	case N_BUILTIN:
		return n->builtin == B_ARGS || n->builtin == B_CTX;
	case N_CALL:
		return lower_is_name(n);
	case N_CAST:
		return type_eq(n->type, n->a->type) && lower_has_place(l, n->a);
	default:
		return false;
	}
}

static struct place lower_whole_entry(struct lower *l, struct node *n, struct loop_entry *e)
{
	struct place p = lower_temp(l, n->type->size, 8, "entry");
	const struct map_sym *m = ((struct var_home *)n->var->lower)->map;
	const struct type *kt = n->type->fields.v[0].type, *vt = n->type->fields.v[1].type;
	struct place key = { .base = e->key, .where = W_MEM, .align = 8 }, val = { .base = e->value, .where = W_MEM, .align = 8 };
	struct place kd = lower_at(p, n->type->fields.v[0].offset), vd = lower_at(p, n->type->fields.v[1].offset);
	lower_zero(l, p, n->type->size);
	if (lower_is_value(kt))
		lower_write(l, kd, kt, lower_read(l, key, kt, NULL));
	else
		lower_copy(l, kd, key, kt->size);
	if (type_is_agg(m->value))
		lower_write(l, vd, vt, lower_entry_sum(l, m, e->key));
	else if (lower_is_value(vt))
		lower_write(l, vd, vt, lower_read(l, val, vt, NULL));
	else
		lower_copy(l, vd, val, vt->size);
	return p;
}

struct place lower_place(struct lower *l, struct node *n)
{
	uint32_t extra = 0;
	if (!lower_has_place(l, n)) {
		struct place p = lower_temp(l, n->type->size ? n->type->size : 8, 8, "temp");
		lower_store(l, n, p);
		return p;
	}
	switch (n->kind) {
	case N_VAR: {
		struct loop_entry *e = lower_entry_of(l, n);
		return e ? lower_whole_entry(l, n, e) : lower_var_place(l, n->var);
	}
	case N_STRING: {
		char *s = arena_alloc(l->a, n->type->size + 8);
		memcpy(s, n->str.s, n->str.len < n->type->size ? n->str.len : n->type->size);
		return (struct place){ .base = lower_rodata(l, s, n->type->size), .where = W_MEM, .align = 8, .constant = true };
	}
	case N_MAP: {
		if (!n->a)
			return lower_map_global(l, n->map);
		struct func *f = l->b.f;
		uint32_t v = func_var(f, TY_MAPV, "value"), none = func_block(f), join = func_block(f);
		ref p = lower_lookup(l, n->map, n->a);
		ir_setvar(LB, v, p);
		ir_br(LB, ir_bin(LB, OP_NE, p, lower_int(l, 0)), join, none);
		ir_at(LB, none);
		ir_setvar(LB, v, lower_zeros(l)); /* a missing element reads as zero */
		if (l->o->report_reads)
			lower_fault(l, FAULT_LOOKUP, NOREF);
		ir_jmp(LB, join);
		ir_at(LB, join);
		return (struct place){ .base = ir_getvar(LB, v), .where = W_MEM, .align = 8 };
	}
	case N_FIELD: {
		const struct field *f = lower_field(n, &extra);
		if (lower_is_user_arg(l, n))
			return lower_user_arg_place(l, f);
		if (n->a->type->kind == T_RECORD)
			return lower_at(lower_place(l, n->a), f->offset);
		return lower_at(lower_place(l, n->a), (int64_t)f->offset + extra);
	}
	case N_TUPLEIDX: {
		struct loop_entry *e = lower_entry_of(l, n->a);
		if (e)
			return (struct place){ .base = n->ival ? e->value : e->key, .where = W_MEM, .align = 8 };
		return lower_at(lower_place(l, n->a), n->a->type->fields.v[n->ival].offset);
	}
	case N_INDEX:
		if (n->a->type->kind == T_TUPLE)
			return lower_at(lower_place(l, n->a), n->a->type->fields.v[n->b->ival].offset);
		return lower_index_place(l, n);
	case N_UNARY:
		return lower_deref(l, lower_scalar(l, n->a), n->a->type);
	case N_CALL:
		return lower_name_place(l, n);
	case N_BUILTIN:
		if (n->builtin == B_ARGS && l->cl->provider->id == PROV_UPROBE)
			return lower_user_args(l, n->type);
		return (struct place){ .base = lower_ctx(l), .where = W_CTX, .align = 8 };
	default:
		return lower_place(l, n->a);
	}
}

static ref lower_field_value(struct lower *l, struct node *n)
{
	uint32_t extra = 0;
	const struct field *f = lower_field(n, &extra);
	bool args = n->a->kind == N_BUILTIN && n->a->builtin == B_ARGS;
	if (lower_is_user_arg(l, n))
		return lower_user_arg(l, f, n->type);
	if (args && lower_is_raw_args(l))
		return lower_raw_arg(l, f, n->type);
	if (args && (f->data_loc || f->rel_loc)) {
		/* low half: where the data is in the record (rel: from the end of this word) */
		ref w = ir_load(LB, TY_I64, 4, false, lower_ctx(l), f->offset);
		ref off = ir_bin(LB, OP_AND, w, lower_int(l, 0xffff));
		if (f->rel_loc)
			off = ir_bin(LB, OP_ADD, off, lower_int(l, f->offset + 4));
		return ir_bin(LB, OP_ADD, lower_ctx(l), off);
	}
	struct place p = lower_place(l, n);
	return lower_read(l, p, n->type, f); /* the node's type knows the address space, the field's does not */
}

static ref lower_tuple_value(struct lower *l, struct node *n, int64_t index)
{
	struct loop_entry *e = lower_entry_of(l, n->a);
	if (e && index == 1) {
		const struct map_sym *m = ((struct var_home *)n->a->var->lower)->map;
		if (type_is_agg(m->value))
			return lower_entry_sum(l, m, e->key);
	}
	if (e) {
		struct place p = { .base = index ? e->value : e->key, .where = W_MEM, .align = 8 };
		return lower_read(l, p, n->type, NULL);
	}
	return lower_read(l, lower_at(lower_place(l, n->a), n->a->type->fields.v[index].offset), n->type, NULL);
}

/* -- operators -- */

static uint32_t lower_step(const struct type *t)
{
	return t->kind == T_PTR && t->elem->size ? t->elem->size : 1;
}

static ref lower_scaled(struct lower *l, ref v, uint32_t by)
{
	return by == 1 ? v : ir_bin(LB, OP_MUL, v, lower_int(l, by));
}

/* Division is unsigned (language reference 2.4); by zero it gives 1 and is counted. */
static ref lower_divide(struct lower *l, enum ast_op op, ref x, ref y, const struct node *divisor)
{
	enum ir_op o = op == O_DIV ? OP_UDIV : OP_UMOD;
	if (divisor && divisor->kind == N_INT && divisor->ival)
		return ir_bin(LB, o, x, y);
	struct func *f = l->b.f;
	uint32_t v = func_var(f, TY_I64, "quotient"), good = func_block(f), bad = func_block(f), join = func_block(f);
	ir_br(LB, ir_bin(LB, OP_NE, y, lower_int(l, 0)), good, bad);
	ir_at(LB, bad);
	lower_fault(l, FAULT_DIVIDE, NOREF);
	ir_setvar(LB, v, lower_int(l, 1));
	ir_jmp(LB, join);
	ir_at(LB, good);
	ir_setvar(LB, v, ir_bin(LB, o, x, y));
	ir_jmp(LB, join);
	ir_at(LB, join);
	return ir_getvar(LB, v);
}

static ref lower_arith(struct lower *l, enum ast_op op, ref x, ref y, const struct type *tx, const struct type *ty, const struct node *nb)
{
	if (op == O_ADD && tx->kind == T_PTR && ty->kind != T_PTR)
		return ir_bin(LB, OP_ADD, x, lower_scaled(l, y, lower_step(tx)));
	if (op == O_ADD && ty->kind == T_PTR && tx->kind != T_PTR)
		return ir_bin(LB, OP_ADD, y, lower_scaled(l, x, lower_step(ty)));
	if (op == O_SUB && tx->kind == T_PTR && ty->kind != T_PTR)
		return ir_bin(LB, OP_SUB, x, lower_scaled(l, y, lower_step(tx)));
	switch (op) {
	case O_ADD: return ir_bin(LB, OP_ADD, x, y);
	case O_SUB: return ir_bin(LB, OP_SUB, x, y);
	case O_MUL: return ir_bin(LB, OP_MUL, x, y);
	case O_DIV: case O_MOD: return lower_divide(l, op, x, y, nb);
	case O_AND: return ir_bin(LB, OP_AND, x, y);
	case O_OR: return ir_bin(LB, OP_OR, x, y);
	case O_XOR: return ir_bin(LB, OP_XOR, x, y);
	case O_SHL: return ir_bin(LB, OP_SHL, x, y);
	default: return ir_bin(LB, OP_LSHR, x, y);
	}
}

ref lower_combine(struct lower *l, enum ast_op op, ref x, ref y, const struct type *tx, const struct type *ty, const struct type *result,
		  const struct node *nb)
{
	ref v = lower_arith(l, op, x, y, tx, ty, nb);
	if (result->kind == T_BOOL)
		return ir_bin(LB, OP_NE, v, lower_int(l, 0));
	return lower_extend(l, v, result);
}

static enum ir_op lower_compare_op(enum ast_op op, bool sign)
{
	switch (op) {
	case O_EQ: return OP_EQ;
	case O_NE: return OP_NE;
	case O_LT: return sign ? OP_SLT : OP_ULT;
	case O_LE: return sign ? OP_SLE : OP_ULE;
	case O_GT: return sign ? OP_SGT : OP_UGT;
	default: return sign ? OP_SGE : OP_UGE;
	}
}

/* Strings are equal up to the shorter type; a literal needs no padding behind the other's NUL. */
static ref lower_strings_equal(struct lower *l, struct node *x, struct node *y)
{
	uint32_t n = x->type->size < y->type->size ? x->type->size : y->type->size;
	struct node *lit = y->kind == N_STRING ? y : x->kind == N_STRING ? x : NULL, *other = lit == y ? x : y;
	while (other->kind == N_CAST && other->ival == 1 && other->type->kind == T_STRING && other->a->type->kind == T_STRING)
		other = other->a;
	if (lit && lit->str.len + 1 < n)
		n = lit->str.len + 1;
	if (lit && other->kind == N_CALL && other->builtin == B_STR && other->type->size >= n) {
		/* read only as much as can matter, without clearing the rest: the comparison ends at the literal's NUL */
		struct type *pt = other->list.v[0]->type;
		ref ptr = pt->kind == T_PTR || type_is_int(pt) ? lower_scalar(l, other->list.v[0]) : NOREF;
		if (ptr && other->list.n == 1 && n <= 96) {
			enum addr_space as = pt->kind == T_PTR ? pt->as : (enum addr_space)other->as;
			/* one byte more than the literal: a longer string must not look equal */
			struct place wide = lower_temp(l, n + 1, 8, "str");
			lower_read_str(l, wide, n + 1, NOREF, ptr, lower_where(l, ptr, as), false);
			char *s = arena_alloc(l->a, n + 8);
			memcpy(s, lit->str.s, lit->str.len < n ? lit->str.len : n);
			struct place c = { .base = lower_rodata(l, s, n), .where = W_MEM, .align = 8, .constant = true };
			return lower_bytes_equal(l, wide, c, n);
		}
	}
	struct place px = lower_place(l, lit ? other : x), py = lower_place(l, lit ? lit : y);
	return lower_bytes_equal(l, px, py, n);
}

static ref lower_compare(struct lower *l, struct node *n)
{
	const struct type *t = n->a->type;
	ref v;
	if (t->kind == T_STRING && n->b->type->kind == T_STRING) {
		v = lower_strings_equal(l, n->a, n->b);
	} else if (!lower_is_value(t)) {
		struct place x = lower_place(l, n->a), y = lower_place(l, n->b);
		v = lower_bytes_equal(l, x, y, t->size);
	} else {
		ref x = lower_scalar(l, n->a), y = lower_scalar(l, n->b);
		bool sign = (type_is_int(t) && t->is_signed) || (type_is_int(n->b->type) && n->b->type->is_signed);
		if (t->kind == T_PTR || n->b->type->kind == T_PTR)
			sign = false;
		return ir_bin(LB, lower_compare_op(n->op, sign), x, y);
	}
	return n->op == O_NE ? ir_bin(LB, OP_EQ, v, lower_int(l, 0)) : v;
}

void lower_condition(struct lower *l, struct node *n, uint32_t yes, uint32_t no)
{
	if (n->kind == N_BINARY && (n->op == O_LAND || n->op == O_LOR)) {
		uint32_t more = func_block(l->b.f);
		if (n->op == O_LAND)
			lower_condition(l, n->a, more, no);
		else
			lower_condition(l, n->a, yes, more);
		ir_at(LB, more);
		lower_condition(l, n->b, yes, no);
	} else if (n->kind == N_UNARY && n->op == O_NOT) {
		lower_condition(l, n->a, no, yes);
	} else if (n->kind == N_CAST && n->type->kind == T_BOOL && lower_is_value(n->a->type)) {
		lower_condition(l, n->a, yes, no);
	} else {
		ir_br(LB, lower_scalar(l, n), yes, no);
	}
}

/* 0 or 1 from a condition. */
static ref lower_truth(struct lower *l, struct node *n)
{
	struct func *f = l->b.f;
	uint32_t v = func_var(f, TY_I64, "truth"), yes = func_block(f), no = func_block(f), join = func_block(f);
	lower_condition(l, n, yes, no);
	ir_at(LB, yes);
	ir_setvar(LB, v, lower_int(l, 1));
	ir_jmp(LB, join);
	ir_at(LB, no);
	ir_setvar(LB, v, lower_int(l, 0));
	ir_jmp(LB, join);
	ir_at(LB, join);
	return ir_getvar(LB, v);
}

static ref lower_binary(struct lower *l, struct node *n)
{
	switch (n->op) {
	case O_LAND:
	case O_LOR:
		return lower_truth(l, n);
	case O_EQ: case O_NE: case O_LT: case O_LE: case O_GT: case O_GE:
		return lower_compare(l, n);
	default: {
		ref x = lower_scalar(l, n->a), y = lower_scalar(l, n->b);
		return lower_combine(l, n->op, x, y, n->a->type, n->b->type, n->type, n->b);
	}
	}
}

static ref lower_incdec(struct lower *l, struct node *n, bool want)
{
	struct node *t = n->a;
	if (t->kind == N_MAP)
		return lower_map_incdec(l, n, want);
	ref old = lower_get_var(l, t->var);
	ref step = lower_int(l, lower_step(t->var->type));
	ref val = lower_extend(l, ir_bin(LB, n->op == O_INC ? OP_ADD : OP_SUB, old, step), t->var->type);
	lower_set_var(l, t->var, val);
	return n->ival ? val : old;
}

/* To the verifier a number from now on: by way of memory whose contents it does not follow. Pointers it would not let us calculate with. */
static ref lower_as_number(struct lower *l, ref p)
{
	ref at = lower_scratch(l, lower_scratch_alloc(l, 8));
	ir_store(LB, 8, at, 0, p);
	return ir_atomic(LB, OP_AFADD, 8, at, 0, lower_int(l, 0));
}

static ref lower_address_of(struct lower *l, struct node *x)
{
	if (x->kind == N_VAR) {
		struct loop_entry *e = lower_entry_of(l, x);
		return lower_as_number(l, lower_address(l, e ? lower_whole_entry(l, x, e) : lower_var_place(l, x->var)));
	}
	if (!x->a)
		return lower_as_number(l, lower_address(l, lower_map_global(l, x->map)));
	struct func *f = l->b.f;
	uint32_t v = func_var(f, TY_I64, "address"), some = func_block(f), join = func_block(f);
	ref p = lower_lookup(l, x->map, x->a);
	ir_setvar(LB, v, lower_int(l, 0));
	ir_br(LB, ir_bin(LB, OP_NE, p, lower_int(l, 0)), some, join);
	ir_at(LB, some);
	ir_setvar(LB, v, lower_as_number(l, p));
	ir_jmp(LB, join);
	ir_at(LB, join);
	return ir_getvar(LB, v);
}

static ref lower_unary(struct lower *l, struct node *n)
{
	switch (n->op) {
	case O_NEG:
		return lower_extend(l, ir_un(LB, OP_NEG, 8, lower_scalar(l, n->a)), n->type);
	case O_BNOT:
		return lower_extend(l, ir_un(LB, OP_NOT, 8, lower_scalar(l, n->a)), n->type);
	case O_NOT:
		return ir_bin(LB, OP_EQ, lower_scalar(l, n->a), lower_int(l, 0));
	case O_DEREF: {
		ref p = lower_scalar(l, n->a);
		if (n->a->type->kind == T_PTR)
			return lower_read(l, lower_deref(l, p, n->a->type), n->type, NULL);
		struct type pt = { .kind = T_PTR, .size = 8, .as = (enum addr_space)n->as };
		return lower_read(l, lower_deref(l, p, &pt), n->type, NULL);
	}
	case O_ADDR:
		return lower_address_of(l, n->a);
	default:
		return lower_int(l, 0);
	}
}

static ref lower_cast(struct lower *l, struct node *n)
{
	const struct type *from = n->a->type, *to = n->type;
	if (from->kind == T_STRING && to->kind == T_BOOL) /* non-empty */
		return ir_bin(LB, OP_NE, ir_load(LB, TY_I64, 1, false, lower_address(l, lower_place(l, n->a)), 0), lower_int(l, 0));
	if (!lower_is_value(from)) { /* an array of the integer's size */
		struct place p = lower_place(l, n->a);
		if (p.where != W_MEM) {
			struct place t = lower_temp(l, from->size, 8, "array");
			lower_copy(l, t, p, from->size);
			p = t;
		}
		return lower_read(l, p, to, NULL);
	}
	ref v = lower_scalar(l, n->a);
	if (to->kind == T_BOOL)
		return from->kind == T_BOOL ? v : ir_bin(LB, OP_NE, v, lower_int(l, 0));
	if (from->kind == T_BOOL || to->size == 8)
		return v;
	if (type_is_int(from) && from->size < to->size && (from->is_signed == to->is_signed || !from->is_signed))
		return v;
	return lower_extend(l, v, to);
}

/* -- branches that give a value -- */

static void lower_block_value(struct lower *l, struct node *n, struct place *dst, uint32_t var)
{
	const struct call_chain *outer = lower_called(l, n);
	if (n->kind == N_BLOCK) {
		for (uint32_t i = 0; i < n->list.n; i++)
			lower_stmt(l, n->list.v[i]);
		n = n->a;
	}
	if (n && dst)
		lower_store(l, n, *dst);
	else if (n)
		ir_setvar(LB, var, lower_scalar(l, n));
	l->calls = outer;
}

static void lower_choice(struct lower *l, struct node *n, struct place *dst, uint32_t var)
{
	struct func *f = l->b.f;
	if (n->kind == N_BLOCK) {
		lower_block_value(l, n, dst, var);
		return;
	}
	uint32_t yes = func_block(f), no = func_block(f), join = func_block(f);
	lower_condition(l, n->a, yes, no);
	ir_at(LB, yes);
	lower_block_value(l, n->b, dst, var);
	ir_jmp(LB, join);
	ir_at(LB, no);
	if (n->c && n->c->kind == N_IF)
		lower_choice(l, n->c, dst, var);
	else if (n->c)
		lower_block_value(l, n->c, dst, var);
	ir_jmp(LB, join);
	ir_at(LB, join);
}

static ref lower_scalar_plain(struct lower *l, struct node *n)
{
	switch (n->kind) {
	case N_INT:
	case N_BOOL:
		return lower_int(l, n->ival);
	case N_VAR:
		return lower_get_var(l, n->var);
	case N_MAP:
		return type_is_agg(n->map->value) ? lower_map_sum(l, n) : lower_map_read(l, n);
	case N_BUILTIN:
		return lower_builtin(l, n);
	case N_CALL:
		return lower_call(l, n);
	case N_CAST:
		return lower_cast(l, n);
	case N_UNARY:
		return lower_unary(l, n);
	case N_INCDEC:
		return lower_incdec(l, n, true);
	case N_BINARY:
		return lower_binary(l, n);
	case N_TERNARY:
	case N_IF:
	case N_BLOCK: {
		uint32_t v = func_var(l->b.f, TY_I64, "choice");
		lower_choice(l, n, NULL, v);
		return ir_getvar(LB, v);
	}
	case N_INLINE:
		lower_inlined(l, n);
		return n->a ? lower_get_var(l, n->a->var) : lower_int(l, 0);
	case N_COMPTIME:
		return lower_scalar(l, n->a);
	case N_FIELD:
		return lower_field_value(l, n);
	case N_TUPLEIDX:
		return lower_tuple_value(l, n, n->ival);
	case N_INDEX:
		if (n->a->type->kind == T_TUPLE)
			return lower_tuple_value(l, n, n->b->ival);
		return lower_read(l, lower_index_place(l, n), n->type, NULL);
	default:
		lower_error(l, n->span, "this expression");
		return lower_int(l, 0);
	}
}

ref lower_scalar(struct lower *l, struct node *n)
{
	struct span old = l->b.span;
	l->b.span = n->span;
	ref r = lower_scalar_plain(l, n);
	l->b.span = old;
	return r;
}

/* -- aggregates into a destination -- */

static void lower_cast_field(struct lower *l, struct place dst, const struct type *to, struct place src, const struct type *from)
{
	if (lower_is_value(to) && lower_is_value(from))
		lower_write(l, dst, to, lower_extend(l, lower_read(l, src, from, NULL), to));
	else if (from->kind == T_PROBE && to->kind == T_STRING)
		lower_probe_name(l, dst, from, to->size, lower_read(l, src, from, NULL));
	else
		lower_cast_place(l, dst, to, src, from);
}

void lower_cast_place(struct lower *l, struct place dst, const struct type *to, struct place src, const struct type *from)
{
	if (to->kind == T_STRING && from->kind == T_STRING) {
		lower_string_copy(l, dst, to->size, src, from->size);
	} else if ((to->kind == T_TUPLE || to->kind == T_RECORD) && to->kind == from->kind && !type_eq(to, from)) {
		lower_zero(l, dst, to->size);
		for (uint32_t i = 0; i < to->fields.n; i++) {
			const struct field *g = to->kind == T_RECORD ? type_field(from, to->fields.v[i].name, NULL) : &from->fields.v[i];
			if (g)
				lower_cast_field(l, lower_at(dst, to->fields.v[i].offset), to->fields.v[i].type, lower_at(src, g->offset),
						 g->type);
		}
	} else {
		uint32_t n = from->size < to->size ? from->size : to->size;
		lower_copy(l, dst, src, n);
		if (n < to->size)
			lower_zero(l, lower_at(dst, n), to->size - n);
	}
}

static bool lower_has_padding(const struct type *t)
{
	uint32_t at = 0;
	for (uint32_t i = 0; i < t->fields.n; i++) {
		if (t->fields.v[i].offset != at)
			return true;
		at += t->fields.v[i].type->size;
	}
	return at != t->size;
}

static void lower_tuple_into(struct lower *l, struct node *n, struct place dst)
{
	if (lower_has_padding(n->type))
		lower_zero(l, dst, n->type->size);
	for (uint32_t i = 0; i < n->list.n; i++) {
		struct node *e = n->list.v[i];
		const struct field *f = &n->type->fields.v[i];
		if (e->kind == N_FIELDINIT) {
			const struct field *g = type_field(n->type, e->str, NULL);
			f = g ? g : f;
			e = e->a;
		}
		if (e->type->kind == T_STRING && f->type->kind == T_STRING && e->type->size != f->type->size && e->kind != N_STRING) {
			lower_cast_place(l, lower_at(dst, f->offset), f->type, lower_place(l, e), e->type);
		} else if (e->kind == N_STRING) {
			lower_literal(l, lower_at(dst, f->offset), f->type->size, e->str);
		} else {
			lower_store(l, e, lower_at(dst, f->offset));
		}
	}
}

/* A user symbol is resolved by the reader: address and process, or else the function of an attach point, `place` - 1 (type.h, T_USYM). */
void lower_usym_into(struct lower *l, struct place dst, ref addr, ref place)
{
	struct type word = { .kind = T_INT, .size = 8, .align = 8 }, half = { .kind = T_INT, .size = 4, .align = 4 };
	lower_write(l, dst, &word, addr);
	ref pid = ir_bin(LB, OP_LSHR, lower_pid_tgid(l, false), ir_const(LB, 32));
	lower_process(l, pid, ir_const(LB, 0));
	lower_write(l, lower_at(dst, 8), &half, pid);
	lower_write(l, lower_at(dst, 12), &half, place);
}

/* At the return of a user function kernels before 6.6 do not tell where that was: its attach point does. */
static void lower_func_into(struct lower *l, struct place dst)
{
	struct facts *f = l->env->facts;
	bool tells = l->cl->provider->id != PROV_URETPROBE || (f && f->ops->has(f, FEAT_UPROBE_MULTI));
	ref place = tells ? ir_const(LB, 0) : l->attach != ~0u ? ir_const(LB, (int64_t)l->attach + 1) :
		    ir_bin(LB, OP_ADD, lower_cookie(l), ir_const(LB, 1));
	lower_usym_into(l, dst, lower_func_ip(l), place);
}

/* Some kernels (6.1 is one) write the name and its NUL and leave the rest as it was: as part of a key it must be the same every time. */
static void lower_comm_into(struct lower *l, const struct node *n, struct place dst)
{
	uint32_t size = n->type->size < 16 ? n->type->size : 16;
	ref p = lower_address(l, dst);
	lower_zero(l, dst, size);
	ir_call(LB, TY_I64, H_get_current_comm, 2, p, ir_const(LB, size));
}

void lower_into(struct lower *l, struct node *n, struct place dst)
{
	struct span old = l->b.span;
	l->b.span = n->span;
	switch (n->kind) {
	case N_STRING:
		lower_literal(l, dst, n->type->size, n->str);
		break;
	case N_TUPLE:
	case N_RECORD:
		lower_tuple_into(l, n, dst);
		break;
	case N_TERNARY:
	case N_IF:
	case N_BLOCK:
		lower_choice(l, n, &dst, 0);
		break;
	case N_INLINE:
		lower_inlined(l, n);
		lower_copy(l, dst, lower_var_place(l, n->a->var), n->type->size);
		break;
	case N_CALL:
		lower_call_into(l, n, dst);
		break;
	case N_BUILTIN:
		if (n->builtin == B_COMM)
			lower_comm_into(l, n, dst);
		else if (n->builtin == B_FUNC)
			lower_func_into(l, dst);
		else if (n->builtin == B_KSTACK || n->builtin == B_USTACK)
			lower_stack_into(l, n, dst);
		else if (lower_has_place(l, n))
			lower_copy(l, dst, lower_place(l, n), n->type->size);
		else
			lower_error(l, n->span, builtin_info[n->builtin].name);
		break;
	case N_CAST:
		if (n->a->kind == N_STRING && n->type->kind == T_STRING) {
			lower_literal(l, dst, n->type->size, n->a->str);
		} else if (n->a->type->kind == T_PROBE && n->type->kind == T_STRING) {
			lower_probe_name(l, dst, n->a->type, n->type->size, lower_scalar(l, n->a));
		} else if (lower_is_value(n->a->type)) { /* an integer as an array of its bytes */
			ref v = lower_scalar(l, n->a);
			uint32_t w = n->type->size < 8 ? n->type->size : 8;
			for (uint32_t k = 0; k < w; k++)
				ir_store(LB, 1, dst.base, dst.off + k, k ? ir_bin(LB, OP_LSHR, v, ir_const(LB, k * 8)) : v);
			if (w < n->type->size)
				lower_zero(l, lower_at(dst, w), n->type->size - w);
		} else if (n->a->kind == N_BUILTIN && n->a->builtin == B_COMM && n->type->size >= 16) {
			lower_into(l, n->a, dst);
			if (n->type->size > 16)
				lower_zero(l, lower_at(dst, 16), n->type->size - 16);
		} else {
			lower_cast_place(l, dst, n->type, lower_place(l, n->a), n->a->type);
		}
		break;
	default:
		if (lower_has_place(l, n))
			lower_copy(l, dst, lower_place(l, n), n->type->size);
		else
			lower_error(l, n->span, "this expression");
	}
	l->b.span = old;
}

void lower_store(struct lower *l, struct node *n, struct place dst)
{
	if (lower_is_value(n->type))
		lower_write(l, dst, n->type, lower_scalar(l, n));
	else
		lower_into(l, n, dst);
}

void lower_discard(struct lower *l, struct node *n)
{
	if (n->kind == N_INCDEC) {
		lower_incdec(l, n, false);
	} else if (n->kind == N_INLINE) {
		lower_inlined(l, n);
	} else if (n->kind == N_BLOCK || n->kind == N_IF) {
		lower_stmt(l, n);
	} else if (n->kind == N_CALL && (n->type->kind == T_NONE || lower_is_value(n->type))) {
		lower_call(l, n);
	} else if (lower_is_value(n->type)) {
		lower_scalar(l, n);
	} else if (n->type->kind != T_NONE && n->type->size) {
		lower_place(l, n);
	}
}
