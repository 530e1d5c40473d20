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

static const struct field *column_field(const struct type *t, struct str word)
{
	uint32_t i = 0;
	if (t->kind == T_RECORD || t->kind == T_STRUCT) {
		uint32_t extra = 0;
		const struct field *f = type_field(t, word, &extra);
		return f && !extra && !f->bit_size && !f->data_loc && !f->rel_loc ? f : NULL;
	}
	for (uint32_t k = 0; k < word.len; k++) {
		if (word.s[k] < '0' || word.s[k] > '9' || i > t->fields.n)
			return NULL;
		i = i * 10 + (uint32_t)(word.s[k] - '0');
	}
	return t->kind == T_TUPLE && word.len && i < t->fields.n ? &t->fields.v[i] : NULL;
}

/* [-] key|value { . name|index }, as "-value.1", "key.comm" */
bool sema_sort_column(const struct type *key, const struct type *value, struct str text, struct sort_column *ret, const char **ret_wrong)
{
	struct sort_column by = { 0 };
	struct str word[8];
	uint32_t n = 0, at = 0;
	by.descending = text.len && text.s[0] == '-' && ++at;
	for (uint32_t i = at; i <= text.len && n < 8; i++)
		if (i == text.len || text.s[i] == '.') {
			word[n++] = (struct str){ text.s + at, i - at };
			at = i + 1;
		}
	*ret_wrong = "expected key or value, then its elements: \"value.1\", \"key.name\"; \"-\" in front: the largest first";
	if (at <= text.len || !n || !(str_is(word[0], "key") || str_is(word[0], "value")))
		return false;
	by.by_key = str_is(word[0], "key");
	by.type = by.by_key ? key : value;
	*ret_wrong = "the map has no keys";
	for (uint32_t i = 1; by.type && i < n; i++) {
		const struct field *f = column_field(by.type, word[i]);
		*ret_wrong = "there is no such element";
		by.offset += f ? f->offset : 0;
		by.type = f ? f->type : NULL;
	}
	if (!by.type)
		return false;
	*ret = by;
	return true;
}
