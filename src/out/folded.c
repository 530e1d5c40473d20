/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Folded stacks, the input of flame graphs: for each map with a stack in its key one line per stack, outermost frame first:
 *
 *   comm;main;work;vfs_read;copy_to_user 42
 *
 * The other parts of the key come first, in their order (a `comm`, a pid); then the user stack, then the kernel's, which is
 * where the user stack went on. Frames are names without offsets; lines that are then the same are summed up, and lines are sorted. A
 * frame without a name is its file in brackets, so that such frames meet, too. The value is the row's number: a histogram's is its count.
 *
 * Only such lines go to the results. Everything else that a program says is text for the user and goes where messages go.
 */
#include "out/film.h"
#include "out/value.h"

#include <stdio.h>
#include <stdlib.h>

struct fold_line {
	size_t at;        /* in the text; NUL-terminated */
	uint64_t n;
	const char *base;
};

static bool fold_is_stack(const struct type *t)
{
	return t->kind == T_KSTACK || t->kind == T_USTACK;
}

static bool fold_has_stack(const struct type *t)
{
	if (!t)
		return false;
	for (uint32_t i = 0; t->kind == T_TUPLE && i < t->fields.n; i++)
		if (fold_is_stack(t->fields.v[i].type))
			return true;
	return fold_is_stack(t);
}

/* A frame: safe text without what separates frames and lines. */
static void fold_name(struct buf *line, const char *s, size_t n)
{
	size_t from = line->len;
	if (from)
		buf_addc(line, ';');
	from = line->len;
	buf_add_safe(line, s, n, false);
	for (size_t i = from; i < line->len; i++)
		if (line->s[i] == ';' || line->s[i] == '\n')
			line->s[i] = ':';
	if (line->len == from)
		buf_addc(line, '-'); /* an empty name would be no frame */
}

/* Functions that were inlined are frames, too, marked as such: outermost first, as all is here. */
static void fold_inlined(const struct out_env *e, const struct out_frame *f, struct buf *line)
{
	for (uint32_t i = f->n_inlined; i-- > 0;) {
		fold_name(line, f->inlined[i].name, strlen(f->inlined[i].name));
		if (e->marks)
			buf_adds(line, "_[i]");
	}
}

static void fold_frame_name(const struct out_env *e, const struct type *t, uint32_t pid, uint64_t addr, bool is_return, struct buf *line)
{
	struct out_frame f = { 0 };
	bool user = t->kind == T_USTACK;
	char where[256];
	if (e->frame && e->frame(e->arg, user, pid, addr - (is_return && addr), &f)) {
		fold_name(line, f.name, strlen(f.name));
		if (e->marks && user && f.module && !strcmp(f.module, "[anon]"))
			buf_adds(line, "_[j]");
		fold_inlined(e, &f, line);
		return;
	}
	const char *m = f.module ? f.module : user ? "unknown" : "kernel", *slash = strrchr(m, '/');
	m = slash ? slash + 1 : m;
	int n = snprintf(where, sizeof(where), *m == '[' ? "%s" : "[%s]", m);
	fold_name(line, where, n < (int)sizeof(where) ? (size_t)n : sizeof(where) - 1);
}

static void fold_frame(const struct out_env *e, const struct type *t, uint32_t pid, uint64_t addr, bool is_return, struct buf *line)
{
	fold_frame_name(e, t, pid, addr, is_return, line);
	if (e->marks && t->kind == T_KSTACK)
		buf_adds(line, "_[k]");
}

static void fold_stack(const struct out_env *e, const struct type *t, const void *p, bool upside_down, struct buf *line)
{
	uint64_t frames[STACK_MAX], pid = 0;
	bool lost;
	if (t->count > STACK_MAX)
		return;
	if (t->kind == T_USTACK)
		memcpy(&pid, (const char *)p + 8, 8);
	uint32_t n = val_stack_frames(e, t, p, t->size, frames, &lost);
	for (uint32_t k = 0; k < n; k++) {
		uint32_t i = upside_down ? k : n - 1 - k;
		fold_frame(e, t, (uint32_t)pid, frames[i], i > 0, line);
	}
	if (lost)
		fold_name(line, "[lost]", 6);
}

static void fold_part(const struct out_env *e, const struct type *t, const void *p, struct buf *line)
{
	struct buf b = { 0 };
	struct val v = { .env = e, .o = &b, .raw = true };
	val_text(&v, t, p, t->size, false);
	fold_name(line, b.s ? b.s : "", b.len);
	line->oom |= b.oom;
	buf_fini(&b);
}

static bool fold_is_turn(const struct type *t, const char *p)
{
	return t->kind == T_STRING && t->size >= 3 && !memcmp(p, "--", 3);
}

