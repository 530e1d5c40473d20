/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables: rows of row() and rank() as text, JSON and CSV (docs/language.md, Tables).
 *
 * A row is first made into cells, which know nothing of each other; then the cells are laid out. In a stream of rows the
 * widths are those of the format, known before any row; a cell that is too wide pushes the next ones only as far as the blanks
 * before them do not suffice, so that one long name does not bend the whole line. Kept rows are all there before the first is
 * printed, and so the columns are as wide as they must be.
 *
 * Width is counted in characters: bytes that do not continue a UTF-8 sequence. What does not print was escaped before.
 *
 * A stack is no cell of a line: as text it stands below its row.
 */
#include "out/value.h"

#include <errno.h>
#include <stdlib.h>

enum { KEPT_MAX = 1 << 18 };

static uint32_t table_width(const char *s, size_t n)
{
	uint32_t w = 0;
	for (size_t i = 0; i < n; i++)
		w += (s[i] & 0xc0) != 0x80;
	return w;
}

/* x / divisor with `digits` decimals, rounded; digits -1: cut to an integer. */
static void cell_decimal(struct buf *o, uint64_t x, bool is_signed, uint64_t divisor, int digits)
{
	bool neg = is_signed && (int64_t)x < 0;
	unsigned __int128 v = neg ? -x : x;
	char s[64];
	int i = sizeof(s), n = digits < 0 ? 0 : digits > COLUMN_DIGITS ? COLUMN_DIGITS : digits;
	if (digits >= 0) {
		for (int k = 0; k < n; k++)
			v *= 10;
		v += divisor / 2;
	}
	v /= divisor;
	neg &= v != 0;
	for (int k = 0; k <= n || v; k++, v /= 10) {
		if (k == n && n)
			s[--i] = '.';
		s[--i] = (char)('0' + (int)(v % 10));
	}
	if (neg)
		s[--i] = '-';
	buf_add(o, s + i, sizeof(s) - (size_t)i);
}

/* At most `most` characters of what was added since `from`. */
static void cell_cut(struct buf *o, size_t from, int most)
{
	if (most < 0)
		return;
	for (size_t i = from; i < o->len; i++)
		if ((o->s[i] & 0xc0) != 0x80 && most-- == 0) {
			o->len = i;
			o->s[i] = '\0';
			return;
		}
}

/* The text of the cell since `from` as a string in JSON, or as a field of CSV. */
static void cell_quote(struct buf *o, size_t from, enum out_cell_form form)
{
	if (form == CELL_TEXT || o->oom || (form == CELL_CSV && (o->len == from || !strpbrk(o->s + from, "\",\r\n"))))
		return;
	struct buf b = { 0 };
	buf_add(&b, o->s ? o->s + from : "", o->len - from);
	o->len = from;
	buf_addc(o, '"');
	if (form == CELL_JSON)
		buf_add_json(o, b.s ? b.s : "", b.len);
	for (size_t i = 0; form == CELL_CSV && i < b.len; i++) {
		if (b.s[i] == '"')
			buf_addc(o, '"');
		buf_addc(o, b.s[i]);
	}
	buf_addc(o, '"');
	o->oom |= b.oom;
	buf_fini(&b);
}

static uint32_t cell_add(struct val *v, const struct column *c, const struct event *ev, uint32_t arg, uint32_t *tail,
			 const void *payload, uint32_t len, enum out_cell_form form)
{
	size_t from = v->o->len;
	uint32_t avail;
	uint64_t x = 0;
	bool sg = false;
	v->raw = form == CELL_JSON;
	v->depth = v->parts = 0;
	if (c->kind == COL_FORMAT) {
		struct str inner = c->inner.len ? c->inner : str_of(c->text);
		arg = val_format(v, inner, ev, arg, tail, payload, len);
		if (form == CELL_TEXT)
			cell_cut(v->o, from, c->precision);
		cell_quote(v->o, from, form);
		return arg;
	}
	if (arg >= ev->args.n)
		return arg;
	const struct event_arg *a = &ev->args.v[arg];
	const void *p = val_arg(a, payload, len, tail, &avail);
	if (c->kind == COL_VALUE && form == CELL_JSON) {
		v->raw = false;
		val_json(v, a->type, p, avail);
	} else if (c->kind == COL_VALUE) {
		val_text(v, a->type, p, avail, a->trusted);
		if (form == CELL_TEXT)
			cell_cut(v->o, from, c->precision);
		cell_quote(v->o, from, form);
	} else {
		val_number_now(v->env, a->type, p, avail, &x, &sg);
		if (c->kind == COL_UNIT)
			cell_decimal(v->o, x, sg, c->divisor, c->precision);
		else if (form == CELL_JSON)
			val_json_int(v->o, x, sg);
		else
			val_int(v->o, x, sg);
	}
	return arg + 1;
}

