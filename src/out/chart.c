/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Charts of time series (tseries()): time across, value up, a line for each key of the map. A series holds its last intervals only; a program that prints
 * it from time to time has all of them in the chart. An interval without a value is a gap in the line, a value alone a dot.
 */
#include <errno.h>
#include <stdlib.h>

#include "out/film.h"
#include "out/grid.h"

enum { TOP = 54, PLOT = 260, BOTTOM = 56, RIGHT = 32, LEFT = 110, TICKS = 5, DOTS_MAX = 400 };
#define CELL 7.25

void chart_fini(struct chart *c)
{
	for (uint32_t i = 0; i < c->n_lines; i++) {
		free(c->lines[i].name);
		free(c->lines[i].epoch);
		free(c->lines[i].value);
	}
	free(c->title);
}

/* -- collecting -- */

static bool chart_push(struct chart_line *l, uint64_t epoch, double value)
{
	if (l->n && l->epoch[l->n - 1] >= epoch) { /* seen before: it may have grown */
		for (uint32_t i = l->n; i-- > 0 && l->epoch[i] >= epoch;)
			if (l->epoch[i] == epoch)
				l->value[i] = value;
		return true;
	}
	if (l->n == l->cap) {
		uint32_t cap = l->cap ? l->cap * 2 : 64;
		uint64_t *e = realloc(l->epoch, sizeof(*e) * cap);
		if (e)
			l->epoch = e;
		double *v = e ? realloc(l->value, sizeof(*v) * cap) : NULL;
		if (!v)
			return false;
		l->value = v;
		l->cap = cap;
	}
	l->epoch[l->n] = epoch;
	l->value[l->n++] = value;
	return true;
}

static struct chart *chart_find(struct film *f, const struct out_map *m)
{
	for (uint32_t i = 0; i < f->n_charts; i++)
		if (str_is(m->name, f->charts[i].title))
			return &f->charts[i];
	if (f->n_charts == FILM_CHARTS)
		return NULL;
	char *title = strndup(m->name.s, m->name.len);
	if (!title) {
		f->err = -ENOMEM;
		return NULL;
	}
	struct chart *c = &f->charts[f->n_charts++];
	*c = (struct chart){ .title = title, .step_s = (double)m->value->agg.step * 1e-9 };
	return c;
}

/* NULL: there are enough of them. Takes `name`. */
static struct chart_line *chart_find_line(struct chart *c, char *name)
{
	for (uint32_t i = 0; i < c->n_lines; i++) {
		if ((!name && !c->lines[i].name) || (name && c->lines[i].name && !strcmp(name, c->lines[i].name))) {
			free(name);
			return &c->lines[i];
		}
	}
	if (c->n_lines == CHART_LINES) {
		c->n_left_out++;
		free(name);
		return NULL;
	}
	c->lines[c->n_lines] = (struct chart_line){ .name = name };
	return &c->lines[c->n_lines++];
}

void film_series(struct film *f, const struct out_env *e, const struct out_map *m)
{
	struct chart *c = chart_find(f, m);
	if (c)
		c->n_left_out = 0; /* of this call: the same keys come again */
	for (uint32_t i = 0; c && i < m->n && !f->err; i++) {
		struct buf key = { 0 };
		uint64_t first, n;
		if (m->key && m->rows[i].key)
			out_key_text(e, m->key, m->rows[i].key, &key);
		if (key.oom || (m->key && !key.s)) {
			f->err = -ENOMEM;
			buf_fini(&key);
			return;
		}
		struct chart_line *l = chart_find_line(c, key.s);
		struct out_point *p = l ? out_series_points(m->value, m->rows[i].value, m->newest, &first, &n) : NULL;
		for (uint64_t k = 0; p && k < n; k++) {
			double v = m->value->is_signed ? (double)(int64_t)p[k].value : (double)p[k].value;
			if (p[k].there && !chart_push(l, first + k, v))
				f->err = -ENOMEM;
		}
		free(p);
	}
}

/* -- drawing -- */

struct chart_axes {
	uint64_t first, last; /* epochs */
	double low, high, step;
	double left, top, w, h;
};

static double chart_x(const struct chart_axes *a, uint64_t epoch)
{
	return a->left + a->w * ((double)(epoch - a->first) + 0.5) / (double)(a->last - a->first + 1);
}

static double chart_y(const struct chart_axes *a, double v)
{
	return a->top + a->h * (a->high - v) / (a->high - a->low);
}

double chart_height(void)
{
	return TOP + PLOT + BOTTOM;
}

static struct chart_axes chart_measure(const struct chart *c, double top, double width)
{
	struct chart_axes a = { .first = UINT64_MAX, .left = LEFT, .top = top + TOP, .w = width - LEFT - RIGHT, .h = PLOT };
	for (uint32_t i = 0; i < c->n_lines; i++) {
		const struct chart_line *l = &c->lines[i];
		for (uint32_t k = 0; k < l->n; k++) {
			a.first = l->epoch[k] < a.first ? l->epoch[k] : a.first;
			a.last = l->epoch[k] > a.last ? l->epoch[k] : a.last;
			a.low = l->value[k] < a.low ? l->value[k] : a.low;
			a.high = l->value[k] > a.high ? l->value[k] : a.high;
		}
	}
	if (a.first == UINT64_MAX)
		a.first = 0;
	a.step = grid_round((a.high - a.low > 0 ? a.high - a.low : 1) / TICKS);
	double steps = a.low / a.step; /* both ends on a tick: zero is always one */
	int64_t lowest = (int64_t)steps - (steps < (double)(int64_t)steps);
	double up = a.high / a.step;
	int64_t highest = (int64_t)up + (up > (double)(int64_t)up);
	a.low = (double)lowest * a.step;
	a.high = (double)(highest > lowest ? highest : lowest + 1) * a.step;
	return a;
}

