/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Maps. Unkeyed ones have no kernel map: plain values lie in the data map
 * once, aggregations once per CPU; both are an address in the instruction.
 * Keyed ones are hashes. An update in place needs one lookup; only a miss
 * inserts, zeros first, so that two CPUs that miss together both end with
 * their own addition in the same element.
 *
 * What several CPUs may change (`@x++`) is changed by atomic instructions.
 * Per-CPU aggregations need them only where one program can run inside
 * another on the same CPU (l->serial says that none can).
 */
#include "ir/lower_priv.h"

struct place lower_map_global(struct lower *l, const struct map_sym *m)
{
	const struct module_map *mm = &l->m->maps.v[m->index];
	return (struct place){ .base = ir_mapval(LB, 0, REGION(RG_GLOBALS, mm->offset)), .where = W_MEM, .align = 8 };
}

/* An unkeyed value was written: it exists now, whatever it is. */
void lower_map_present(struct lower *l, const struct map_sym *m)
{
	struct place p = lower_map_global(l, m);
	ir_store(LB, 1, p.base, p.off + l->m->maps.v[m->index].value_size, ir_const(LB, 1));
}

/* -- keys -- */

ref lower_key(struct lower *l, const struct map_sym *m, struct node *key)
{
	uint32_t size = l->m->maps.v[m->index].key_size;
	/* a variable or constant that already is such a key, byte for byte */
	if (!lower_is_value(key->type) && key->type->size == size && (key->kind == N_VAR || key->kind == N_STRING || lower_is_name(key))) {
		struct place p = lower_place(l, key);
		if (p.where == W_MEM)
			return lower_address(l, p);
	}
	struct place p = lower_temp(l, size, 8, "key");
	if (m->key->size < size)
		lower_zero(l, p, size);
	if (key->type->kind == T_STRING && m->key->kind == T_STRING && key->type->size < m->key->size) {
		if (key->kind == N_STRING)
			lower_literal(l, p, m->key->size, key->str);
		else
			lower_string_copy(l, p, m->key->size, lower_place(l, key), key->type->size);
	} else if (lower_is_value(key->type) && lower_is_value(m->key)) {
		lower_write(l, p, m->key, lower_scalar(l, key));
	} else {
		lower_store(l, key, p);
	}
	return lower_address(l, p);
}

static ref lower_lookup_key(struct lower *l, const struct map_sym *m, ref key)
{
	return ir_call(LB, TY_MAPV_NULL, H_map_lookup_elem, 2, ir_mapref(LB, m->index), key);
}

ref lower_lookup(struct lower *l, const struct map_sym *m, struct node *key)
{
	return lower_lookup_key(l, m, lower_key(l, m, key));
}

/* Test a helper's result; anything but 0 is an update that did not happen. */
static void lower_check_update(struct lower *l, ref r)
{
	struct func *f = l->b.f;
	uint32_t bad = func_block(f), ok = func_block(f);
	ir_br(LB, ir_bin(LB, OP_NE, r, ir_const(LB, 0)), bad, ok);
	ir_at(LB, bad);
	lower_fault(l, FAULT_UPDATE, r);
	ir_jmp(LB, ok);
	ir_at(LB, ok);
}

/*
 * The element of a key for an update in place: looked up, on a miss inserted as zeros and looked up again. Continues in
 * the block where it is there; `absent` is where a refused insert goes (already counted).
 */
