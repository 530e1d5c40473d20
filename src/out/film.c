/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Histograms over time. Programs count in maps and go on; the session looks at the maps at a pace, and what a bucket gained since the last
 * look belongs to the time between. So a program needs no interval of its own to become a heat map, and one that prints and
 * clears its maps loses nothing: the session looks before it clears, and says so (film_forget).
 *
 * Times are those of the looks, not of the events: a column is never narrower than the pace.
 */
#include "out/film.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "out/grid.h"

enum { FILM_DRAWN_COLUMNS = 256, FILM_DRAWN_ROWS = 100 };

struct film *film_new(uint64_t step_ns)
{
	struct film *f = calloc(1, sizeof(*f));
	if (f)
		f->step_ns = step_ns;
	return f;
}

void film_free(struct film *f)
{
	for (uint32_t i = 0; f && i < f->n_tracks; i++) {
		free(f->tracks[i].title);
		free(f->tracks[i].map);
		free(f->tracks[i].last);
		free(f->tracks[i].n);
	}
	for (uint32_t i = 0; f && i < f->n_charts; i++)
		chart_fini(&f->charts[i]);
	free(f);
}

void film_start(struct film *f, uint64_t now_ns)
{
	f->start_ns = f->looked_ns = now_ns;
}

/* -- time -- */

static void film_halve(struct film *f)
{
	for (uint32_t k = 0; k < f->n_tracks; k++) {
		struct film_track *t = &f->tracks[k];
		for (uint32_t c = 0; c < FILM_COLUMNS; c++) {
			for (uint32_t b = 0; b < t->n_buckets; b++) {
				float *to = &t->n[(size_t)(c / 2) * t->n_buckets + b], x = t->n[(size_t)c * t->n_buckets + b];
				*to = c % 2 ? *to + x : x;
			}
		}
		memset(t->n + (size_t)FILM_COLUMNS / 2 * t->n_buckets, 0, sizeof(*t->n) * FILM_COLUMNS / 2 * t->n_buckets);
	}
	f->step_ns *= 2;
}

static void film_scroll(struct film *f, uint64_t by)
{
	for (uint32_t k = 0; k < f->n_tracks; k++) {
		struct film_track *t = &f->tracks[k];
		uint32_t keep = by < FILM_COLUMNS ? FILM_COLUMNS - (uint32_t)by : 0;
		memmove(t->n, t->n + (FILM_COLUMNS - keep) * (size_t)t->n_buckets, sizeof(*t->n) * keep * t->n_buckets);
		memset(t->n + (size_t)keep * t->n_buckets, 0, sizeof(*t->n) * (FILM_COLUMNS - keep) * t->n_buckets);
	}
	f->start_ns += by * f->step_ns;
}

void film_begin(struct film *f, uint64_t now_ns)
{
	/* what is gained belongs to the time since the last look: to the column in which its middle lies */
	uint64_t middle = (f->looked_ns + now_ns) / 2, at = middle > f->start_ns ? middle - f->start_ns : 0;
	if (f->live && at / f->step_ns >= FILM_COLUMNS)
		film_scroll(f, at / f->step_ns - FILM_COLUMNS + 1);
	while (!f->live && at / f->step_ns >= FILM_COLUMNS)
		film_halve(f);
	uint64_t c = (middle > f->start_ns ? middle - f->start_ns : 0) / f->step_ns;
	f->looked_ns = now_ns;
	f->columns = (uint32_t)c + 1;
	for (uint32_t k = 0; k < f->n_tracks; k++)
		f->tracks[k].seen = false;
}

void film_end(struct film *f)
{
	for (uint32_t k = 0; k < f->n_tracks; k++) /* a key that is gone begins at zero when it comes back */
		if (!f->tracks[k].seen)
			memset(f->tracks[k].last, 0, sizeof(uint64_t) * f->tracks[k].n_buckets);
}

void film_forget(struct film *f, struct str map)
{
	for (uint32_t k = 0; k < f->n_tracks; k++)
		if (str_is(map, f->tracks[k].map))
			memset(f->tracks[k].last, 0, sizeof(uint64_t) * f->tracks[k].n_buckets);
}

/* -- tracks -- */

static char *film_title(const struct film *f, const struct out_env *e, const struct out_map *m, const void *key)
{
	struct buf b = { 0 };
	if (f->program)
		buf_adds(&b, f->program);
	else
		buf_add(&b, m->name.s, m->name.len);
	if (key) {
		buf_addc(&b, '[');
		out_key_text(e, m->key, key, &b);
		buf_addc(&b, ']');
	}
	if (b.oom) {
		buf_fini(&b);
		return NULL;
	}
	return b.s;
}

