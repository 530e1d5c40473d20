/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Literals: their types (reference 2.2) and what is computed from them while
 * compiling: operators on literals, sizeof, offsetof, typeinfo, comptime.
 *
 * A literal integer that has the type of its value (the smallest that holds
 * it, "flexible" when not negative) folds at once, in any round, with exact
 * arithmetic: what does not fit 64 bits is an error, not a wrap. A literal of
 * a given type (a cast, an enum constant) folds inside comptime only; outside,
 * the rules of the operators give the result's type. What depends on inferred
 * types (sizeof) becomes a literal in the last round only; comptime works on a
 * clone of its operand before that, so nothing is decided too early.
 */
#include "sema/sema_priv.h"

typedef __int128 wide;

struct type *sema_basic(struct sema_ctx *c, enum sema_basic b)
{
	struct type *t = c->basic[b];
	if (t)
		return t;
	if (b == SB_BOOL)
		t = type_bool(c->a);
	else if (b == SB_NONE)
		t = type_none(c->a);
	else if (b == SB_ERROR)
		t = type_error(c->a);
	else
		t = type_int(c->a, 1u << (b & 3), b < SB_U8 || b >= SB_F8);
	t->flexible = b >= SB_F8 && b <= SB_F64;
	return c->basic[b] = t;
}

struct type *sema_int(struct sema_ctx *c, uint32_t size, bool is_signed)
{
	unsigned log = size >= 8 ? 3 : size >= 4 ? 2 : size >= 2 ? 1 : 0;
	return sema_basic(c, (is_signed ? SB_I8 : SB_U8) + log);
}

struct type *sema_literal_type(struct sema_ctx *c, int64_t v, bool is_unsigned)
{
	if (v < 0 && is_unsigned)
		return sema_basic(c, SB_U64);
	unsigned log = 0;
	while (log < 3 && (v < -((int64_t)1 << ((8 << log) - 1)) || v >= (int64_t)1 << ((8 << log) - 1)))
		log++;
	return sema_basic(c, (v < 0 ? SB_I8 : SB_F8) + log);
}

static void fold_clear(struct node *n, enum node_kind kind)
{
	n->kind = kind;
	n->op = O_NONE;
	n->a = n->b = n->c = n->tref = NULL;
	n->list.n = 0;
	n->str = (struct str){ "", 0 };
	n->param = false;
}

void sema_set_int(struct sema_ctx *c, struct node *n, uint64_t v, bool neg_ok)
{
	fold_clear(n, N_INT);
	n->ival = (int64_t)v;
	n->is_unsigned = !neg_ok && n->ival < 0;
	n->type = sema_literal_type(c, n->ival, n->is_unsigned);
}

static void fold_set_bool(struct sema_ctx *c, struct node *n, bool v)
{
	fold_clear(n, N_BOOL);
	n->ival = v;
	n->type = sema_basic(c, SB_BOOL);
}

static void fold_set_string(struct sema_ctx *c, struct node *n, struct str s)
{
	fold_clear(n, N_STRING);
	n->str = s;
	n->type = type_string(c->a, s.len + 1);
}

bool sema_is_literal(const struct node *n)
{
	if (n->kind == N_TUPLE || n->kind == N_RECORD) {
		for (uint32_t i = 0; i < n->list.n; i++)
			if (!sema_is_literal(n->kind == N_RECORD ? n->list.v[i]->a : n->list.v[i]))
				return false;
		return n->list.n > 0;
	}
	return (n->kind == N_INT || n->kind == N_STRING || n->kind == N_BOOL) && n->type && n->type->kind != T_ERROR;
}

static bool fold_is_number(const struct node *n)
{
	return (n->kind == N_INT || n->kind == N_BOOL) && n->type && n->type->kind != T_ERROR;
}

/* Has it the type of its value? */
static bool fold_is_plain(struct sema_ctx *c, const struct node *n)
{
	if (n->kind == N_BOOL || n->type->flexible)
		return true;
	return n->type->kind == T_INT && type_eq(n->type, sema_literal_type(c, n->ival, n->is_unsigned));
}