static ref lower_element(struct lower *l, const struct map_sym *m, struct node *key_node, uint32_t absent)
{
	struct func *f = l->b.f;
	uint32_t v = func_var(f, TY_MAPV, "element"), miss = func_block(f), again = func_block(f), full = func_block(f), found = func_block(f);
	ref key = lower_key(l, m, key_node);
	ref p = lower_lookup_key(l, m, key);
	ir_setvar(LB, v, p);
	ir_br(LB, ir_bin(LB, OP_NE, p, ir_const(LB, 0)), found, miss);
	ir_at(LB, miss);
	f->blocks.v[miss].cold = true;
	ref r = ir_call(LB, TY_I64, H_map_update_elem, 4, ir_mapref(LB, m->index), key, lower_zeros(l), ir_const(LB, 1 /* BPF_NOEXIST */));
	ref q = lower_lookup_key(l, m, key);
	ir_setvar(LB, v, q);
	ir_br(LB, ir_bin(LB, OP_NE, q, ir_const(LB, 0)), again, full);
	ir_at(LB, full);
	lower_fault(l, FAULT_UPDATE, r);
	ir_jmp(LB, absent);
	ir_at(LB, again);
	f->blocks.v[again].cold = true;
	ir_jmp(LB, found);
	ir_at(LB, found);
	return ir_getvar(LB, v);
}

/* -- plain values -- */

ref lower_map_read(struct lower *l, struct node *n)
{
	const struct type *t = n->map->value;
	if (!n->a)
		return lower_read(l, lower_map_global(l, n->map), t, NULL);
	struct func *f = l->b.f;
	uint32_t v = func_var(f, TY_I64, "value"), some = func_block(f), join = func_block(f);
	ref p = lower_lookup(l, n->map, n->a);
	ir_setvar(LB, v, ir_const(LB, 0));
	uint32_t none = l->o->report_reads ? func_block(f) : join;
	ir_br(LB, ir_bin(LB, OP_NE, p, ir_const(LB, 0)), some, none);
	if (none != join) {
		ir_at(LB, none);
		lower_fault(l, FAULT_LOOKUP, NOREF);
		ir_jmp(LB, join);
	}
	ir_at(LB, some);
	struct place pl = { .base = p, .where = W_MEM, .align = 8 };
	ir_setvar(LB, v, lower_read(l, pl, t, NULL));
	ir_jmp(LB, join);
	ir_at(LB, join);
	return ir_getvar(LB, v);
}

static void lower_update(struct lower *l, const struct map_sym *m, ref key, ref value)
{
	lower_check_update(l, ir_call(LB, TY_I64, H_map_update_elem, 4, ir_mapref(LB, m->index), key, value, ir_const(LB, 0)));
}

/* A value for map_update_elem: all value_size bytes of it. */
static ref lower_value_memory(struct lower *l, const struct map_sym *m, struct node *value)
{
	uint32_t size = l->m->maps.v[m->index].value_size;
	if (!lower_is_value(value->type) && value->type->size == size && (value->kind == N_VAR || value->kind == N_STRING)) {
		struct place p = lower_place(l, value);
		if (p.where == W_MEM)
			return lower_address(l, p);
	}
	struct place p = lower_temp(l, size, 8, "value");
	if (lower_is_value(value->type)) {
		ir_store(LB, 8, p.base, p.off, lower_scalar(l, value));
		return lower_address(l, p);
	}
	if (value->type->size < size)
		lower_zero(l, lower_at(p, size - 8), 8);
	lower_into(l, value, p);
	return lower_address(l, p);
}

void lower_map_assign(struct lower *l, struct node *target, struct node *value)
{
	const struct map_sym *m = target->map;
	if (target->a) {
		ref v = lower_value_memory(l, m, value);
		lower_update(l, m, lower_key(l, m, target->a), v);
		return;
	}
	struct place dst = lower_map_global(l, m);
	if (lower_is_value(m->value)) {
		lower_write(l, dst, m->value, lower_scalar(l, value));
		lower_map_present(l, m);
		return;
	}
	lower_map_present(l, m);
	if (value->kind == N_TUPLE || value->kind == N_RECORD || value->kind == N_TERNARY || value->kind == N_IF || value->kind == N_BLOCK ||
	    value->kind == N_INLINE) {
		struct place t = lower_temp(l, m->value->size, 8, "new"); /* the value may be made from the old one */
		lower_into(l, value, t);
		lower_copy(l, dst, t, m->value->size);
		return;
	}
	lower_into(l, value, dst);
}

