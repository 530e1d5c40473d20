/* SPDX-License-Identifier: Apache-2.0 */
/*
 * row() and rank(): formats that are lists of columns, "NAME:%CONVERSION" each (docs/language.md). A call may give
 * its format in parts, each before its values, and leave a column out by giving it nothing for a value;
 * what lowering and the reader see is one format of the columns that are there, and their values.
 */
#include "sema/sema_priv.h"

/* Is this value nothing: "()", or an if comptime without the branch? */
static bool column_is_absent(const struct node *x)
{
	return (x->kind == N_BLOCK && !x->list.n && !x->a) || (x->kind == N_TUPLE && !x->list.n);
}

static void column_check(struct sema_ctx *c, const struct column *col, struct node **v)
{
	struct format_spec sp;
	uint32_t pos = 0, k = 0;
	struct str inner = col->kind == COL_FORMAT && !col->inner.len ? str_of(col->text) : col->inner;
	if (col->kind == COL_FORMAT) {
		while (sema_format_next(inner, &pos, &sp)) {
			if (sp.conv[0] == '%')
				continue;
			if (strchr("eEfFGaAn", sp.conv[0]) || (sp.conv[0] == 'g' && !sp.conv[1]))
				SERR(c, D_FORMAT_SPEC, v[k]->span, arena_strdup(c->a, sp.conv));
			else
				sema_format_check(c, &v[k], arena_strdup(c->a, sp.conv));
			k++;
		}
		return;
	}
	struct type *t = (*v)->type;
	if (col->kind != COL_VALUE && t && type_is_castable(t))
		sema_coerce(c, v, sema_int(c, 8, t->is_signed && t->kind != T_COUNT));
	else
		sema_format_check(c, v, col->kind == COL_VALUE ? "s" : "d");
}

/* One part of the format at argument i, with its values: what is there is added to the text and the arguments. */
static uint32_t column_part(struct sema_ctx *c, struct node *n, uint32_t i, struct buf *text, struct node *to, uint32_t *n_columns)
{
	struct node *f = n->list.v[i++];
	struct column col;
	const char *wrong;
	uint32_t pos = 0, want = 0, have = n->list.n - i;
	bool first = true;
	while (sema_column_next(f->str, &pos, &col, &wrong)) {
		struct node **v = n->list.v + i;
		want += col.n_values;
		if (want > have)
			continue; /* count them all for the message */
		i += col.n_values;
		bool absent = true;
		for (uint32_t k = 0; k < col.n_values; k++) {
			while (v[k]->kind == N_BLOCK && !v[k]->list.n && v[k]->a)
				v[k] = v[k]->a;
			absent &= column_is_absent(v[k]);
		}
		if (absent)
			continue;
		column_check(c, &col, v);
		if (first && *n_columns && !col.lead)
			buf_addc(text, ' ');
		buf_add(text, f->str.s + col.lo, col.hi - col.lo);
		first = false;
		++*n_columns;
		for (uint32_t k = 0; k < col.n_values; k++)
			vec_push(c->a, &to->list, v[k]);
	}
	if (wrong)
		SERR(c, D_COLUMN, f->span, arena_printf(c->a, "\"%.*s\" %s", (int)(f->str.len - col.lo), f->str.s + col.lo, wrong));
	else if (want > have)
		SERR(c, D_FORMAT_FEW, n->span, have, want);
	return wrong || want > have ? UINT32_MAX : i;
}

struct type *sema_row(struct sema_ctx *c, struct node *n)
{
	uint32_t from = n->builtin == B_RANK, n_columns = 0;
	struct node to = { 0 };
	struct buf text = { 0 };
	if (n->builtin != B_ROW && n->list.n)
		sema_arg_int(c, n, 0);
	if (n->builtin == B_TOP)
		return sema_basic(c, SB_NONE);
	for (uint32_t i = from; i < n->list.n; i++)
		sema_arg(c, n, i);
	if (!c->final)
		return sema_basic(c, SB_NONE);
	for (uint32_t i = from; i < n->list.n && i != UINT32_MAX;) {
		const struct node *f = n->list.v[i];
		if (f->kind == N_STRING) {
			i = column_part(c, n, i, &text, &to, &n_columns);
		} else if (i == from) {
			sema_arg_literal(c, n, i, N_STRING);
			break;
		} else {
			SERR(c, D_COLUMN, f->span, "one value too many: expected a format of columns, a string literal");
			break;
		}
	}
	if (n_columns > COLUMNS_MAX)
		SERR(c, D_TOO_MANY, n->span, "A row has at most 64 columns");
	else if (!n_columns && !c->d->n_errors)
		SERR(c, D_COLUMN, n->span, "a row without columns");
	struct node *f = node_new(c->a, N_STRING, n->list.v[from]->span);
	f->str = (struct str){ arena_strndup(c->a, text.s ? text.s : "", (uint32_t)text.len), (uint32_t)text.len };
	f->type = type_string(c->a, f->str.len + 1);
	f->typed = true;
	buf_fini(&text);
	n->list.n = from;
	vec_push(c->a, &n->list, f);
	for (uint32_t i = 0; i < to.list.n; i++)
		vec_push(c->a, &n->list, to.list.v[i]);
	return sema_basic(c, SB_NONE);
}