static wide fold_value(const struct node *n)
{
	bool uns = n->is_unsigned || (n->kind == N_INT && !n->type->is_signed);
	return uns ? (wide)(uint64_t)n->ival : (wide)n->ival;
}

static bool fold_failed(struct sema_ctx *c, struct node *n)
{
	SERR(c, D_FOLD_OVERFLOW, n->span);
	n->type = sema_basic(c, SB_ERROR);
	return true;
}

static bool fold_set(struct sema_ctx *c, struct node *n, wide v, bool as_bool)
{
	if (as_bool) {
		fold_set_bool(c, n, v != 0);
		return true;
	}
	if (v < INT64_MIN || v > (wide)UINT64_MAX)
		return fold_failed(c, n);
	sema_set_int(c, n, (uint64_t)v, v < 0);
	return true;
}

static bool fold_compare(enum ast_op op, int order)
{
	switch (op) {
	case O_EQ: return order == 0;
	case O_NE: return order != 0;
	case O_LT: return order < 0;
	case O_LE: return order <= 0;
	case O_GT: return order > 0;
	default: return order >= 0;
	}
}

static bool fold_is_compare(enum ast_op op)
{
	return op >= O_EQ && op <= O_GE;
}

static bool fold_numbers(struct sema_ctx *c, struct node *n)
{
	wide x = fold_value(n->a), y = fold_value(n->b);
	bool bools = n->a->kind == N_BOOL && n->b->kind == N_BOOL;
	/* bits of a number that needs 64 of them stay unsigned */
	bool uns = x > INT64_MAX || y > INT64_MAX;
	uint64_t bits;

	if (fold_is_compare(n->op)) {
		fold_set_bool(c, n, fold_compare(n->op, x < y ? -1 : x > y));
		return true;
	}
	switch (n->op) {
	case O_LOR:
		fold_set_bool(c, n, x || y);
		return true;
	case O_LAND:
		fold_set_bool(c, n, x && y);
		return true;
	case O_OR:
	case O_XOR:
	case O_AND:
		bits = (uint64_t)(n->op == O_OR ? x | y : n->op == O_XOR ? x ^ y : x & y);
		return fold_set(c, n, uns ? (wide)bits : (wide)(int64_t)bits, bools);
	case O_SHL:
		if (y < 0 || y > 63)
			return fold_failed(c, n);
		/* a positive number may use the 64th bit; a negative one must stay in range */
		return fold_set(c, n, x * ((wide)1 << (int)y), bools);
	case O_SHR:
		if (y < 0 || y > 63)
			return fold_failed(c, n);
		return fold_set(c, n, (wide)((uint64_t)x >> (int)y), bools);
	case O_ADD:
		return fold_set(c, n, x + y, bools);
	case O_SUB:
		return fold_set(c, n, x - y, bools);
	case O_MUL:
		return fold_set(c, n, x * y, bools);
	case O_DIV:
	case O_MOD:
		if (y == 0)
			return fold_failed(c, n);
		return fold_set(c, n, n->op == O_DIV ? x / y : x % y, bools);
	default:
		return false;
	}
}

static bool fold_strings(struct sema_ctx *c, struct node *n)
{
	struct str x = n->a->str, y = n->b->str;
	if (n->op == O_ADD) {
		char *s = arena_alloc(c->a, (size_t)x.len + y.len + 1);
		memcpy(s, x.s, x.len);
		memcpy(s + x.len, y.s, y.len);
		fold_set_string(c, n, (struct str){ s, x.len + y.len });
		return true;
	}
	if (!fold_is_compare(n->op))
		return false;
	int order = memcmp(x.s, y.s, x.len < y.len ? x.len : y.len);
	fold_set_bool(c, n, fold_compare(n->op, order ? order : x.len < y.len ? -1 : x.len > y.len));
	return true;
}

/* "abcd" + 1: what is left behind a prefix of that length */
static bool fold_suffix(struct sema_ctx *c, struct node *n)
{
	struct str s = n->a->str;
	wide skip = fold_value(n->b);
	if (skip < 0)
		return fold_failed(c, n);
	if (skip >= s.len) {
		diag_add(c->d, D_STRING_EMPTY, n->span); /* it folds but once, in whatever round */
		skip = s.len;
	}
	fold_set_string(c, n, (struct str){ s.s + skip, s.len - (uint32_t)skip });
	return true;
}