static bool film_fits(const struct film_track *t, const struct type *type)
{
	return t->type.kind == type->kind && t->type.agg.bits == type->agg.bits && t->type.agg.min == type->agg.min &&
	       t->type.agg.max == type->agg.max && t->type.agg.step == type->agg.step;
}

/* The track of this title; a new one, or that of the rest, when it is met first. NULL: none has room, or no memory. Takes `title`. */
static struct film_track *film_track(struct film *f, const struct out_map *m, char *title)
{
	for (uint32_t k = 0; title && k < f->n_tracks; k++) {
		if (!f->tracks[k].rest && !strcmp(f->tracks[k].title, title) && str_is(m->name, f->tracks[k].map)) {
			free(title);
			return &f->tracks[k];
		}
	}
	if (title && f->n_tracks && f->tracks[f->n_tracks - 1].rest) {
		free(title);
		return film_fits(&f->tracks[f->n_tracks - 1], m->value) ? &f->tracks[f->n_tracks - 1] : NULL;
	}
	struct film_track *t = &f->tracks[f->n_tracks];
	bool rest = f->n_tracks + 1 == FILM_TRACKS;
	if (rest) {
		free(title);
		title = strdup("all others");
	}
	*t = (struct film_track){ .title = title, .rest = rest, .type = { .kind = m->value->kind, .agg = m->value->agg } };
	t->n_buckets = type_agg_buckets(m->value);
	snprintf(t->unit, sizeof(t->unit), "%.*s", STR_FMT(m->unit));
	t->map = strndup(m->name.s, m->name.len);
	t->last = calloc(t->n_buckets, sizeof(*t->last));
	t->n = calloc((size_t)FILM_COLUMNS * t->n_buckets, sizeof(*t->n));
	if (!title || !t->map || !t->last || !t->n) {
		free(title);
		free(t->map);
		free(t->last);
		free(t->n);
		f->err = -ENOMEM;
		return NULL;
	}
	f->n_tracks++;
	return t;
}

/* Tracks that share one have no last look each: what they have is counted by its sum, so a key that goes takes its part along. */
static void film_add(struct film *f, struct film_track *t, const uint64_t *now)
{
	float *n = t->n + (size_t)(f->columns - 1) * t->n_buckets;
	for (uint32_t b = 0; b < t->n_buckets; b++) {
		uint64_t gain = now[b] >= t->last[b] ? now[b] - t->last[b] : now[b]; /* zeroed behind our back */
		n[b] += (float)gain;
		t->total += (double)gain;
		t->last[b] = now[b];
	}
	t->seen = true;
}

void film_look(struct film *f, const struct out_env *e, const struct out_map *m)
{
	struct film_track *rest = NULL;
	uint32_t n = type_agg_buckets(m->value);
	uint64_t *sum = NULL, *now = m->value_size >= 8ull * n ? malloc(sizeof(*now) * n) : NULL;
	for (uint32_t i = 0; now && i < m->n && !f->err; i++) {
		memcpy(now, m->rows[i].value, sizeof(*now) * n);
		bool any = false;
		for (uint32_t b = 0; b < n && !any; b++)
			any = now[b] != 0;
		if (!any)
			continue;
		struct film_track *t = film_track(f, m, film_title(f, e, m, m->key ? m->rows[i].key : NULL));
		if (t && !t->rest) {
			film_add(f, t, now);
		} else if (t) {
			sum = sum ? sum : calloc(n, sizeof(*sum));
			rest = t;
			for (uint32_t b = 0; sum && b < n; b++)
				sum[b] += now[b];
		}
	}
	if (rest && sum)
		film_add(f, rest, sum);
	free(sum);
	free(now);
}

/* -- pictures -- */

double film_bound(const struct film_track *t, uint32_t bucket)
{
	if (bucket == 0)
		return t->type.kind == T_LHIST ? (double)(t->type.agg.min - t->type.agg.step) : -1;
	if (t->type.kind == T_LHIST)
		return (double)t->type.agg.min + (double)(bucket - 1) * (double)t->type.agg.step;
	uint64_t b = out_hist_bound(&t->type, bucket);
	return b || bucket == 1 ? (double)b : 18446744073709551616.0;
}

