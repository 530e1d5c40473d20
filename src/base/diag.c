/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Diagnostics: a list in the order of discovery, printed at the end. Sources
 * share one number line (each has a base), so a span needs no file pointer.
 */
#include "base/diag.h"

static const struct {
	const char *name, *fmt;
	enum diag_severity severity;
} diag_rows[D_COUNT] = {
#define ERROR DIAG_ERROR
#define WARNING DIAG_WARNING
#define DIAG(id, severity, fmt) [D_##id] = { #id, fmt, severity },
#include "base/diag.def"
#undef DIAG
#undef ERROR
#undef WARNING
};

void diags_init(struct diags *d, struct arena *a)
{
	memset(d, 0, sizeof(*d));
	d->arena = a;
}

uint32_t diags_add_source(struct diags *d, struct str name, struct str text)
{
	uint32_t base = 1;
	if (d->sources.n) {
		const struct source *last = &vec_last(&d->sources);
		base = last->base + last->text.len + 1;
	}
	vec_push(d->arena, &d->sources, ((struct source){ name, text, base }));
	return d->sources.n - 1;
}

const char *diag_name(enum diag_id id)
{
	return diag_rows[id].name;
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static uint32_t diag_vadd(struct diags *d, enum diag_id id, struct span span, enum diag_severity sev, bool context,
			  va_list ap)
{
	struct diag x = { .id = id, .span = span, .severity = sev, .context = context };
	x.text = arena_vprintf(d->arena, diag_rows[id].fmt, ap);
	vec_push(d->arena, &d->list, x);
	if (!context && sev == DIAG_ERROR)
		d->n_errors++;
	else if (!context)
		d->n_warnings++;
	return d->list.n - 1;
}
#pragma GCC diagnostic pop

uint32_t diag_add(struct diags *d, enum diag_id id, struct span span, ...)
{
	va_list ap;
	va_start(ap, span);
	uint32_t i = diag_vadd(d, id, span, diag_rows[id].severity, false, ap);
	va_end(ap);
	return i;
}

uint32_t diag_add_context(struct diags *d, enum diag_id id, struct span span, ...)
{
	va_list ap;
	va_start(ap, span);
	enum diag_severity sev = d->list.n ? vec_last(&d->list).severity : diag_rows[id].severity;
	uint32_t i = diag_vadd(d, id, span, sev, true, ap);
	va_end(ap);
	return i;
}

void diag_hint(struct diags *d, const char *fmt, ...)
{
	if (d->list.n == 0)
		return;
	va_list ap;
	va_start(ap, fmt);
	const char *s = arena_vprintf(d->arena, fmt, ap);
	va_end(ap);
	vec_push(d->arena, &vec_last(&d->list).hints, s);
}

static const struct source *diag_source(const struct diags *d, uint32_t off)
{
	if (off == 0)
		return NULL;
	for (uint32_t i = d->sources.n; i-- > 0;)
		if (off >= d->sources.v[i].base)
			return &d->sources.v[i];
	return NULL;
}

bool diag_locate(const struct diags *d, uint32_t off, const struct source **ret_src, uint32_t *ret_line,
		 uint32_t *ret_col)
{
	const struct source *s = diag_source(d, off);
	if (!s)
		return false;
	uint32_t pos = off - s->base, line = 1, bol = 0;
	if (pos > s->text.len)
		pos = s->text.len;
	for (const char *p = s->text.s; pos && (p = memchr(p, '\n', (size_t)(s->text.s + pos - p))); p++) {
		line++;
		bol = (uint32_t)(p + 1 - s->text.s);
	}
	*ret_src = s;
	*ret_line = line;
	*ret_col = pos - bol + 1;
	return true;
}

/* Where a span begins and ends, in its one source. */
struct place {
	const struct source *src;
	uint32_t line, col, end_line, end_col;
};

static bool diag_find(const struct diags *d, struct span span, struct place *ret)
{
	struct place p;
	const struct source *s;
	if (!diag_locate(d, span.lo, &p.src, &p.line, &p.col))
		return false;
	/* A span that ends before it begins, or in another file, is shown as its begin. */
	if (span.hi < span.lo || !diag_locate(d, span.hi, &s, &p.end_line, &p.end_col) || s != p.src) {
		p.end_line = p.line;
		p.end_col = p.col;
	}
	*ret = p;
	return true;
}

static struct str diag_text_line(const struct source *s, uint32_t line)
{
	const char *p = s->text.s, *end = p + s->text.len;
	for (uint32_t l = 1; l < line && p < end; l++) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		p = nl ? nl + 1 : end;
	}
	const char *nl = p < end ? memchr(p, '\n', (size_t)(end - p)) : NULL;
	return (struct str){ p, (uint32_t)((nl ? nl : end) - p) };
}

