/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ir_parse: the text form (docs/ir.md) back to a function. It takes hostile
 * input: sizes are bounded by the constants below, nothing recurses, and what
 * it returns has passed ir_verify. Values keep their numbers; instructions
 * without a value get numbers behind them.
 */
#include "ir/text_priv.h"

enum {
	TEXT_MAX_REF = 1 << 18,
	TEXT_MAX_BLOCK = 1 << 16,
	TEXT_MAX_SLOT = 1 << 10,
	TEXT_MAX_VAR = 1 << 14,
	TEXT_MAX_NAME = 255,
};
#define TEXT_OTHER (1u << 31) /* in block lists while parsing: an instruction without a number of its own */

struct text_phi { /* operands as written; put in the order of the predecessors at the end */
	ref phi;
	uint32_t from, n;
};
struct text_pair {
	uint32_t blk;
	ref val;
};
struct text {
	struct arena *a;
	const char *p;
	uint32_t line;
	const char *err;
	struct func *f;
	struct span at;
	VEC(struct ins) others; /* instructions that define no value */
	VEC(struct text_phi) phis;
	VEC(struct text_pair) pairs;
};

static bool text_fail(struct text *t, const char *what)
{
	if (!t->err)
		t->err = arena_printf(t->a, "line %u: %s", t->line, what);
	return false;
}

static void text_blanks(struct text *t)
{
	while (*t->p == ' ' || *t->p == '\t' || *t->p == '\r')
		t->p++;
	if (*t->p == '#')
		while (*t->p && *t->p != '\n')
			t->p++;
}

static bool text_newlines(struct text *t)
{
	text_blanks(t);
	if (*t->p && *t->p != '\n')
		return text_fail(t, "end of line expected");
	while (*t->p == '\n') {
		t->line++;
		t->p++;
		text_blanks(t);
	}
	return true;
}

static bool text_try(struct text *t, char c)
{
	text_blanks(t);
	if (*t->p != c)
		return false;
	t->p++;
	return true;
}

static bool text_want(struct text *t, char c)
{
	return text_try(t, c) || text_fail(t, arena_printf(t->a, "'%c' expected", c));
}

static struct str text_word(struct text *t)
{
	text_blanks(t);
	const char *s = t->p;
	while ((*t->p >= 'a' && *t->p <= 'z') || (*t->p >= 'A' && *t->p <= 'Z') || (*t->p >= '0' && *t->p <= '9') ||
	       *t->p == '_')
		t->p++;
	return (struct str){ s, (uint32_t)(t->p - s) };
}

/* A decimal or 0x number of up to 64 bits; negative ones down to INT64_MIN. */
static bool text_number(struct text *t, int64_t *ret)
{
	text_blanks(t);
	bool neg = *t->p == '-';
	t->p += neg;
	unsigned base = t->p[0] == '0' && t->p[1] == 'x' ? 16 : 10;
	t->p += base == 16 ? 2 : 0;
	uint64_t v = 0;
	uint32_t digits = 0;
	for (;; t->p++, digits++) {
		char c = *t->p;
		unsigned d = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
			     : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10)
						    : 99;
		if (d >= base)
			break;
		if (v > (UINT64_MAX - d) / base)
			return text_fail(t, "number too large");
		v = v * base + d;
	}
	if (!digits)
		return text_fail(t, "number expected");
	if (neg ? v > 1ull << 63 : base == 10 && v > INT64_MAX)
		return text_fail(t, "number too large");
	*ret = neg ? (int64_t)(0 - v) : (int64_t)v;
	return true;
}

static bool text_index(struct text *t, uint32_t limit, uint32_t *ret)
{
	int64_t v;
	if (!text_number(t, &v))
		return false;
	if (v < 0 || v > limit)
		return text_fail(t, "number out of range");
	*ret = (uint32_t)v;
	return true;
}

static bool text_ref(struct text *t, ref *ret)
{
	return text_want(t, '%') && text_index(t, TEXT_MAX_REF, ret) && (*ret || text_fail(t, "there is no %0"));
}

static bool text_block(struct text *t, uint32_t *ret)
{
	text_blanks(t);
	if (*t->p != 'b')
		return text_fail(t, "block expected");
	t->p++;
	if (!text_index(t, TEXT_MAX_BLOCK, ret))
		return false;
	if (*ret == 0)
		return text_fail(t, "there is no block 0");
	while (t->f->blocks.n <= *ret)
		func_block(t->f);
	return true;
}