static bool fold_equal(const struct node *x, const struct node *y)
{
	if (x->kind != y->kind || x->list.n != y->list.n)
		return false;
	if (x->kind == N_STRING)
		return str_eq(x->str, y->str);
	if (x->kind != N_TUPLE && x->kind != N_RECORD)
		return fold_value(x) == fold_value(y);
	for (uint32_t i = 0; i < x->list.n; i++) {
		const struct node *p = x->list.v[i], *q = y->list.v[i];
		if (x->kind == N_RECORD && !str_eq(p->str, q->str))
			return false;
		if (!(x->kind == N_RECORD ? fold_equal(p->a, q->a) : fold_equal(p, q)))
			return false;
	}
	return true;
}

static bool fold_binary(struct sema_ctx *c, struct node *n)
{
	const struct node *x = n->a, *y = n->b;
	if (fold_is_number(x) && fold_is_number(y))
		return (c->folding || (fold_is_plain(c, x) && fold_is_plain(c, y))) && fold_numbers(c, n);
	if (x->kind == N_STRING && y->kind == N_STRING)
		return fold_strings(c, n);
	if (x->kind == N_STRING && y->kind == N_INT && fold_is_number(y) && n->op == O_ADD)
		return fold_suffix(c, n);
	if (c->folding && (n->op == O_EQ || n->op == O_NE) && x->list.n && y->list.n && sema_is_literal(x) &&
	    sema_is_literal(y)) {
		fold_set_bool(c, n, fold_equal(x, y) == (n->op == O_EQ));
		return true;
	}
	return false;
}

static bool fold_unary(struct sema_ctx *c, struct node *n)
{
	const struct node *x = n->a;
	if (!fold_is_number(x) || (!c->folding && !fold_is_plain(c, x)))
		return false;
	switch (n->op) {
	case O_NOT:
		fold_set_bool(c, n, !fold_value(x));
		return true;
	case O_NEG:
		return fold_set(c, n, -fold_value(x), false);
	case O_BNOT:
		if (fold_value(x) > INT64_MAX)
			return fold_set(c, n, (wide)~(uint64_t)x->ival, false);
		return fold_set(c, n, (wide)~x->ival, false);
	default:
		return false;
	}
}

/* A cast of a literal integer to an integer: the value in that type, which the literal keeps. */
static bool fold_cast(struct sema_ctx *c, struct node *n)
{
	const struct node *x = n->a;
	struct type *t = n->type;
	if (!fold_is_number(x) || !t || t->kind != T_INT)
		return false;
	uint64_t v = (uint64_t)x->ival;
	unsigned shift = 64 - t->size * 8;
	v = t->is_signed ? (uint64_t)((int64_t)(v << shift) >> shift) : v << shift >> shift;
	fold_clear(n, N_INT);
	n->ival = (int64_t)v;
	n->is_unsigned = !t->is_signed && n->ival < 0;
	n->type = t;
	return true;
}

bool sema_fold(struct sema_ctx *c, struct node *n)
{
	switch (n->kind) {
	case N_BINARY:
		return fold_binary(c, n);
	case N_UNARY:
		return fold_unary(c, n);
	case N_CAST:
		return fold_cast(c, n);
	case N_TERNARY:
		if (fold_is_number(n->a) && sema_is_literal(n->b) && sema_is_literal(n->c)) {
			struct span sp = n->span;
			*n = n->a->ival ? *n->b : *n->c;
			n->span = sp;
			return true;
		}
		return false;
	case N_INDEX:
		if (n->a->kind == N_STRING && n->b->kind == N_INT && n->b->ival >= 0 && n->b->ival <= n->a->str.len) {
			int8_t ch = n->b->ival < n->a->str.len ? (int8_t)n->a->str.s[n->b->ival] : 0;
			sema_set_int(c, n, (uint64_t)(int64_t)ch, true);
			n->type = sema_basic(c, SB_I8);
			return true;
		}
		return false;
	default:
		return false;
	}
}

/* ---------------------------------------------------------------- comptime */