static ref lower_add_in_place(struct lower *l, struct place p, ref v, bool want_old)
{
	if (want_old)
		return ir_atomic(LB, OP_AFADD, 8, p.base, p.off, v);
	ir_atomic(LB, OP_AADD, 8, p.base, p.off, v);
	return NOREF;
}

void lower_map_compound(struct lower *l, struct node *n)
{
	const struct map_sym *m = n->a->map;
	const struct type *t = m->value;
	struct func *f = l->b.f;
	uint32_t join = func_block(f);
	ref v = lower_scalar(l, n->b);
	struct place p = { .where = W_MEM, .align = 8 };
	p.base = n->a->a ? lower_element(l, m, n->a->a, join) : lower_map_global(l, m).base;
	if (t->kind == T_INT && t->size == 8 && (n->op == O_ADD || n->op == O_SUB)) {
		lower_add_in_place(l, p, n->op == O_ADD ? v : ir_un(LB, OP_NEG, 8, v), false);
	} else {
		ref old = lower_read(l, p, t, NULL);
		lower_write(l, p, t, lower_combine(l, n->op, old, v, t, n->b->type, t, n->b));
	}
	if (!n->a->a)
		lower_map_present(l, m);
	ir_jmp(LB, join);
	ir_at(LB, join);
}

ref lower_map_incdec(struct lower *l, struct node *n, bool want)
{
	const struct map_sym *m = n->a->map;
	const struct type *t = m->value;
	struct func *f = l->b.f;
	uint32_t join = func_block(f), result = func_var(f, TY_I64, "old");
	int64_t step = t->kind == T_PTR && t->elem->size ? t->elem->size : 1;
	if (n->op == O_DEC)
		step = -step;
	ir_setvar(LB, result, ir_const(LB, n->ival ? step : 0));
	struct place p = { .where = W_MEM, .align = 8 };
	p.base = n->a->a ? lower_element(l, m, n->a->a, join) : lower_map_global(l, m).base;
	if (t->size == 8) {
		ref old = lower_add_in_place(l, p, ir_const(LB, step), want);
		if (want)
			ir_setvar(LB, result, n->ival ? ir_bin(LB, OP_ADD, old, ir_const(LB, step)) : old);
	} else {
		ref old = lower_read(l, p, t, NULL);
		ref val = lower_extend(l, ir_bin(LB, OP_ADD, old, ir_const(LB, step)), t);
		lower_write(l, p, t, val);
		ir_setvar(LB, result, n->ival ? val : old);
	}
	if (!n->a->a)
		lower_map_present(l, m);
	ir_jmp(LB, join);
	ir_at(LB, join);
	return want ? ir_getvar(LB, result) : NOREF;
}

/* -- aggregations -- */

static void lower_word_add(struct lower *l, struct place p, int64_t off, ref v)
{
	if (l->serial)
		ir_store(LB, 8, p.base, p.off + off, ir_bin(LB, OP_ADD, ir_load(LB, TY_I64, 8, false, p.base, p.off + off), v));
	else
		ir_atomic(LB, OP_AADD, 8, p.base, p.off + off, v);
}

static void lower_bucket_add(struct lower *l, struct place p, ref index)
{
	ref addr = ir_addptr(LB, lower_address(l, p), ir_bin(LB, OP_SHL, index, ir_const(LB, 3)));
	lower_word_add(l, (struct place){ .base = addr, .where = W_MEM, .align = 8 }, 0, ir_const(LB, 1));
}