/*
 * A key with "--" among its parts is several stacks of several threads: in the order in which it was written, the stacks behind the first
 * "--" upside down, from the innermost frame. So that of the waker meets that of the one that it wakes, as in an off-wake graph. Empty parts, and "--"
 * with nothing behind it, are left out.
 */
static bool fold_chain(const struct out_env *e, const struct type *t, const void *key, struct buf *line)
{
	bool turned = false, pending = false;
	for (uint32_t i = 0; t->kind == T_TUPLE && i < t->fields.n; i++)
		turned |= fold_is_turn(t->fields.v[i].type, (const char *)key + t->fields.v[i].offset);
	if (!turned)
		return false;
	turned = false;
	for (uint32_t i = 0; i < t->fields.n; i++) {
		const struct type *f = t->fields.v[i].type;
		const char *p = (const char *)key + t->fields.v[i].offset;
		uint64_t id = 0;
		if (fold_is_stack(f))
			memcpy(&id, p, 8);
		if (fold_is_turn(f, p)) {
			turned = pending = true;
			continue;
		}
		if (fold_is_stack(f) ? !id : f->kind != T_STRING || !*p)
			continue;
		if (pending)
			fold_name(line, "--", 2);
		pending = false;
		if (fold_is_stack(f))
			fold_stack(e, f, p, turned, line);
		else
			fold_part(e, f, p, line);
	}
	return true;
}

/* The kernel's frames behind those of the program, and "-" between them. */
static void fold_delimited(const struct out_env *e, const struct type *t, const void *p, struct buf *line)
{
	struct buf b = { 0 };
	fold_stack(e, t, p, false, &b);
	if (b.len) {
		fold_name(line, "-", 1);
		buf_addc(line, ';');
		buf_add(line, b.s, b.len);
	}
	line->oom |= b.oom;
	buf_fini(&b);
}

static void fold_key(const struct out_env *e, const struct type *t, const void *key, struct buf *line)
{
	if (fold_chain(e, t, key, line))
		return;
	static const enum type_kind order[] = { T_NONE, T_USTACK, T_KSTACK };
	size_t before = SIZE_MAX; /* the length before the program's frames */
	for (int pass = 0; pass < 3; pass++) {
		before = pass == 1 ? line->len : before;
		uint32_t n = t->kind == T_TUPLE ? t->fields.n : 1;
		for (uint32_t i = 0; i < n; i++) {
			const struct type *f = t->kind == T_TUPLE ? t->fields.v[i].type : t;
			const char *p = (const char *)key + (t->kind == T_TUPLE ? t->fields.v[i].offset : 0);
			if (pass == 0 ? fold_is_stack(f) : f->kind != order[pass])
				continue;
			if (pass == 2 && e->blocks == STACKS_DELIMITED && line->len > before)
				fold_delimited(e, f, p, line);
			else if (pass)
				fold_stack(e, f, p, false, line);
			else
				fold_part(e, f, p, line);
		}
	}
}

/* The number of a row: what is counted in it. */
static uint64_t fold_number(const struct out_map *m, const void *value)
{
	uint64_t x = 0, w;
	bool is_signed = false;
	if (m->value->kind == T_HIST || m->value->kind == T_LHIST) {
		for (uint32_t i = 0; i < type_agg_buckets(m->value) && (i + 1) * 8 <= m->value_size; i++) {
			memcpy(&w, (const char *)value + i * 8, 8);
			x += w;
		}
	} else if (m->value->kind == T_STATS) {
		if (m->value_size >= 8)
			memcpy(&x, value, 8);
	} else if (!val_number(m->value, value, m->value_size, &x, &is_signed)) {
		return 0;
	}
	return is_signed && (int64_t)x < 0 ? 0 : m->div > 1 ? x / m->div : x;
}

static int fold_compare(const void *px, const void *py)
{
	const struct fold_line *x = px, *y = py;
	return strcmp(x->base + x->at, y->base + y->at);
}

/* What text.c would print goes to err_fd. */
static struct out folded_aside(const struct out *o)
{
	return (struct out){ .ops = &out_text_ops, .env = o->env, .fd = o->err_fd, .err_fd = o->err_fd, .buffering = OUT_BUF_LINE, .table = o->table };
}

static void folded_aside_done(struct out *o, struct out *aside)
{
	out_flush(aside);
	buf_fini(&aside->buf);
	o->table = aside->table;
}

