/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arguments of static probes. Each place has its own: at one the compiler left the second argument in a register, at
 * the next, inlined elsewhere, on the stack, at a third it is a constant. All places share one program; its cookie
 * says which place it is, a table of bytes says which of the different forms that place has, and a tree of
 * comparisons leads to the code for it. Where all forms are alike, as most often, nothing of that is there: the
 * argument is one load of a register.
 *
 * Kernels without cookies get a program for each place (lower_clause), which knows its place.
 */
#include "ir/lower_priv.h"

struct usdt_forms {
	VEC(const struct usdt_arg *) list; /* NULL: a place without this argument */
	uint16_t *of;                      /* by place of the clause */
};

static bool usdt_same_form(const struct usdt_arg *x, const struct usdt_arg *y)
{
	if (x == y)
		return true;
	return x && y && x->disp == y->disp && x->base == y->base && x->index == y->index && x->shift == y->shift &&
	       x->index_size == y->index_size && x->index_signed == y->index_signed && x->by_ip == y->by_ip &&
	       x->in_memory == y->in_memory && x->size == y->size && x->is_signed == y->is_signed;
}

static const struct usdt_arg *usdt_arg_of(const struct attach_point *ap, int64_t n)
{
	return ap->usdt && n >= 0 && n < ap->usdt->n ? &ap->usdt->args[n] : NULL;
}

static struct usdt_forms usdt_forms(struct lower *l, int64_t n)
{
	struct usdt_forms f = { .of = arena_array(l->a, uint16_t, l->cl->attach.n) };
	const struct usdt_spec *last = NULL;
	for (uint32_t i = 0; i < l->cl->attach.n; i++) {
		const struct attach_point *ap = l->cl->attach.v[i];
		const struct usdt_arg *arg = usdt_arg_of(ap, n);
		uint32_t k = i && ap->usdt == last ? f.of[i - 1] : 0;
		last = ap->usdt;
		while (k < f.list.n && !usdt_same_form(f.list.v[k], arg))
			k++;
		if (k == f.list.n)
			vec_push(l->a, &f.list, arg);
		f.of[i] = (uint16_t)k;
	}
	return f;
}

bool lower_usdt_differs(const struct clause *cl)
{
	if (cl->provider->id != PROV_USDT)
		return false;
	for (uint32_t i = 1; i < cl->attach.n; i++)
		if (cl->attach.v[i]->usdt != cl->attach.v[0]->usdt)
			return true;
	return false;
}

/* -- one form -- */

/* A register; odd offsets are %ah and its like, bits 8 to 15. */
static ref usdt_register(struct lower *l, int at)
{
	ref v = lower_reg(l, at & ~7);
	return at & 7 ? ir_bin(LB, OP_LSHR, v, ir_const(LB, (at & 7) * 8)) : v;
}

static ref usdt_value(struct lower *l, const struct usdt_arg *arg)
{
	if (!arg)
		return ir_const(LB, 0);
	struct type t = { .kind = T_INT, .size = arg->size, .align = arg->size, .is_signed = arg->is_signed };
	ref v = NOREF;
	if (arg->base != USDT_NO_REG)
		v = usdt_register(l, arg->base);
	if (arg->index != USDT_NO_REG) {
		struct type half = { .kind = T_INT, .size = arg->index_size, .align = arg->index_size };
		half.is_signed = arg->index_signed;
		ref i = lower_extend(l, usdt_register(l, arg->index), &half);
		if (arg->shift)
			i = ir_bin(LB, OP_SHL, i, ir_const(LB, arg->shift));
		v = v ? ir_bin(LB, OP_ADD, v, i) : i;
	}
	if (arg->by_ip)
		v = v ? ir_bin(LB, OP_ADD, v, lower_ip(l)) : lower_ip(l);
	if (!v)
		v = ir_const(LB, arg->disp);
	else if (arg->disp)
		v = ir_bin(LB, OP_ADD, v, ir_const(LB, arg->disp));
	if (!arg->in_memory)
		return lower_extend(l, v, &t);
	struct place p = { .base = v, .align = 1, .where = W_USER };
	return lower_read(l, p, &t, NULL);
}

/* -- which place? -- */