static void lower_minmax(struct lower *l, struct place p, const struct type *t, ref v)
{
	struct func *f = l->b.f;
	uint32_t set = func_block(f), store = func_block(f), join = func_block(f);
	ir_br(LB, ir_load(LB, TY_I64, 8, false, p.base, p.off + 8), set, store);
	ir_at(LB, set);
	ref old = ir_load(LB, TY_I64, 8, false, p.base, p.off);
	enum ir_op op = t->kind == T_MIN ? (t->is_signed ? OP_SLT : OP_ULT) : t->is_signed ? OP_SGT : OP_UGT;
	ir_br(LB, ir_bin(LB, op, v, old), store, join);
	ir_at(LB, store);
	ir_store(LB, 8, p.base, p.off, v);
	ir_store(LB, 8, p.base, p.off + 8, ir_const(LB, 1));
	ir_jmp(LB, join);
	ir_at(LB, join);
}

/* The position of the highest bit: halve three times down to the highest byte that is not 0, and look that up (lower.c makes the
 * table). Values of one histogram are mostly of one size, so the branches are predicted. */
static ref lower_log2(struct lower *l, ref x)
{
	struct func *f = l->b.f;
	uint32_t v = func_var(f, TY_I64, "rest"), up = func_var(f, TY_I64, "up");
	ir_setvar(LB, v, x);
	ir_setvar(LB, up, ir_const(LB, 0));
	for (unsigned s = 32; s >= 8; s /= 2) {
		uint32_t large = func_block(f), join = func_block(f);
		ref high = ir_bin(LB, OP_LSHR, ir_getvar(LB, v), ir_const(LB, s));
		ir_br(LB, high, large, join);
		ir_at(LB, large);
		ir_setvar(LB, v, high);
		ir_setvar(LB, up, ir_bin(LB, OP_ADD, ir_getvar(LB, up), ir_const(LB, s)));
		ir_jmp(LB, join);
		ir_at(LB, join);
	}
	ref table = ir_mapval(LB, 0, REGION(RG_RODATA, l->log2_off));
	ref byte = ir_bin(LB, OP_AND, ir_getvar(LB, v), ir_const(LB, 255));
	ref low = ir_bin(LB, OP_AND, ir_load(LB, TY_I64, 1, false, ir_addptr(LB, table, byte), 0), ir_const(LB, 7));
	return ir_bin(LB, OP_ADD, ir_getvar(LB, up), low);
}

/* Bucket of hist(x, k): language reference 4.6. */
static ref lower_hist_index(struct lower *l, const struct type *t, ref x, bool sign)
{
	struct func *f = l->b.f;
	int64_t k = t->agg.bits, buckets = type_agg_buckets(t);
	uint32_t v = func_var(f, TY_I64, "bucket"), join = func_block(f), small = func_block(f), large = func_block(f);
	if (sign) {
		uint32_t positive = func_block(f);
		ir_setvar(LB, v, ir_const(LB, 0));
		ir_br(LB, ir_bin(LB, OP_SLT, x, ir_const(LB, 0)), join, positive);
		ir_at(LB, positive);
	}
	ir_br(LB, ir_bin(LB, OP_ULT, x, ir_const(LB, 1ll << k)), small, large);
	ir_at(LB, small);
	ir_setvar(LB, v, ir_bin(LB, OP_ADD, x, ir_const(LB, 1)));
	ir_jmp(LB, join);
	ir_at(LB, large);
	ref lg = lower_log2(l, x);
	ref index;
	if (k == 0) {
		index = ir_bin(LB, OP_ADD, lg, ir_const(LB, 2));
	} else {
		ref up = ir_bin(LB, OP_SUB, lg, ir_const(LB, k));
		ref in = ir_bin(LB, OP_AND, ir_bin(LB, OP_LSHR, x, up), ir_const(LB, (1ll << k) - 1));
		ref row = ir_bin(LB, OP_SHL, ir_bin(LB, OP_ADD, up, ir_const(LB, 1)), ir_const(LB, k));
		index = ir_bin(LB, OP_ADD, ir_bin(LB, OP_ADD, row, in), ir_const(LB, 1));
	}
	ir_setvar(LB, v, index);
	if (k) { /* the verifier does not know that log2 is at least k */
		uint32_t over = func_block(f);
		ir_br(LB, ir_bin(LB, OP_ULT, index, ir_const(LB, buckets)), join, over);
		ir_at(LB, over);
		ir_setvar(LB, v, ir_const(LB, buckets - 1));
	}
	ir_jmp(LB, join);
	ir_at(LB, join);
	return ir_getvar(LB, v);
}