static bool text_type(struct text *t, uint8_t *ret)
{
	struct str w = text_word(t);
	for (unsigned k = 0; k < TY_COUNT; k++) {
		if (str_is(w, text_types[k])) {
			*ret = (uint8_t)k;
			return true;
		}
	}
	return text_fail(t, "type expected");
}

/* "name", optional; NULL if absent */
static bool text_string(struct text *t, const char **ret)
{
	*ret = NULL;
	if (!text_try(t, '"'))
		return true;
	char *s = arena_alloc(t->a, TEXT_MAX_NAME + 1);
	for (uint32_t n = 0; n < TEXT_MAX_NAME; n++) {
		char c = *t->p++;
		if (c == '"') {
			*ret = s;
			return true;
		}
		if (c == '\0' || c == '\n')
			break;
		if (c == '\\') {
			unsigned v = 0;
			if (*t->p++ != 'x')
				break;
			for (int k = 0; k < 2; k++, t->p++) {
				if (*t->p >= '0' && *t->p <= '9')
					v = v * 16 + (unsigned)(*t->p - '0');
				else if (*t->p >= 'a' && *t->p <= 'f')
					v = v * 16 + (unsigned)(*t->p - 'a' + 10);
				else
					return text_fail(t, "bad string");
			}
			c = (char)v;
			if (!v)
				break;
		}
		s[n] = c;
	}
	return text_fail(t, "bad string");
}

static bool text_span(struct text *t, struct span *ret)
{
	struct span s;
	if (!text_try(t, '!'))
		return true;
	if (!text_index(t, UINT32_MAX, &s.lo) || !text_want(t, ':') || !text_index(t, UINT32_MAX, &s.hi))
		return false;
	*ret = s;
	return true;
}

static bool text_phi_operands(struct text *t, ref r)
{
	struct text_phi x = { r, t->pairs.n, 0 };
	text_blanks(t);
	do {
		struct text_pair p;
		if (x.n == 0 && *t->p != 'b') /* in a block that nothing reaches */
			break;
		if (!text_block(t, &p.blk) || !text_ref(t, &p.val))
			return false;
		vec_push(t->a, &t->pairs, p);
		x.n++;
	} while (text_try(t, ','));
	vec_push(t->a, &t->phis, x);
	return true;
}

static bool text_call_operands(struct text *t, struct ins *i)
{
	text_blanks(t);
	if (*t->p >= '0' && *t->p <= '9') {
		uint32_t id;
		if (!text_index(t, INT32_MAX, &id))
			return false;
		i->imm = id;
	} else {
		struct str w = text_word(t);
		bool found = false;
		for (int64_t id = 1; i->op == OP_CALL && id < 256 && !found; id++) {
			const char *n = ir_helper_name(id);
			found = n && str_is(w, n);
			if (found)
				i->imm = id;
		}
		if (!found)
			return text_fail(t, "unknown helper");
	}
	if (!text_want(t, '('))
		return false;
	while (!text_try(t, ')')) {
		if (i->n && !text_want(t, ','))
			return false;
		if (i->n == 5)
			return text_fail(t, "more than 5 operands");
		if (!text_ref(t, &i->a[i->n++]))
			return false;
	}
	return true;
}

static bool text_memory_operands(struct text *t, struct ins *i)
{
	i->n = 1;
	if (!text_want(t, '[') || !text_ref(t, &i->a[0]))
		return false;
	bool plus = text_try(t, '+'), minus = !plus && text_try(t, '-');
	uint32_t off = 0;
	if ((plus || minus) && !text_index(t, INT32_MAX, &off))
		return false;
	i->imm = minus ? -(int64_t)off : off;
	if (!text_want(t, ']') || i->op == OP_LOAD || i->op == OP_LOADS)
		return !t->err;
	if (!text_want(t, ','))
		return false;
	if (i->op == OP_ZERO)
		return text_index(t, INT32_MAX, &i->aux);
	i->n = 2;
	if (i->op != OP_COPY)
		return text_ref(t, &i->a[1]);
	return text_want(t, '[') && text_ref(t, &i->a[1]) && text_want(t, ']') && text_want(t, ',') &&
	       text_index(t, INT32_MAX, &i->aux);
}