static void folded_map(struct out *o, const struct out_map *m)
{
	struct buf text = { 0 };
	if (!fold_has_stack(m->key) && o->env->film && (m->value->kind == T_HIST || m->value->kind == T_LHIST))
		return; /* the session looks at it at its own pace */
	if (!fold_has_stack(m->key) && o->env->film && m->value->kind == T_TSERIES) {
		film_series(o->env->film, o->env, m);
		return;
	}
	if (!fold_has_stack(m->key)) {
		struct out aside = folded_aside(o);
		out_text_ops.map(&aside, m);
		folded_aside_done(o, &aside);
		return;
	}
	struct fold_line *lines = calloc(m->n ? m->n : 1, sizeof(*lines));
	uint32_t n = 0;
	for (uint32_t i = 0; lines && i < m->n; i++) {
		struct buf line = { 0 };
		uint64_t x = fold_number(m, m->rows[i].value);
		if (x && m->rows[i].key)
			fold_key(o->env, m->key, m->rows[i].key, &line);
		if (line.len && !line.oom) {
			lines[n++] = (struct fold_line){ text.len, x, NULL };
			buf_add(&text, line.s, line.len);
			buf_addc(&text, '\0');
		}
		o->buf.oom |= line.oom;
		buf_fini(&line);
	}
	if (!lines || text.oom)
		o->buf.oom = true;
	for (uint32_t i = 0; i < n; i++)
		lines[i].base = text.s;
	if (n && !text.oom)
		qsort(lines, n, sizeof(*lines), fold_compare);
	for (uint32_t i = 0; i < n && !text.oom && !o->error; i++) {
		if (i + 1 < n && !strcmp(text.s + lines[i].at, text.s + lines[i + 1].at)) {
			lines[i + 1].n += lines[i].n;
			continue;
		}
		buf_adds(&o->buf, text.s + lines[i].at);
		buf_addf(&o->buf, " %llu\n", (unsigned long long)lines[i].n);
		out_item_part(o);
	}
	free(lines);
	buf_fini(&text);
	out_item_done(o);
}

static void folded_table_row(struct out *o, const struct event *ev, const void *p, uint32_t len)
{
	struct out aside = folded_aside(o);
	table_text_row(&aside, ev, p, len);
	folded_aside_done(o, &aside);
}

static void folded_table(struct out *o, const struct event *header, uint64_t n)
{
	struct out aside = folded_aside(o);
	table_text(&aside, header, n);
	folded_aside_done(o, &aside);
}

static void folded_table_screen(struct out *o)
{
	struct out aside = folded_aside(o);
	table_text_screen(&aside);
	folded_aside_done(o, &aside);
}

static void folded_text(struct out *o, enum out_text_kind kind, const char *s, size_t n)
{
	struct buf b = { 0 };
	if (kind == OUT_CAT || kind == OUT_SYSTEM)
		buf_add_safe(&b, s, n, true);
	else
		buf_add(&b, s, n);
	out_flush_err(o, b.s, b.len);
	buf_fini(&b);
}

static void folded_value(struct out *o, const struct event_arg *a, const void *payload, uint32_t len)
{
	uint32_t avail;
	const void *p = val_last(a, payload, len, &avail);
	struct buf b = { 0 };
	struct val v = { .env = o->env, .o = &b };
	val_text(&v, a->type, p, avail, a->trusted);
	buf_addc(&b, '\n');
	out_flush_err(o, b.s, b.len);
	buf_fini(&b);
}

static void folded_attached(struct out *o, uint32_t n)
{
	out_text_ops.attached(o, n);
}

static void folded_message(struct out *o, enum event_kind kind, const struct diags *d, struct span span, const char *text, size_t n)
{
	out_text_ops.message(o, kind, d, span, text, n);
}

static void folded_fault(struct out *o, const struct diags *d, const struct out_fault *f)
{
	out_text_ops.fault(o, d, f);
}

static void folded_lost(struct out *o, uint64_t n)
{
	out_text_ops.lost(o, n);
}

static void folded_end(struct out *o)
{
}

static void folded_verdict(struct out *o, const struct out_verdict *v)
{
	out_text_ops.verdict(o, v);
}

const struct out_ops out_folded_ops = {
	.attached = folded_attached,
	.text = folded_text,
	.value = folded_value,
	.row = folded_table_row,
	.table = folded_table,
	.screen = folded_table_screen,
	.map = folded_map,
	.message = folded_message,
	.fault = folded_fault,
	.lost = folded_lost,
	.end = folded_end,
	.verdict = folded_verdict,
};

/* CSV: only rows of tables are results; the rest of what a program prints goes where folded stacks let it go. */
static void csv_map(struct out *o, const struct out_map *m)
{
	struct out aside = folded_aside(o);
	out_text_ops.map(&aside, m);
	folded_aside_done(o, &aside);
}

const struct out_ops out_csv_ops = {
	.attached = folded_attached,
	.text = folded_text,
	.value = folded_value,
	.row = table_text_row,
	.table = table_text,
	.screen = table_text_screen,
	.map = csv_map,
	.message = folded_message,
	.fault = folded_fault,
	.lost = folded_lost,
	.end = folded_end,
	.verdict = folded_verdict,
};