static ref lower_lhist_index(struct lower *l, const struct type *t, ref x)
{
	struct func *f = l->b.f;
	int64_t buckets = type_agg_buckets(t);
	uint32_t v = func_var(f, TY_I64, "bucket"), not_low = func_block(f), in = func_block(f), over = func_block(f), join = func_block(f);
	ir_setvar(LB, v, ir_const(LB, 0));
	ir_br(LB, ir_bin(LB, OP_SLT, x, ir_const(LB, t->agg.min)), join, not_low);
	ir_at(LB, not_low);
	ir_setvar(LB, v, ir_const(LB, buckets - 1));
	ir_br(LB, ir_bin(LB, OP_SGE, x, ir_const(LB, t->agg.max)), join, in);
	ir_at(LB, in);
	ref step = ir_bin(LB, OP_UDIV, ir_bin(LB, OP_SUB, x, ir_const(LB, t->agg.min)), ir_const(LB, t->agg.step));
	ref index = ir_bin(LB, OP_ADD, step, ir_const(LB, 1));
	ir_setvar(LB, v, index);
	ir_br(LB, ir_bin(LB, OP_ULT, index, ir_const(LB, buckets)), join, over); /* for the verifier: it knows no quotients */
	ir_at(LB, over);
	ir_setvar(LB, v, ir_const(LB, buckets - 1));
	ir_jmp(LB, join);
	ir_at(LB, join);
	return ir_getvar(LB, v);
}

/*
 * tseries(): the bucket of this moment (layout: type.h); one that an earlier round left there is begun anew. What interrupts this
 * program on the same CPU in the same bucket may lose its value: no more than that, as buckets are 8-byte stores.
 */
static void lower_series_add(struct lower *l, struct place p, const struct type *t, ref v)
{
	struct func *f = l->b.f;
	uint32_t index = func_var(f, TY_I64, "bucket"), over = func_block(f), in = func_block(f), old = func_block(f), same = func_block(f),
		 take = func_block(f), join = func_block(f);
	ref now = ir_bin(LB, OP_ADD, ir_call(LB, TY_I64, H_ktime_get_boot_ns, 0), ir_load(LB, TY_I64, 8, false, lower_header(l, DW_TAI_DELTA), 0));
	ref epoch = ir_bin(LB, OP_UDIV, now, ir_const(LB, t->agg.step)), n = ir_const(LB, t->agg.max);
	/* Not OP_UMOD: our passes know its bounds and would drop the test that the kernel's verifier needs, which does not. */
	ir_setvar(LB, index, ir_bin(LB, OP_SUB, epoch, ir_bin(LB, OP_MUL, ir_bin(LB, OP_UDIV, epoch, n), n)));
	ir_br(LB, ir_bin(LB, OP_ULT, ir_getvar(LB, index), n), in, over);
	ir_at(LB, over);
	ir_setvar(LB, index, ir_const(LB, 0));
	ir_jmp(LB, in);
	ir_at(LB, in);
	ref b = ir_addptr(LB, lower_address(l, p), ir_bin(LB, OP_MUL, ir_getvar(LB, index), ir_const(LB, 24)));
	ref one = t->agg.bits == TS_LAST ? now : ir_const(LB, 1);
	ir_br(LB, ir_bin(LB, OP_EQ, ir_load(LB, TY_I64, 8, false, b, 16), epoch), same, take);
	ir_at(LB, same);
	ref meta = ir_load(LB, TY_I64, 8, false, b, 8), value = ir_load(LB, TY_I64, 8, false, b, 0);
	ir_br(LB, meta, old, take);
	ir_at(LB, old);
	switch (t->agg.bits) {
	case TS_MIN:
	case TS_MAX:
		ir_br(LB, ir_bin(LB, t->agg.bits == TS_MIN ? (t->is_signed ? OP_SLT : OP_ULT) : t->is_signed ? OP_SGT : OP_UGT, v, value), take,
		      join);
		break;
	case TS_AVG:
	case TS_SUM:
		ir_store(LB, 8, b, 0, ir_bin(LB, OP_ADD, value, v));
		if (t->agg.bits == TS_AVG)
			ir_store(LB, 8, b, 8, ir_bin(LB, OP_ADD, meta, ir_const(LB, 1)));
		ir_jmp(LB, join);
		break;
	default:
		ir_jmp(LB, take);
	}
	ir_at(LB, take);
	ir_store(LB, 8, b, 0, v);
	ir_store(LB, 8, b, 8, one);
	ir_store(LB, 8, b, 16, epoch);
	ir_jmp(LB, join);
	ir_at(LB, join);
}