static bool text_operands(struct text *t, struct ins *i, ref r)
{
	if (text_is_memory(i->op))
		return text_memory_operands(t, i);
	if (text_is_plain_imm(i->op))
		return text_number(t, &i->imm);
	if (i->op == OP_MAPVAL)
		return text_index(t, INT32_MAX, &i->aux) && text_want(t, ',') && text_number(t, &i->imm);
	if (i->op == OP_SETVAR) {
		i->n = 1;
		return text_number(t, &i->imm) && text_want(t, ',') && text_ref(t, &i->a[0]);
	}
	if (i->op == OP_CALL || i->op == OP_CALLFN || i->op == OP_KCALL)
		return text_call_operands(t, i);
	if (i->op == OP_PHI)
		return text_phi_operands(t, r);
	if (i->op == OP_JMP)
		return text_block(t, &i->t);
	for (int k = 0; k < op_info[i->op].nargs; k++)
		if ((k && !text_want(t, ',')) || !text_ref(t, &i->a[i->n++]))
			return false;
	return i->op != OP_BR ||
	       (text_want(t, ',') && text_block(t, &i->t) && text_want(t, ',') && text_block(t, &i->f));
}

/* One instruction: [%N =] op[.width][:type] operands [!lo:hi] */
static bool text_instruction(struct text *t, uint32_t blk)
{
	struct func *f = t->f;
	ref r = NOREF;
	text_blanks(t);
	if (*t->p == '%' && (!text_ref(t, &r) || !text_want(t, '=')))
		return false;
	struct str w = text_word(t);
	struct ins i = { .w = 8, .blk = blk };
	for (unsigned k = 1; k < OP_COUNT && !i.op; k++)
		if (str_is(w, op_info[k].text))
			i.op = (uint8_t)k;
	if (!i.op)
		return text_fail(t, "unknown operation");
	if ((r != NOREF) != ((op_info[i.op].flags & OF_D) != 0))
		return text_fail(t, r ? "this operation gives no value" : "the value needs a name");
	i.ty = (uint8_t)text_default_type(i.op);
	uint32_t width;
	if (text_has_width(i.op)) {
		if (!text_want(t, '.') || !text_index(t, 8, &width))
			return false;
		i.w = (uint8_t)width;
	}
	if ((text_try(t, ':') && !text_type(t, &i.ty)) || !text_operands(t, &i, r) || !text_span(t, &t->at))
		return false;
	i.span = t->at;
	if (r == NOREF) {
		vec_push(t->a, &t->others, i);
		vec_push(t->a, &f->blocks.v[blk].ins, TEXT_OTHER | (t->others.n - 1));
		return t->others.n < TEXT_MAX_REF || text_fail(t, "too many instructions");
	}
	while (f->ins.n <= r)
		vec_push(t->a, &f->ins, ((struct ins){ 0 }));
	if (f->ins.v[r].op)
		return text_fail(t, "value defined twice");
	f->ins.v[r] = i;
	vec_push(t->a, &f->blocks.v[blk].ins, r);
	return true;
}

static bool text_slot(struct text *t)
{
	struct slot s = { 0 };
	uint32_t n;
	struct str w;
	if (!text_index(t, TEXT_MAX_SLOT, &n) || n != t->f->slots.n)
		return text_fail(t, "slots count from 0");
	w = text_word(t);
	if (!str_is(w, "size") || !text_index(t, 1 << 16, &s.size))
		return text_fail(t, "size expected");
	w = text_word(t);
	if (!str_is(w, "align") || !text_index(t, 8, &s.align))
		return text_fail(t, "align expected");
	if (s.align == 0 || (s.align & (s.align - 1)))
		return text_fail(t, "align is 1, 2, 4 or 8");
	if (!text_string(t, &s.name))
		return false;
	vec_push(t->a, &t->f->slots, s);
	return true;
}

static bool text_var(struct text *t)
{
	uint32_t n;
	uint8_t ty;
	const char *name;
	if (!text_index(t, TEXT_MAX_VAR, &n) || n != t->f->vars.n)
		return text_fail(t, "variables count from 0");
	if (!text_type(t, &ty) || !text_string(t, &name))
		return false;
	func_var(t->f, (enum ir_type)ty, name);
	return true;
}