void out_cells(const struct out_env *e, const struct event *ev, uint32_t arg, const void *payload, uint32_t len,
	       enum out_cell_form form, struct out_cells *ret)
{
	struct val v = { .env = e, .o = &ret->text };
	struct column c;
	const char *wrong;
	uint32_t pos = 0, tail = ev->fixed_size, ignored;
	buf_clear(&ret->text);
	ret->n = 0;
	if (arg) /* the key of rank() */
		val_arg(&ev->args.v[0], payload, len, &tail, &ignored);
	while (ret->n < COLUMNS_MAX && sema_column_next(ev->fmt, &pos, &c, &wrong)) {
		arg = cell_add(&v, &c, ev, arg, &tail, payload, len, form);
		ret->end[ret->n++] = (uint32_t)ret->text.len;
	}
}

/* -- layout -- */

struct table_layout {
	struct column col[COLUMNS_MAX];
	bool below[COLUMNS_MAX]; /* the line, as text */
	uint32_t n, n_line;      /* all; those up to the last one of the line */
};

static void layout_make(const struct event *ev, struct table_layout *ret)
{
	const char *wrong;
	uint32_t pos = 0, arg = ev->kind == EV_RANK;
	ret->n_line = 0;
	for (ret->n = 0; ret->n < COLUMNS_MAX && sema_column_next(ev->fmt, &pos, &ret->col[ret->n], &wrong); ret->n++) {
		struct column *c = &ret->col[ret->n];
		uint32_t w = table_width(c->name.s, c->name.len);
		c->width = c->width > w ? c->width : w;
		enum type_kind kind = c->kind == COL_VALUE && arg < ev->args.n ? ev->args.v[arg].type->kind : T_INT;
		ret->below[ret->n] = kind == T_KSTACK || kind == T_USTACK;
		ret->n_line = ret->below[ret->n] ? ret->n_line : ret->n + 1;
		arg += c->n_values;
	}
}

static void layout_widen(struct table_layout *l, const char *text, const uint32_t *end, uint32_t n)
{
	for (uint32_t i = 0; i < n && i < l->n; i++) {
		uint32_t from = i ? end[i - 1] : 0, w = table_width(text + from, end[i] - from);
		/* The last one, left, needs no width. */
		if (!l->below[i] && w > l->col[i].width && (i + 1 < l->n_line || !l->col[i].left))
			l->col[i].width = w;
	}
}

/* One line: at `at` we are, at `start` the column begins when nothing before it was too wide. */
static void layout_line(const struct table_layout *l, const char *text, const uint32_t *end, struct buf *o)
{
	uint32_t at = 0, start = 0;
	for (uint32_t i = 0; i < l->n_line; i++) {
		const struct column *c = &l->col[i];
		if (l->below[i])
			continue;
		uint32_t from = end ? i ? end[i - 1] : 0 : 0;
		const char *s = end ? text + from : c->name.s;
		uint32_t n = end ? end[i] - from : c->name.len, w = table_width(s, n), stop, fill = 0;
		start += c->lead;
		stop = start + c->width;
		if (at < start)
			fill = start - at;
		else if (i && c->lead)
			fill = 1;
		if (!c->left && at + fill + w < stop)
			fill = stop - w - at;
		if (n || i + 1 < l->n_line) { /* no blanks at the end of a line */
			if (n)
				buf_pad(o, ' ', (int)fill);
			else
				fill = 0;
		}
		buf_add(o, s, n);
		at += n ? fill + w : 0;
		start = stop;
	}
	buf_addc(o, '\n');
	bool any = false;
	for (uint32_t i = 0; end && i < l->n; i++) {
		uint32_t from = i ? end[i - 1] : 0;
		if (!l->below[i])
			continue;
		from += from < end[i] && text[from] == '\n';
		buf_add(o, text + from, end[i] - from);
		any = true;
	}
	if (any)
		buf_addc(o, '\n');
}