/* A table with an entry of `width` bytes for each place of the clause, which the cookie selects; `none` for cookies
 * that are not ours. */
static ref usdt_table(struct lower *l, uint32_t width, uint32_t none,
		      uint32_t (*entry)(const void *arg, uint32_t place), const void *arg)
{
	struct func *f = l->b.f;
	uint32_t n = l->cl->attach.n, cursor = 0, least = ~0u, most = 0, *index = arena_array(l->a, uint32_t, n);
	for (uint32_t i = 0; i < n; i++) {
		index[i] = lower_attach_index(l, l->cl->attach.v[i], &cursor);
		least = index[i] < least ? index[i] : least;
		most = index[i] > most ? index[i] : most;
	}
	uint8_t *t = arena_alloc(l->a, (size_t)(most - least + 1) * width);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t e = entry(arg, i);
		memcpy(t + (size_t)(index[i] - least) * width, &e, width);
	}
	uint32_t known = func_block(f), join = func_block(f), v = func_var(f, TY_I64, "place");
	ref at = lower_cookie(l);
	if (least)
		at = ir_bin(LB, OP_SUB, at, ir_const(LB, least));
	ir_setvar(LB, v, ir_const(LB, none));
	ir_br(LB, ir_bin(LB, OP_ULE, at, ir_const(LB, most - least)), known, join);
	ir_at(LB, known);
	ref off = width == 1 ? at : ir_bin(LB, OP_SHL, at, ir_const(LB, width == 2 ? 1 : 2));
	ref row = ir_addptr(LB, lower_rodata(l, t, (most - least + 1) * width), off);
	ir_setvar(LB, v, ir_load(LB, TY_I64, width, false, row, 0));
	ir_jmp(LB, join);
	ir_at(LB, join);
	return ir_getvar(LB, v);
}

static uint32_t usdt_form_entry(const void *arg, uint32_t place)
{
	const struct usdt_forms *f = arg;
	return f->of[place];
}

/* Forms lo ... hi - 1: halves, until one is left. */
static void usdt_choose(struct lower *l, const struct usdt_forms *f, ref which, uint32_t lo, uint32_t hi, uint32_t var,
			uint32_t join)
{
	if (hi - lo == 1) {
		uint32_t top = l->scratch_top;
		ir_setvar(LB, var, usdt_value(l, f->list.v[lo]));
		l->scratch_top = top;
		ir_jmp(LB, join);
		return;
	}
	uint32_t mid = lo + (hi - lo) / 2, low = func_block(l->b.f), high = func_block(l->b.f);
	ir_br(LB, ir_bin(LB, OP_ULT, which, ir_const(LB, mid)), low, high);
	ir_at(LB, low);
	usdt_choose(l, f, which, lo, mid, var, join);
	ir_at(LB, high);
	usdt_choose(l, f, which, mid, hi, var, join);
}

ref lower_usdt_arg(struct lower *l, int64_t n)
{
	if (l->attach != ~0u)
		return usdt_value(l, usdt_arg_of(l->m->attaches.v[l->attach], n));
	struct usdt_forms f = usdt_forms(l, n);
	if (f.list.n == 1)
		return usdt_value(l, f.list.v[0]);
	uint32_t var = func_var(l->b.f, TY_I64, "arg"), join = func_block(l->b.f);
	ref which = usdt_table(l, 2, 0, usdt_form_entry, &f);
	usdt_choose(l, &f, which, 0, f.list.n, var, join);
	ir_at(LB, join);
	return ir_getvar(LB, var);
}

/* -- `probe` -- */

static uint32_t usdt_number_entry(const void *arg, uint32_t place)
{
	const struct clause *cl = arg;
	return cl->attach.v[place]->number;
}

/* The cookie is the index of the attach point; of several of one name the first one's is what `probe` is. */
ref lower_probe_number(struct lower *l)
{
	uint32_t cursor = 0;
	for (uint32_t i = 0; i < l->cl->attach.n; i++)
		if (lower_attach_index(l, l->cl->attach.v[i], &cursor) != l->cl->attach.v[i]->number)
			return usdt_table(l, 4, l->m->attaches.n, usdt_number_entry, l->cl);
	return lower_cookie(l);
}