static bool text_header(struct text *t)
{
	struct func *f = t->f;
	struct str w = text_word(t), name;
	if (!str_is(w, "func"))
		return text_fail(t, "func expected");
	name = text_word(t);
	if (name.len == 0 || name.len > TEXT_MAX_NAME)
		return text_fail(t, "function name expected");
	f->name = arena_strndup(t->a, name.s, name.len);
	if (!text_want(t, '('))
		return false;
	f->n_args = 0;
	while (!text_try(t, ')')) {
		if (f->n_args == 5)
			return text_fail(t, "more than 5 arguments");
		if ((f->n_args && !text_want(t, ',')) || !text_type(t, &f->arg_types[f->n_args++]))
			return false;
	}
	for (w = text_word(t); w.len; w = text_word(t)) {
		if (str_is(w, "callback"))
			f->is_callback = true;
		else if (str_is(w, "ssa"))
			f->is_ssa = true;
		else
			return text_fail(t, "callback or ssa expected");
	}
	if (!text_span(t, &f->span))
		return false;
	t->at = f->span;
	return text_newlines(t);
}

static bool text_body(struct text *t)
{
	uint32_t blk = 0;
	for (;;) {
		text_blanks(t);
		const char *start = t->p;
		struct str w = text_word(t);
		if (str_is(w, "end"))
			return true;
		if (blk == 0 && (str_is(w, "slot") || str_is(w, "var"))) {
			if (!(str_is(w, "slot") ? text_slot(t) : text_var(t)))
				return false;
		} else if (w.len > 1 && w.s[0] == 'b' && *t->p == ':') {
			t->p = start;
			if (!text_block(t, &blk) || !text_want(t, ':'))
				return false;
			if (t->f->blocks.v[blk].ins.n)
				return text_fail(t, "block defined twice");
			w = text_word(t);
			if (w.len && !str_is(w, "cold"))
				return text_fail(t, "end of line expected");
			t->f->blocks.v[blk].cold = w.len > 0;
		} else if (blk == 0) {
			return text_fail(t, "block expected");
		} else {
			t->p = start;
			if (!text_instruction(t, blk))
				return false;
		}
		if (!text_newlines(t))
			return false;
		if (!*t->p)
			return text_fail(t, "end expected");
	}
}

/* Instructions without a value get numbers behind all others. */
static void text_number_others(struct text *t)
{
	struct func *f = t->f;
	ref first = f->ins.n;
	for (uint32_t k = 0; k < t->others.n; k++)
		vec_push(t->a, &f->ins, t->others.v[k]);
	for (uint32_t b = 1; b < f->blocks.n; b++)
		for (uint32_t k = 0; k < f->blocks.v[b].ins.n; k++)
			if (f->blocks.v[b].ins.v[k] & TEXT_OTHER)
				f->blocks.v[b].ins.v[k] = first + (f->blocks.v[b].ins.v[k] & ~TEXT_OTHER);
}

static bool text_place_phis(struct text *t)
{
	struct func *f = t->f;
	/* hide the PHIs from ir_cfg, which would look for operands in the old order */
	for (uint32_t k = 0; k < t->phis.n; k++)
		f->ins.v[t->phis.v[k].phi].op = OP_NONE;
	ir_cfg(f);
	for (uint32_t k = 0; k < t->phis.n; k++) {
		const struct text_phi *x = &t->phis.v[k];
		struct ins *i = &f->ins.v[x->phi];
		const struct block *b = &f->blocks.v[i->blk];
		i->op = OP_PHI;
		i->aux = f->phis.n;
		if (b->rpo != ~0u && b->preds.n != x->n)
			return text_fail(
				t, arena_printf(t->a, "%%%u: as many operands as predecessors are needed", x->phi));
		for (uint32_t j = 0; j < b->preds.n; j++) {
			ref v = NOREF;
			for (uint32_t q = x->from; q < x->from + x->n; q++)
				if (t->pairs.v[q].blk == b->preds.v[j])
					v = t->pairs.v[q].val;
			vec_push(t->a, &f->phis, v);
		}
	}
	return true;
}

struct func *ir_parse(struct arena *a, const char *text, const char **ret_err)
{
	struct text t = { .a = a, .p = text, .line = 1, .f = func_new(a, "") };
	for (text_blanks(&t); *t.p == '\n'; text_blanks(&t), t.line++)
		t.p++;
	if (!text_header(&t) || !text_body(&t))
		goto bad;
	text_newlines(&t);
	if (*t.p)
		text_fail(&t, "text behind the function");
	if (t.err)
		goto bad;
	text_number_others(&t);
	if (!text_place_phis(&t))
		goto bad;
	t.err = ir_verify(t.f);
	if (t.err)
		goto bad;
	return t.f;
bad:
	*ret_err = t.err;
	return NULL;
}