static void layout_csv(const struct table_layout *l, const char *text, const uint32_t *end, struct buf *o)
{
	for (uint32_t i = 0; i < l->n; i++) {
		if (i)
			buf_addc(o, ',');
		uint32_t from = end && i ? end[i - 1] : 0;
		size_t at = o->len;
		if (end) {
			buf_add(o, text + from, end[i] - from);
		} else {
			buf_add(o, l->col[i].name.s, l->col[i].name.len);
			cell_quote(o, at, CELL_CSV);
		}
	}
	buf_addc(o, '\n');
}

static void layout_json(const struct table_layout *l, const char *text, const uint32_t *end, struct buf *o)
{
	buf_addc(o, '{');
	for (uint32_t i = 0; i < l->n; i++) {
		uint32_t from = i ? end[i - 1] : 0;
		buf_adds(o, i ? ", \"" : "\"");
		buf_add_json(o, l->col[i].name.s, l->col[i].name.len);
		buf_adds(o, "\": ");
		if (end[i] > from)
			buf_add(o, text + from, end[i] - from);
		else
			buf_adds(o, "null");
	}
	buf_addc(o, '}');
}

/* -- kept rows -- */

int out_table_keep(struct out *o, const struct event *ev, const void *payload, uint32_t len)
{
	struct out_table *t = &o->table;
	struct out_cells cells = { 0 };
	uint32_t tail = ev->fixed_size, avail;
	bool sg = false;
	if (t->rows.n >= KEPT_MAX)
		return -E2BIG;
	if (t->rows.n == t->rows.cap) {
		uint32_t cap = t->rows.cap ? t->rows.cap * 2 : 64;
		struct out_kept *v = realloc(t->rows.v, cap * sizeof(*v));
		if (!v)
			return -ENOMEM;
		t->rows.v = v;
		t->rows.cap = cap;
	}
	struct out_kept k = { .ev = ev, .seq = t->rows.n };
	if (ev->args.n) {
		const void *p = val_arg(&ev->args.v[0], payload, len, &tail, &avail);
		val_number(ev->args.v[0].type, p, avail, &k.key, &sg);
		if (sg)
			k.key ^= 1ULL << 63;
	}
	out_cells(o->env, ev, 1, payload, len, o->form, &cells);
	size_t ends = cells.n * sizeof(*k.end);
	k.end = cells.text.oom ? NULL : malloc(ends + cells.text.len + 1);
	if (!k.end) {
		buf_fini(&cells.text);
		return -ENOMEM;
	}
	k.n = cells.n;
	k.text = (char *)k.end + ends;
	memcpy(k.end, cells.end, ends);
	memcpy(k.text, cells.text.s ? cells.text.s : "", cells.text.len + 1);
	buf_fini(&cells.text);
	t->rows.v[t->rows.n++] = k;
	return 0;
}

static int kept_compare(const void *px, const void *py)
{
	const struct out_kept *x = px, *y = py;
	if (x->key != y->key)
		return x->key > y->key ? -1 : 1;
	return x->seq < y->seq ? -1 : 1;
}

void out_table_sort(struct out_table *t)
{
	if (t->rows.n > 1)
		qsort(t->rows.v, t->rows.n, sizeof(*t->rows.v), kept_compare);
}

void out_table_clear(struct out_table *t)
{
	for (uint32_t i = 0; i < t->rows.n; i++)
		free(t->rows.v[i].end);
	t->rows.n = 0;
}

void out_table_fini(struct out_table *t)
{
	out_table_clear(t);
	free(t->rows.v);
	*t = (struct out_table){ 0 };
}

/* -- text and CSV -- */