static void chart_lines(const struct chart *c, const struct chart_axes *a, struct buf *out)
{
	for (double v = a->low; v <= a->high + a->step / 2; v += a->step) {
		double y = chart_y(a, v);
		buf_addf(out, "<line class=\"line\" x1=\"%.0f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/><text class=\"v\" x=\"%.0f\" y=\"%.0f\">",
			 a->left, a->left + a->w, y, y, a->left - 6, y + 4);
		svg_add_count(out, v > -a->step / 2 && v < a->step / 2 ? 0 : v);
		buf_adds(out, "</text>\n");
	}
	double seconds = (double)(a->last - a->first + 1) * c->step_s, step = grid_round(seconds * 90 / a->w);
	for (double s = 0; s <= seconds + step / 1000; s += step) {
		double x = a->left + a->w * s / seconds;
		buf_addf(out, "<line class=\"line\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.0f\" y2=\"%.0f\"/><text class=\"t\" x=\"%.1f\" y=\"%.0f\">",
			 x, x, a->top, a->top + a->h + 4, x, a->top + a->h + 18);
		svg_add_count(out, s);
		buf_adds(out, " s</text>\n");
	}
}

static uint32_t chart_colour(uint32_t line)
{
	static const uint16_t hues[CHART_LINES] = { 212, 12, 145, 42, 280, 185, 330, 95 };
	return svg_hsl(hues[line % CHART_LINES], 0.65, 0.5);
}

static void chart_dot(const struct chart_line *l, uint32_t k, const struct chart *c, const struct chart_axes *a, uint32_t colour, bool alone,
		      struct buf *out)
{
	buf_addf(out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%s\" fill=\"#%06x\"><title>", chart_x(a, l->epoch[k]), chart_y(a, l->value[k]),
		 alone ? "2.5" : "1.8", colour);
	if (l->name) {
		svg_add_text(out, str_of(l->name), 200);
		buf_adds(out, ": ");
	}
	svg_add_count(out, l->value[k]);
	buf_adds(out, ", time ");
	svg_add_count(out, (double)(l->epoch[k] - a->first) * c->step_s);
	buf_adds(out, " s</title></circle>\n");
}

static void chart_line_draw(const struct chart *c, uint32_t i, const struct chart_axes *a, struct buf *out)
{
	const struct chart_line *l = &c->lines[i];
	uint32_t colour = chart_colour(i);
	for (uint32_t k = 0, end; k < l->n; k = end) {
		for (end = k + 1; end < l->n && l->epoch[end] == l->epoch[end - 1] + 1; end++)
			;
		if (end > k + 1) {
			buf_addf(out, "<polyline class=\"c\" stroke=\"#%06x\" points=\"", colour);
			for (uint32_t q = k; q < end; q++) {
				buf_addf(out, q > k ? " %.1f,%.1f" : "%.1f,%.1f", chart_x(a, l->epoch[q]), chart_y(a, l->value[q]));
			}
			buf_adds(out, "\"/>\n");
		}
		for (uint32_t q = k; q < end && (end == k + 1 || l->n <= DOTS_MAX); q++)
			chart_dot(l, q, c, a, colour, end == k + 1, out);
	}
}

void chart_draw(const struct chart *c, double top, double width, struct buf *out)
{
	struct chart_axes a = chart_measure(c, top, width);
	double x = a.left, y = top + TOP + PLOT + BOTTOM - 14;
	grid_heading(str_of(c->title), width, top, out);
	chart_lines(c, &a, out);
	for (uint32_t i = 0; i < c->n_lines; i++)
		chart_line_draw(c, i, &a, out);
	for (uint32_t i = 0; i < c->n_lines && c->lines[i].name; i++) { /* the legend */
		struct str name = str_of(c->lines[i].name);
		double room = (width - RIGHT - x) / CELL - 3;
		if (room < 4)
			break;
		uint32_t fit = svg_fit(name, room < 24 ? (uint32_t)room : 24);
		buf_addf(out, "<rect x=\"%.0f\" y=\"%.0f\" width=\"11\" height=\"11\" fill=\"#%06x\"/><text x=\"%.0f\" y=\"%.0f\">", x, y - 10,
			 chart_colour(i), x + 15, y);
		svg_add_text(out, name, fit);
		buf_adds(out, "</text>\n");
		x += 15 + CELL * (svg_cells((struct str){ name.s, fit }) + (fit < name.len ? 2 : 0)) + 18;
	}
	if (c->n_left_out)
		buf_addf(out, "<text class=\"v\" x=\"%.0f\" y=\"%.0f\">%u more keys are left out</text>\n", width - RIGHT, top + TOP - 8, c->n_left_out);
}
