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
static uint32_t diag_vadd(struct diags *d, enum diag_id id, struct span span, enum diag_severity sev, bool context, va_list ap)
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

bool diag_locate(const struct diags *d, uint32_t off, const struct source **ret_src, uint32_t *ret_line, uint32_t *ret_col)
{
	const struct source *s = diag_source(d, off);
	if (!s)
		return false;
	uint32_t pos = off - s->base, line = 1, bol = 0;
	if (pos > s->text.len)
		pos = s->text.len;
	for (const char *p = s->text.s; (p = memchr(p, '\n', (size_t)(s->text.s + pos - p))); p++) {
		line++;
		bol = (uint32_t)(p + 1 - s->text.s);
	}
	*ret_src = s;
	*ret_line = line;
	*ret_col = pos - bol + 1;
	return true;
}

/* One line of the source: tabs as four spaces when `expand`; control bytes made visible. Returns columns up to byte `upto`. */
static void diag_line(const struct source *s, uint32_t line, bool expand, struct buf *out)
{
	const char *p = s->text.s, *end = p + s->text.len;
	for (uint32_t l = 1; l < line && p < end; l++) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		p = nl ? nl + 1 : end;
	}
	const char *nl = p < end ? memchr(p, '\n', (size_t)(end - p)) : NULL;
	size_t n = (size_t)((nl ? nl : end) - p);
	if (n > 4096)
		n = 4096;
	for (size_t i = 0; i < n;) {
		size_t j = i;
		while (j < n && p[j] != '\t')
			j++;
		buf_add_safe(out, p + i, j - i, true);
		if (j < n)
			expand ? buf_adds(out, "    ") : buf_addc(out, '\t');
		i = j + 1;
	}
	buf_addc(out, '\n');
}

static void diag_tildes(const struct source *s, uint32_t line, uint32_t col, uint32_t end, struct buf *out)
{
	const char *p = s->text.s, *lim = p + s->text.len;
	for (uint32_t l = 1; l < line && p < lim; l++) {
		const char *nl = memchr(p, '\n', (size_t)(lim - p));
		p = nl ? nl + 1 : lim;
	}
	for (uint32_t c = 1; c < end && c < 4096; c++, p++)
		buf_pad(out, c < col ? ' ' : '~', p < lim && *p == '\t' ? 4 : 1);
	buf_addc(out, '\n');
}

static void diag_render_one(const struct diags *d, const struct diag *x, struct buf *out, bool colour, bool show_ids)
{
	const struct source *s = NULL, *s2 = NULL;
	uint32_t l1 = 0, c1 = 0, l2 = 0, c2 = 0;
	const char *sev = x->severity == DIAG_ERROR ? "ERROR" : "WARNING";
	bool loc = diag_locate(d, x->span.lo, &s, &l1, &c1);
	if (loc)
		diag_locate(d, x->span.hi ? x->span.hi : x->span.lo, &s2, &l2, &c2);
	if (colour)
		buf_adds(out, x->severity == DIAG_ERROR ? "\033[31m" : "\033[33m");
	if (loc) {
		buf_add_safe(out, s->name.s, s->name.len, false);
		if (l1 == l2)
			buf_addf(out, ":%u:%u-%u: ", l1, c1, c2);
		else
			buf_addf(out, ":%u-%u: ", l1, l2);
	}
	buf_addf(out, "%s: ", sev);
	buf_add_safe(out, x->text, strlen(x->text), true);
	if (show_ids)
		buf_addf(out, " [%s]", diag_name(x->id));
	if (colour)
		buf_adds(out, "\033[0m");
	buf_addc(out, '\n');
	if (loc && l1 == l2) {
		diag_line(s, l1, true, out);
		diag_tildes(s, l1, c1, c2, out);
	} else if (loc) {
		for (uint32_t l = l1; l <= l2 && l < l1 + 20; l++)
			diag_line(s, l, false, out);
	}
	for (uint32_t i = 0; i < x->hints.n; i++)
		buf_addf(out, "HINT: %s\n", x->hints.v[i]);
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