static void table_line(struct out *o, const struct table_layout *l, const char *text, const uint32_t *end)
{
	if (o->form == CELL_CSV)
		layout_csv(l, text, end, &o->buf);
	else
		layout_line(l, text, end, &o->buf);
}

bool out_same_header(enum out_cell_form form, const struct event *x, const struct event *y)
{
	struct out ox = { .form = form }, oy = { .form = form };
	struct table_layout l;
	if (str_eq(x->fmt, y->fmt))
		return true;
	layout_make(x, &l);
	table_line(&ox, &l, NULL, NULL);
	layout_make(y, &l);
	table_line(&oy, &l, NULL, NULL);
	bool same = ox.buf.len == oy.buf.len && !ox.buf.oom && !oy.buf.oom && !memcmp(ox.buf.s, oy.buf.s, ox.buf.len);
	buf_fini(&ox.buf);
	buf_fini(&oy.buf);
	return same;
}

void table_text_row(struct out *o, const struct event *ev, const void *p, uint32_t len)
{
	struct table_layout l;
	layout_make(ev, &l);
	if (!o->table.header || !out_same_header(o->form, o->table.header, ev))
		table_line(o, &l, NULL, NULL);
	o->table.header = ev;
	if (p) {
		struct out_cells cells = { 0 };
		out_cells(o->env, ev, 0, p, len, o->form, &cells);
		table_line(o, &l, cells.text.s ? cells.text.s : "", cells.end);
		o->buf.oom |= cells.text.oom;
		buf_fini(&cells.text);
	}
	out_item_done(o);
}

void table_text(struct out *o, const struct event *header, uint64_t n)
{
	const struct out_table *t = &o->table;
	struct table_layout l;
	n = n && n < t->rows.n ? n : t->rows.n;
	if (!header && n)
		header = t->rows.v[0].ev;
	if (!header)
		return;
	layout_make(header, &l);
	for (uint32_t i = 0; i < n; i++)
		layout_widen(&l, t->rows.v[i].text, t->rows.v[i].end, t->rows.v[i].n);
	if (o->form != CELL_CSV || !o->table.header || !str_eq(o->table.header->fmt, header->fmt))
		table_line(o, &l, NULL, NULL);
	o->table.header = header;
	for (uint32_t i = 0; i < n && !o->error; i++) {
		if (t->rows.v[i].n == l.n)
			table_line(o, &l, t->rows.v[i].text, t->rows.v[i].end);
		out_item_part(o);
	}
	out_item_done(o);
}

void table_text_screen(struct out *o)
{
	if (o->form == CELL_CSV)
		return;
	if (o->tty)
		buf_adds(&o->buf, "\033[H\033[J");
	else if (o->table.was_screen)
		buf_addc(&o->buf, '\n');
	o->table.was_screen = true;
	o->table.header = NULL;
}

/* -- JSON -- */

void table_json_row(struct out *o, const struct event *ev, const void *p, uint32_t len)
{
	struct table_layout l;
	struct out_cells cells = { 0 };
	if (!p)
		return;
	layout_make(ev, &l);
	out_cells(o->env, ev, 0, p, len, CELL_JSON, &cells);
	buf_adds(&o->buf, "{\"type\": \"row\", \"data\": ");
	layout_json(&l, cells.text.s ? cells.text.s : "", cells.end, &o->buf);
	buf_adds(&o->buf, "}\n");
	o->buf.oom |= cells.text.oom;
	buf_fini(&cells.text);
	out_item_done(o);
}

void table_json(struct out *o, const struct event *header, uint64_t n)
{
	const struct out_table *t = &o->table;
	struct table_layout l;
	n = n && n < t->rows.n ? n : t->rows.n;
	buf_adds(&o->buf, "{\"type\": \"table\", \"data\": [");
	for (uint32_t i = 0; i < n && !o->error; i++) {
		const struct out_kept *k = &t->rows.v[i];
		layout_make(k->ev, &l);
		if (i)
			buf_adds(&o->buf, ", ");
		layout_json(&l, k->text, k->end, &o->buf);
		out_item_part(o);
	}
	buf_adds(&o->buf, "]}\n");
	out_item_done(o);
}

void table_json_screen(struct out *o)
{
}