static void lower_agg_update(struct lower *l, const struct map_sym *m, struct place p, ref v, bool sign)
{
	const struct type *t = m->value;
	switch (t->kind) {
	case T_COUNT:
		lower_word_add(l, p, 0, ir_const(LB, 1));
		break;
	case T_SUM:
		lower_word_add(l, p, 0, v);
		break;
	case T_MIN:
	case T_MAX:
		lower_minmax(l, p, t, v);
		break;
	case T_AVG:
	case T_STATS:
		lower_word_add(l, p, 0, v);
		lower_word_add(l, p, 8, ir_const(LB, 1));
		break;
	case T_TSERIES:
		lower_series_add(l, p, t, v);
		break;
	case T_HIST:
		lower_bucket_add(l, p, lower_hist_index(l, t, v, sign));
		break;
	default:
		lower_bucket_add(l, p, lower_lhist_index(l, t, v));
	}
}

static struct place lower_percpu_place(struct lower *l, const struct map_sym *m, ref block)
{
	return (struct place){ .base = block, .off = l->m->maps.v[m->index].offset, .where = W_MEM, .align = 8 };
}

void lower_map_agg(struct lower *l, struct node *target, struct node *call)
{
	const struct map_sym *m = target->map;
	ref v = NOREF;
	bool sign = false;
	if (call->builtin != B_COUNT && call->list.n) {
		struct node *arg = call->list.v[0];
		v = lower_scalar(l, arg);
		const struct node *inner = arg;
		while (inner->kind == N_CAST && inner->ival == 1)
			inner = inner->a;
		/* 64 bits are taken for signed, as the reference does: a system call's or function's result may be unsigned by its type alone */
		sign = type_is_int(arg->type) && (arg->type->is_signed || arg->type->size == 8);
		/* an unsigned value widened by inference cannot be negative */
		if (type_is_int(inner->type) && !inner->type->is_signed && inner->type->size < 8)
			sign = false;
	}
	if (!target->a) {
		lower_agg_update(l, m, lower_percpu_place(l, m, lower_block(l)), v, sign);
		return;
	}
	uint32_t join = func_block(l->b.f);
	struct place p = { .where = W_MEM, .align = 8 };
	p.base = lower_element(l, m, target->a, join);
	lower_agg_update(l, m, p, v, sign);
	ir_jmp(LB, join);
	ir_at(LB, join);
}

/* -- reading aggregations in the kernel: over all CPUs -- */

struct merge {
	const struct type *t;
	uint32_t total, count; /* IR variables */
};