struct type *sema_comptime_expr(struct sema_ctx *c, struct node **pn)
{
	struct node *n = *pn, *x = c->final ? n->a : node_clone(c->a, n->a);
	c->folding++;
	struct type *t = sema_expr(c, &x);
	c->folding--;
	if (t->kind == T_ERROR)
		return t;
	if (!sema_is_literal(x)) {
		SERR(c, D_COMPTIME, n->span);
		return sema_basic(c, SB_ERROR);
	}
	x->span = n->span;
	*pn = x;
	return x->type;
}

/* The type that sizeof & Co. look at; NULL when it is in error or not known yet. */
static struct type *fold_operand(struct sema_ctx *c, struct node *n)
{
	struct type *t = n->tref ? sema_typeref(c, n->tref) : n->a ? sema_expr(c, &n->a) : NULL;
	if (!t || t->kind == T_ERROR)
		return NULL;
	if (t->kind == T_STRUCT && !sema_complete(c, t)) {
		SERR(c, D_UNKNOWN_TYPE, n->tref ? n->tref->span : n->a->span, type_str(c->a, t));
		return NULL;
	}
	return t;
}

static struct type *fold_number(struct sema_ctx *c, struct node *n, uint64_t v)
{
	if (!c->final && !c->folding)
		return sema_literal_type(c, (int64_t)v, false);
	sema_set_int(c, n, v, false);
	return n->type;
}

struct type *sema_sizeof(struct sema_ctx *c, struct node *n)
{
	struct type *t = fold_operand(c, n);
	if (!t)
		return sema_basic(c, SB_ERROR);
	return fold_number(c, n, type_is_agg(t) ? type_agg_size(t) : t->size);
}

struct type *sema_offsetof(struct sema_ctx *c, struct node *n)
{
	struct type *t = fold_operand(c, n);
	uint64_t off = 0;
	while (t && t->kind == T_PTR)
		t = t->elem;
	for (uint32_t i = 0; t && i < n->list.n; i++) {
		const struct node *f = n->list.v[i];
		uint32_t extra = 0;
		if (t->kind != T_STRUCT && t->kind != T_RECORD) {
			SERR(c, D_FIELD_OF, f->span, STR_FMT(f->str), type_str(c->a, t));
			return sema_basic(c, SB_ERROR);
		}
		if (!sema_complete(c, t)) {
			SERR(c, D_UNKNOWN_TYPE, n->span, type_str(c->a, t));
			return sema_basic(c, SB_ERROR);
		}
		const struct field *fd = type_field(t, f->str, &extra);
		if (!fd) {
			SERR(c, D_NO_FIELD, f->span, type_str(c->a, t), STR_FMT(f->str));
			sema_near_field(c, t, f->str);
			return sema_basic(c, SB_ERROR);
		}
		off += extra ? extra : fd->offset;
		t = fd->type;
	}
	return t ? fold_number(c, n, off) : sema_basic(c, SB_ERROR);
}

static void fold_info(struct sema_ctx *c, struct node *rec, const char *name, struct node *value)
{
	struct node *f = node_new(c->a, N_FIELDINIT, rec->span);
	f->str = str_of(name);
	f->a = value;
	vec_push(c->a, &rec->list, f);
}

struct type *sema_typeinfo(struct sema_ctx *c, struct node *n)
{
	struct type *t = fold_operand(c, n);
	if (!t)
		return sema_basic(c, SB_ERROR);
	sema_unstable(c, n->span, UNSTABLE_TYPEINFO);
	struct node *rec = node_new(c->a, N_RECORD, n->span), *id = node_new(c->a, N_INT, n->span);
	struct node *base = node_new(c->a, N_STRING, n->span), *full = node_new(c->a, N_STRING, n->span);
	id->ival = t->origin;
	base->str = str_of(sema_base_name(t));
	full->str = str_of(type_str(c->a, t));
	fold_info(c, rec, "btf_id", id);
	fold_info(c, rec, "base_type", base);
	fold_info(c, rec, "full_type", full);
	struct type *r = sema_expr(c, &rec);
	if (c->final || c->folding)
		*n = *rec;
	return r;
}
