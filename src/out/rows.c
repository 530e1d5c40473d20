/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which rows are printed: those that contain a text, so many of them, or each different one once with its number (config row_contains,
 * max_rows, count_rows). What decides is the text that is printed, names of addresses and stacks included: the kernel does not
 * have it, so this is done here, behind everything that a program can ask for.
 */
#include "out/value.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The last column that stands in the line: what a row has to say. */
static bool row_contains(struct out *o, const struct event *ev, const void *p, uint32_t len)
{
	struct out_cells cells = { 0 };
	const char *wrong;
	struct column c;
	uint32_t pos = 0, arg = 0, n = 0, last = 0;
	for (; n < COLUMNS_MAX && sema_column_next(ev->fmt, &pos, &c, &wrong); n++) {
		enum type_kind kind = c.kind == COL_VALUE && arg < ev->args.n ? ev->args.v[arg].type->kind : T_INT;
		if (kind != T_KSTACK && kind != T_USTACK)
			last = n;
		arg += c.n_values;
	}
	out_cells(o->env, ev, 0, p, len, CELL_TEXT, &cells);
	uint32_t from = last && last < cells.n ? cells.end[last - 1] : 0, to = last < cells.n ? cells.end[last] : 0;
	bool found = cells.text.s && !cells.text.oom &&
		     memmem(cells.text.s + from, to - from, o->rows.contains.s, o->rows.contains.len);
	buf_fini(&cells.text);
	return found;
}

static uint32_t rows_hash(const char *s, size_t n)
{
	uint32_t h = 2166136261u;
	while (n--)
		h = (h ^ (unsigned char)*s++) * 16777619u;
	return h;
}

static bool rows_room(struct out_rows *r)
{
	if (r->kept.n == r->kept.cap) {
		uint32_t cap = r->kept.cap ? r->kept.cap * 2 : 64;
		struct out_counted *v = realloc(r->kept.v, cap * sizeof(*v));
		if (!v)
			return false;
		r->kept.v = v;
		r->kept.cap = cap;
	}
	if (r->kept.n * 2 < r->index_cap)
		return true;
	uint32_t cap = r->index_cap ? r->index_cap * 2 : 256, *index = calloc(cap, sizeof(*index));
	if (!index)
		return false;
	for (uint32_t i = 0; i < r->kept.n; i++) {
		uint32_t at = rows_hash(r->kept.v[i].text, r->kept.v[i].len) & (cap - 1);
		while (index[at])
			at = (at + 1) & (cap - 1);
		index[at] = i + 1;
	}
	free(r->index);
	r->index = index;
	r->index_cap = cap;
	return true;
}

static bool rows_count(struct out_rows *r, const char *s, size_t n)
{
	if (!rows_room(r))
		return false;
	uint32_t at = rows_hash(s, n) & (r->index_cap - 1);
	for (; r->index[at]; at = (at + 1) & (r->index_cap - 1)) {
		struct out_counted *x = &r->kept.v[r->index[at] - 1];
		if (x->len == n && !memcmp(x->text, s, n)) {
			x->n++;
			return true;
		}
	}
	char *text = malloc(n);
	if (!text)
		return false;
	memcpy(text, s, n);
	r->kept.v[r->kept.n++] = (struct out_counted){ text, n, 1 };
	r->index[at] = r->kept.n;
	return true;
}

static void row_print(struct out *o, const struct event *ev, const void *p, uint32_t len, struct buf *ret)
{
	struct buf before = o->buf;
	o->buf = (struct buf){ 0 };
	o->held = true;
	o->ops->row(o, ev, p, len);
	o->held = false;
	*ret = o->buf;
	o->buf = before;
}

bool out_row(struct out *o, const struct event *ev, const void *p, uint32_t len)
{
	struct out_rows *r = &o->rows;
	struct buf b = { 0 };
	if (!p && !r->counted) {
		o->ops->row(o, ev, NULL, 0);
		return false;
	}
	if (p && ((r->max && r->n >= r->max) || (r->contains.len && !row_contains(o, ev, p, len))))
		return false;
	r->n += p != NULL;
	if (!r->counted) {
		o->ops->row(o, ev, p, len);
		return r->max && r->n >= r->max;
	}
	row_print(o, ev, NULL, 0, &b); /* the header, once */
	if (b.len) {
		buf_add(&o->buf, b.s, b.len - (o->form == CELL_CSV));
		buf_adds(&o->buf, o->form == CELL_CSV ? ",COUNT\n" : "");
		out_item_done(o);
	}
	buf_fini(&b);
	if (p) {
		row_print(o, ev, p, len, &b);
		if (b.oom || (b.len && !rows_count(r, b.s, b.len)))
			o->error = o->error ? o->error : -ENOMEM;
		buf_fini(&b);
	}
	return p && r->max && r->n >= r->max;
}

static int rows_compare(const void *px, const void *py)
{
	const struct out_counted *x = px, *y = py;
	if (x->n != y->n)
		return x->n > y->n ? -1 : 1;
	size_t n = x->len < y->len ? x->len : y->len;
	int c = memcmp(x->text, y->text, n);
	return c ? c : x->len < y->len ? -1 : x->len > y->len;
}

void out_rows_end(struct out *o)
{
	static const char head[] = "{\"type\": \"row\", ";
	struct out_rows *r = &o->rows;
	if (r->kept.n)
		qsort(r->kept.v, r->kept.n, sizeof(*r->kept.v), rows_compare);
	for (uint32_t i = 0; i < r->kept.n && !o->error; i++) {
		const struct out_counted *x = &r->kept.v[i];
		unsigned long long n = x->n;
		if (o->form == CELL_JSON && x->len > sizeof(head)) {
			buf_addf(&o->buf, "%s\"count\": %llu, ", head, n);
			buf_add(&o->buf, x->text + sizeof(head) - 1, x->len - sizeof(head) + 1);
		} else if (o->form == CELL_CSV) {
			buf_add(&o->buf, x->text, x->len - 1);
			buf_addf(&o->buf, ",%llu\n", n);
		} else {
			buf_add(&o->buf, x->text, x->len);
			buf_addf(&o->buf, "-->COUNT %llu\n\n", n);
		}
		out_item_part(o);
	}
	out_item_done(o);
	out_rows_fini(r);
}

void out_rows_fini(struct out_rows *r)
{
	for (uint32_t i = 0; i < r->kept.n; i++)
		free(r->kept.v[i].text);
	free(r->kept.v);
	free(r->index);
	r->kept.n = r->kept.cap = r->index_cap = 0;
	r->kept.v = NULL;
	r->index = NULL;
}