bool film_rows(const struct film_track *t, uint32_t from, uint32_t columns, uint32_t most, struct film_rows *ret)
{
	uint32_t first = UINT32_MAX, last = 0;
	for (uint32_t c = from; c < columns; c++) {
		for (uint32_t b = 0; b < t->n_buckets; b++) {
			if (!(t->n[(size_t)c * t->n_buckets + b] > 0))
				continue;
			first = b < first ? b : first;
			last = b > last ? b : last;
		}
	}
	if (first == UINT32_MAX)
		return false;
	uint32_t merge = (last - first + most) / most;
	*ret = (struct film_rows){ first, (last - first) / merge + 1, merge };
	return true;
}

double film_cell(const struct film_track *t, const struct film_rows *r, uint32_t column, uint32_t row)
{
	double x = 0;
	for (uint32_t k = 0; k < r->merge; k++) {
		uint32_t b = r->first + row * r->merge + k;
		x += b < t->n_buckets ? (double)t->n[(size_t)column * t->n_buckets + b] : 0;
	}
	return x;
}

struct str film_unit(const struct film_track *t)
{
	static const struct {
		const char *end, *unit;
	} units[] = { { "usecs", "us" }, { "msecs", "ms" }, { "nsecs", "ns" }, { "secs", "s" }, { "_us", "us" }, { "_ms", "ms" },
		      { "_ns", "ns" }, { "@us", "us" }, { "@ms", "ms" }, { "@ns", "ns" }, { "bytes", "bytes" }, { "kbytes", "KB" } };
	size_t len = strlen(t->map);
	if (*t->unit)
		return str_of(t->unit);
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		size_t n = strlen(units[i].end);
		if (len >= n && !memcmp(t->map + len - n, units[i].end, n))
			return str_of(units[i].unit);
	}
	return STR("");
}

static int film_grid(const struct film *f, const struct film_track *t, struct grid *g)
{
	struct film_rows r;
	if (!film_rows(t, 0, f->columns, FILM_DRAWN_ROWS, &r))
		return -ENODATA;
	uint32_t merge = (f->columns + FILM_DRAWN_COLUMNS - 1) / FILM_DRAWN_COLUMNS, end = r.first + r.n * r.merge;
	*g = (struct grid){ .title = str_of(t->title), .unit = film_unit(t), .t_step = (double)f->step_ns * 1e-9 * merge,
			    .columns = (f->columns + merge - 1) / merge, .rows = r.n, .tick = (r.n + 19) / 20, .below = r.first == 0,
			    .above = t->type.kind == T_LHIST && end >= t->n_buckets };
	for (uint32_t i = 0; i <= r.n; i++)
		g->edge[i] = film_bound(t, r.first + i * r.merge);
	g->n = calloc((size_t)g->columns * g->rows, sizeof(*g->n));
	if (!g->n)
		return -ENOMEM;
	for (uint32_t c = 0; c < f->columns; c++)
		for (uint32_t i = 0; i < r.n; i++)
			g->n[(size_t)(c / merge) * g->rows + i] += film_cell(t, &r, c, i);
	return 0;
}

int film_draw(const struct film *f, const struct film_options *o, struct buf *out)
{
	struct grid *g = calloc(FILM_TRACKS, sizeof(*g));
	struct str titles[FILM_TRACKS + FILM_CHARTS];
	uint32_t n = 0, n_titles = 0;
	double width = o->width ? o->width : GRID_WIDTH, height = 0;
	int err = g ? f->err : -ENOMEM;
	for (uint32_t k = 0; k < f->n_tracks && !err; k++) {
		err = film_grid(f, &f->tracks[k], &g[n]);
		n += !err;
		err = err == -ENODATA ? 0 : err;
	}
	if (!err && !n && !f->n_charts)
		err = -ENODATA;
	if (!err) {
		if (o->title && n == 1)
			g->title = str_of(o->title);
		for (uint32_t k = 0; k < n; k++)
			titles[n_titles++] = g[k].title;
		for (uint32_t k = 0; k < f->n_charts; k++)
			titles[n_titles++] = str_of(f->charts[k].title);
		double charts = grid_place(g, n, 0, width);
		height = charts + f->n_charts * chart_height();
		grid_head(titles, n_titles, width, height, "Time across; heat maps: value up, colour by the number of events; charts: a line for each key.", out);
		for (uint32_t k = 0; k < n; k++)
			grid_panel(&g[k], out);
		for (uint32_t k = 0; k < f->n_charts; k++)
			chart_draw(&f->charts[k], charts + k * chart_height(), width, out);
		buf_adds(out, "</svg>\n");
		err = out->oom ? -ENOMEM : 0;
	}
	for (uint32_t k = 0; g && k < n; k++)
		free(g[k].n);
	free(g);
	return err;
}