enum { LINE_MAX_SHOWN = 4096, LINES_MAX_SHOWN = 20 };

/* Part of a source line: control bytes made visible, tabs as four spaces when `expand`. */
static void diag_show(const char *p, size_t n, bool expand, struct buf *out)
{
	if (n > LINE_MAX_SHOWN)
		n = LINE_MAX_SHOWN;
	for (size_t i = 0; i < n;) {
		size_t j = i;
		while (j < n && p[j] != '\t')
			j++;
		buf_add_safe(out, p + i, j - i, true);
		if (j < n)
			buf_adds(out, expand ? "    " : "\t");
		i = j + 1;
	}
}

/* Columns of a terminal that the first n bytes of a line take, as diag_show() prints them. */
static int diag_width(struct str line, uint32_t n)
{
	struct buf b = { 0 };
	int w = 0;
	diag_show(line.s, n < line.len ? n : line.len, true, &b);
	for (size_t i = 0; i < b.len; i++)
		w += (b.s[i] & 0xc0) != 0x80; /* not a continuation byte of UTF-8 */
	buf_fini(&b);
	/* A span may end behind the line: at its newline. */
	return n > line.len && n <= LINE_MAX_SHOWN ? w + (int)(n - line.len) : w;
}

void diag_place(const struct diags *d, enum diag_severity severity, struct span span, struct buf *out)
{
	struct place p;
	if (diag_find(d, span, &p)) {
		buf_add_safe(out, p.src->name.s, p.src->name.len, false);
		if (p.line == p.end_line)
			buf_addf(out, ":%u:%u-%u: ", p.line, p.col, p.end_col);
		else
			buf_addf(out, ":%u-%u: ", p.line, p.end_line);
	}
	buf_adds(out, severity == DIAG_ERROR ? "ERROR: " : "WARNING: ");
}

void diag_excerpt(const struct diags *d, struct span span, struct buf *out)
{
	struct place p;
	if (!diag_find(d, span, &p))
		return;
	for (uint32_t l = p.line; l <= p.end_line && l < p.line + LINES_MAX_SHOWN; l++) {
		struct str line = diag_text_line(p.src, l);
		diag_show(line.s, line.len, p.line == p.end_line, out);
		buf_addc(out, '\n');
	}
	if (p.line != p.end_line)
		return;
	struct str line = diag_text_line(p.src, p.line);
	int from = diag_width(line, p.col - 1), to = diag_width(line, p.end_col - 1);
	buf_pad(out, ' ', from);
	buf_pad(out, '~', to - from);
	buf_addc(out, '\n');
}

static void diag_render_one(const struct diags *d, const struct diag *x, struct buf *out, bool colour, bool show_ids)
{
	if (colour)
		buf_adds(out, x->severity == DIAG_ERROR ? "\033[31m" : "\033[33m");
	diag_place(d, x->severity, x->span, out);
	buf_add_safe(out, x->text, strlen(x->text), true);
	if (show_ids)
		buf_addf(out, " [%s]", diag_name(x->id));
	if (colour)
		buf_adds(out, "\033[0m");
	buf_addc(out, '\n');
	diag_excerpt(d, x->span, out);
	for (uint32_t i = 0; i < x->hints.n; i++) {
		buf_adds(out, "HINT: ");
		buf_add_safe(out, x->hints.v[i], strlen(x->hints.v[i]), true);
		buf_addc(out, '\n');
	}
}

void diag_render(const struct diags *d, struct buf *out, bool colour, bool show_ids)
{
	for (int sev = DIAG_ERROR; sev <= DIAG_WARNING; sev++) {
		if (sev == DIAG_WARNING && d->no_warnings)
			break;
		for (uint32_t i = 0; i < d->list.n; i++)
			if (d->list.v[i].severity == (enum diag_severity)sev)
				diag_render_one(d, &d->list.v[i], out, colour, show_ids);
	}
}