static void lower_merge(struct lower *l, const struct merge *g, struct place p)
{
	struct func *f = l->b.f;
	ref v = ir_load(LB, TY_I64, 8, false, p.base, p.off);
	switch (g->t->kind) {
	case T_MIN:
	case T_MAX: {
		uint32_t set = func_block(f), other = func_block(f), take = func_block(f), join = func_block(f);
		ir_br(LB, ir_load(LB, TY_I64, 8, false, p.base, p.off + 8), set, join);
		ir_at(LB, set);
		ir_br(LB, ir_getvar(LB, g->count), other, take);
		ir_at(LB, other);
		bool s = g->t->is_signed, min = g->t->kind == T_MIN;
		ir_br(LB, ir_bin(LB, min ? (s ? OP_SLT : OP_ULT) : s ? OP_SGT : OP_UGT, v, ir_getvar(LB, g->total)), take, join);
		ir_at(LB, take);
		ir_setvar(LB, g->total, v);
		ir_setvar(LB, g->count, ir_const(LB, 1));
		ir_jmp(LB, join);
		ir_at(LB, join);
		break;
	}
	case T_AVG:
		ir_setvar(LB, g->count, ir_bin(LB, OP_ADD, ir_getvar(LB, g->count), ir_load(LB, TY_I64, 8, false, p.base, p.off + 8)));
		/* fallthrough */
	default:
		ir_setvar(LB, g->total, ir_bin(LB, OP_ADD, ir_getvar(LB, g->total), v));
	}
}

static ref lower_merged(struct lower *l, const struct merge *g)
{
	struct func *f = l->b.f;
	if (g->t->kind != T_AVG)
		return ir_getvar(LB, g->total);
	/* total / count, with the sign of the total; no events: 0 */
	uint32_t some = func_block(f), neg = func_block(f), pos = func_block(f), join = func_block(f), v = func_var(f, TY_I64, "average");
	ref total = ir_getvar(LB, g->total), count = ir_getvar(LB, g->count);
	ir_setvar(LB, v, ir_const(LB, 0));
	ir_br(LB, count, some, join);
	ir_at(LB, some);
	if (g->t->is_signed)
		ir_br(LB, ir_bin(LB, OP_SLT, total, ir_const(LB, 0)), neg, pos);
	else
		ir_jmp(LB, pos);
	ir_at(LB, neg);
	ir_setvar(LB, v, ir_un(LB, OP_NEG, 8, ir_bin(LB, OP_UDIV, ir_un(LB, OP_NEG, 8, total), count)));
	ir_jmp(LB, join);
	ir_at(LB, pos);
	ir_setvar(LB, v, ir_bin(LB, OP_UDIV, total, count));
	ir_jmp(LB, join);
	ir_at(LB, join);
	return ir_getvar(LB, v);
}

/* For every possible CPU: its block, or its copy of the element with this key. */
static ref lower_sum_cpus(struct lower *l, const struct map_sym *m, ref key)
{
	struct func *f = l->b.f;
	struct merge g = { .t = m->value, .total = func_var(f, TY_I64, "total"), .count = func_var(f, TY_I64, "count") };
	uint32_t cpu = func_var(f, TY_I64, "cpu"), head = func_block(f), body = func_block(f), next = func_block(f), done = func_block(f);
	ir_setvar(LB, g.total, ir_const(LB, 0));
	ir_setvar(LB, g.count, ir_const(LB, 0));
	ir_setvar(LB, cpu, ir_const(LB, 0));
	lower_loop(l, head, done);
	ir_br(LB, ir_bin(LB, OP_ULT, ir_getvar(LB, cpu), ir_const(LB, l->o->ncpus)), body, done);
	ir_at(LB, body);
	if (key) {
		uint32_t there = func_block(f);
		ref p = ir_call(LB, TY_MAPV_NULL, H_map_lookup_percpu_elem, 3, ir_mapref(LB, m->index), key, ir_getvar(LB, cpu));
		ir_br(LB, ir_bin(LB, OP_NE, p, ir_const(LB, 0)), there, next);
		ir_at(LB, there);
		lower_merge(l, &g, (struct place){ .base = p, .where = W_MEM, .align = 8 });
	} else {
		lower_merge(l, &g, lower_percpu_place(l, m, lower_block_of(l, ir_getvar(LB, cpu))));
	}
	ir_jmp(LB, next);
	ir_at(LB, next);
	ir_setvar(LB, cpu, ir_bin(LB, OP_ADD, ir_getvar(LB, cpu), ir_const(LB, 1)));
	ir_jmp(LB, head);
	ir_at(LB, done);
	return lower_merged(l, &g);
}

