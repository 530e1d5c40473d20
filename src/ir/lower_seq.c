/* SPDX-License-Identifier: Apache-2.0 */
/*
 * printf() and print() in an iterator that is pinned to a file. Whoever reads that file runs the program, long after we have gone: what it
 * prints goes to the reader, by bpf_seq_printf, and is formatted by the kernel. That knows the conversions d i u x X c s and %, with
 * [0 +-][width]; %d of a value that has no `l` is of 32 bits, as in printf. So much is translated, everything else refused here.
 */
#include "ir/lower_priv.h"

enum { SEQ_ARGS = 12 /* the kernel's limit */ };

struct seq {
	struct buf text;
	ref args[SEQ_ARGS];
	uint32_t n;
};

bool lower_is_pinned(const struct lower *l)
{
	return l->cl && l->cl->attach.n && l->cl->attach.v[0]->pin.len;
}

static void seq_refuse(struct lower *l, struct span span, const char *what)
{
	diag_add(l->d, D_PROBE_BAD, span, arena_printf(l->a, "%s in an iterator that is pinned: the kernel formats what its readers see", what));
}

/* The conversion that begins behind a '%' at i; the place behind it, 0: refused. */
static uint32_t seq_conversion(struct lower *l, struct seq *q, struct str f, uint32_t i, struct node *x)
{
	uint32_t begin = i;
	bool sharp = false, wide = false;
	while (i < f.len && strchr("-+ #0", f.s[i]))
		sharp |= f.s[i++] == '#';
	uint32_t width = i;
	while (i < f.len && f.s[i] >= '0' && f.s[i] <= '9')
		i++;
	uint32_t end = i;
	while (i < f.len && strchr(".0123456789", f.s[i])) /* a precision says nothing here */
		i++;
	for (; i < f.len && strchr("hlLjzt", f.s[i]); i++)
		wide |= f.s[i] != 'h';
	char conv = i < f.len ? f.s[i] : 0;
	enum type_kind kind = x->type->kind;
	bool text = conv == 's' && kind == T_STRING, value = kind == T_INT || kind == T_ENUM || kind == T_BOOL || kind == T_PTR;
	if (kind == T_PROBE) { /* known here */
		struct str name = type_probe_name(x->type, l->cl->attach.v[0]->name);
		buf_add(&q->text, name.s, name.len);
		return i + 1;
	}
	if (!strchr("diuxXcps", conv) || (!text && !value) || q->n == SEQ_ARGS) {
		seq_refuse(l, x->span, text || value ? "This conversion" : "A value of this type");
		return 0;
	}
	if ((sharp && conv == 'x') || conv == 'p')
		buf_adds(&q->text, "0x");
	buf_addc(&q->text, '%');
	for (uint32_t k = begin; k < end; k++)
		if (k >= width || f.s[k] != '#')
			buf_addc(&q->text, f.s[k]);
	if (conv == 's' && value) /* the text of an integer */
		buf_adds(&q->text, x->type->is_signed ? "lld" : "llu");
	else if (conv == 'p')
		buf_adds(&q->text, "llx"); /* %p would be a hash of it */
	else
		buf_addf(&q->text, "%s%c", wide && conv != 's' && conv != 'c' ? "ll" : "", conv);
	q->args[q->n++] = value ? lower_scalar(l, x) : lower_address(l, lower_place(l, x));
	return i + 1;
}

static void seq_send(struct lower *l, struct seq *q)
{
	uint32_t len = (uint32_t)q->text.len + 1;
	ref fmt = lower_rodata(l, arena_strndup(l->a, q->text.s ? q->text.s : "", (uint32_t)q->text.len), len);
	ref data = ir_slot(LB, func_slot(l->b.f, q->n ? 8 * q->n : 8, 8, "values"));
	for (uint32_t i = 0; i < q->n; i++)
		ir_store(LB, 8, data, (int32_t)(8 * i), q->args[i]);
	/* every context begins with struct bpf_iter_meta *, and that with struct seq_file * */
	ref meta = ir_load(LB, TY_BTF, 8, false, lower_ctx(l), 0), seq = ir_load(LB, TY_BTF, 8, false, meta, 0);
	if (!q->n)
		ir_store(LB, 8, data, 0, ir_const(LB, 0));
	ir_call(LB, TY_I64, H_seq_printf, 5, seq, fmt, ir_const(LB, len), data, ir_const(LB, 8 * q->n));
	buf_fini(&q->text);
}

void lower_seq_printf(struct lower *l, struct node *n)
{
	struct seq q = { 0 };
	struct str f = n->list.v[0]->str;
	uint32_t arg = 1;
	for (uint32_t i = 0; i < f.len;) {
		buf_addc(&q.text, f.s[i]);
		if (f.s[i++] != '%')
			continue;
		if ((i < f.len && f.s[i] == '%') || arg == n->list.n) {
			buf_addc(&q.text, '%');
			i += i < f.len && f.s[i] == '%';
			continue;
		}
		q.text.len--; /* the '%' again, behind a prefix */
		if (!(i = seq_conversion(l, &q, f, i, n->list.v[arg++]))) {
			buf_fini(&q.text);
			return;
		}
	}
	seq_send(l, &q);
}

void lower_seq_print(struct lower *l, struct node *n)
{
	struct seq q = { 0 };
	struct node *x = n->list.v[0];
	if (n->list.n != 1 || (x->kind == N_MAP && (!x->a || type_is_agg(x->map->value)))) {
		seq_refuse(l, n->span, "A map");
		return;
	}
	if (seq_conversion(l, &q, STR("s"), 0, x)) {
		buf_addc(&q.text, '\n');
		seq_send(l, &q);
	}
}