ref lower_map_sum(struct lower *l, struct node *n)
{
	return lower_sum_cpus(l, n->map, n->a ? lower_key(l, n->map, n->a) : NOREF);
}

ref lower_entry_sum(struct lower *l, const struct map_sym *m, ref key)
{
	return lower_sum_cpus(l, m, key);
}

/* -- delete, has_key, len -- */

ref lower_map_delete(struct lower *l, struct node *map, struct node *key)
{
	const struct map_sym *m = map->map;
	if (!key)
		key = map->a;
	if (!key) {
		const struct module_map *mm = &l->m->maps.v[m->index];
		if (mm->kind == MM_GLOBAL) {
			struct place p = lower_map_global(l, m);
			ref there = ir_load(LB, TY_I64, 1, false, p.base, p.off + mm->value_size);
			lower_zero(l, p, mm->value_size + 8);
			return there;
		} else { /* every CPU's copy */
			struct func *f = l->b.f;
			uint32_t cpu = func_var(f, TY_I64, "cpu"), head = func_block(f), body = func_block(f), done = func_block(f);
			ir_setvar(LB, cpu, ir_const(LB, 0));
			ir_jmp(LB, head);
			ir_at(LB, head);
			ir_br(LB, ir_bin(LB, OP_ULT, ir_getvar(LB, cpu), ir_const(LB, l->o->ncpus)), body, done);
			ir_at(LB, body);
			lower_zero(l, lower_percpu_place(l, m, lower_block_of(l, ir_getvar(LB, cpu))), mm->value_size);
			ir_setvar(LB, cpu, ir_bin(LB, OP_ADD, ir_getvar(LB, cpu), ir_const(LB, 1)));
			ir_jmp(LB, head);
			ir_at(LB, done);
		}
		return ir_const(LB, 1);
	}
	ref r = ir_call(LB, TY_I64, H_map_delete_elem, 2, ir_mapref(LB, m->index), lower_key(l, m, key));
	return ir_bin(LB, OP_EQ, r, ir_const(LB, 0));
}

ref lower_map_has(struct lower *l, struct node *map, struct node *key)
{
	if (!key)
		key = map->a;
	return ir_bin(LB, OP_NE, lower_lookup(l, map->map, key), ir_const(LB, 0));
}

ref lower_map_len(struct lower *l, struct node *map)
{
	/* bpf_for_each_map_elem returns how many elements it visited: the callback has nothing to do */
	struct func *f = func_new(l->a, arena_printf(l->a, "len_%u", l->m->funcs.n));
	static const uint8_t types[] = { TY_MAPOBJ, TY_MAPV, TY_MAPV, TY_STACK };
	f->is_callback = true;
	f->n_args = 4;
	memcpy(f->arg_types, types, sizeof(types));
	f->span = l->b.span;
	struct ir_build b = { .f = f, .blk = 1, .span = l->b.span };
	ir_ret(&b, ir_const(&b, 0));
	uint32_t fn = l->m->funcs.n;
	vec_push(l->a, &l->m->funcs, f);
	return ir_call(LB, TY_I64, H_for_each_map_elem, 4, ir_mapref(LB, map->map->index), ir_fnref(LB, fn), lower_frame(l), ir_const(LB, 0));
}
