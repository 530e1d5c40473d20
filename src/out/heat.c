/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Points in time as a heat map: time across, value (mostly a latency) up, colour by how many points lie in a cell. The axes
 * are chosen here, grid.c draws.
 *
 * A point is a line `time value` or `time value count`. The axes are known only when all points are, so points are
 * kept: 24 bytes each, HEAT_POINTS_MAX at most; who has more gives counts. Steps of the axes are round numbers (1, 2,
 * 5; on the logarithmic axis the same number of rows for each decade), so a cell's borders can be read and said.
 */
#include <errno.h>
#include <stdlib.h>

#include "out/grid.h"

enum { DEFAULT_COLUMNS = 100, DEFAULT_ROWS = 40 };

/* --- points */
static void heat_bad(struct heat *h, const char *p, size_t n)
{
	if (!h->stats.n_bad++) {
		struct buf b = { 0 };
		h->stats.first_bad = h->lines.n_lines;
		if (p)
			buf_add_safe(&b, p, n < 20 ? n : 20, false);
		memcpy(h->stats.first_text, b.s ? b.s : "", b.s ? b.len + 1 : 1);
		buf_fini(&b);
	}
}

static bool heat_add(struct heat *h, struct heat_point p)
{
	if (h->n_points == h->cap_points) {
		uint32_t want = h->cap_points ? h->cap_points * 2 : 1024;
		struct heat_point *v = want > HEAT_POINTS_MAX ? NULL : realloc(h->points, sizeof(*v) * want);
		if (!v) {
			h->err = want > HEAT_POINTS_MAX ? -E2BIG : -ENOMEM;
			return false;
		}
		h->points = v;
		h->cap_points = want;
	}
	h->points[h->n_points++] = p;
	return true;
}

static void heat_line(void *arg, const char *s, size_t n)
{
	struct heat *h = arg;
	struct str t = { s, (uint32_t)n }, field[3];
	double v[3] = { 0, 0, 1 };
	uint32_t fields = 0;
	bool good = s != NULL;
	if (h->err)
		return;
	while (good && fields < 3) {
		field[fields] = line_last(&t);
		if (!field[fields].len)
			break;
		fields++;
	}
	if (good && (!fields || field[fields - 1].s[0] == '#'))
		return;
	h->stats.n_lines++;
	good = good && fields >= 2 && !line_last(&t).len;
	for (uint32_t i = 0; good && i < fields; i++)
		good = line_number(field[fields - 1 - i], &v[i]);
	if (!good)
		heat_bad(h, s, n);
	else if (v[2] > 0)
		heat_add(h, (struct heat_point){ v[0], v[1], (float)v[2] });
}

struct heat *heat_new(void)
{
	struct heat *h = calloc(1, sizeof(*h));
	if (h) {
		h->lines.line = heat_line;
		h->lines.arg = h;
	}
	return h;
}

void heat_free(struct heat *h)
{
	if (!h)
		return;
	free(h->points);
	buf_fini(&h->lines.part);
	free(h);
}

void heat_feed(struct heat *h, const char *p, size_t n)
{
	line_feed(&h->lines, p, n);
	if (h->lines.part.oom)
		h->err = -ENOMEM;
}

int heat_end_file(struct heat *h)
{
	line_end(&h->lines);
	return h->err;
}

/* --- axes */
static void heat_linear(struct grid *g, double most, uint32_t rows)
{
	double step = grid_round(most > 0 ? most / (rows - 0.5) : 1);
	g->rows = 0;
	do {
		g->edge[g->rows + 1] = step * (g->rows + 1);
		g->rows++;
	} while (g->edge[g->rows] <= most && g->rows + 1 < GRID_EDGES_MAX);
	g->edge[0] = 0;
	g->tick = 5;
}

/* As many rows for each decade as fit, 1 to 10; what is below the lowest positive value (zero) has the lowest row. */
static void heat_log(struct grid *g, double least, double most, uint32_t rows)
{
	static const double tenth[10] = { 1,
					  1.2589254117941673,
					  1.5848931924611136,
					  1.9952623149688795,
					  2.5118864315095802,
					  3.1622776601683795,
					  3.9810717055349725,
					  5.0118723362727229,
					  6.3095734448019325,
					  7.9432823472428150 };
	uint32_t decades = 1, step = 1;
	double low = 1;
	while (low > least)
		low /= 10;
	while (low * 10 <= least)
		low *= 10;
	for (double p = low * 10; p <= most && decades < HEAT_ROWS_MAX; p *= 10)
		decades++;
	while (step < 10 && decades * (10 / step) > rows)
		step = step == 1 ? 2 : step == 2 ? 5 : 10;
	g->rows = 0;
	for (double p = low; decades--; p *= 10)
		for (uint32_t i = 0; i < 10 && g->rows + 1 < GRID_EDGES_MAX; i += step)
			g->edge[g->rows++] = p * tenth[i];
	g->edge[g->rows] = most * 10;
	if (g->rows % (10 / step) == 0)
		g->edge[g->rows] = g->edge[g->rows - 10 / step] * 10;
	g->tick = 10 / step;
}

static uint32_t heat_row(const struct grid *g, double value)
{
	uint32_t low = 0, high = g->rows;
	while (high - low > 1) {
		uint32_t mid = (low + high) / 2;
		if (value < g->edge[mid])
			high = mid;
		else
			low = mid;
	}
	return low;
}

static int heat_grid(const struct heat *h, const struct heat_options *o, struct grid *g)
{
	const struct heat_point *p = h->points;
	double first = p[0].time, last = first, most = p[0].value, least = 0, scale = o->time_scale;
	uint32_t columns = o->columns, rows = o->rows;
	for (uint32_t i = 0; i < h->n_points; i++) {
		first = p[i].time < first ? p[i].time : first;
		last = p[i].time > last ? p[i].time : last;
		most = p[i].value > most ? p[i].value : most;
		if (p[i].value > 0 && (least == 0 || p[i].value < least))
			least = p[i].value;
	}
	g->log = least > 0 && (o->axis == HEAT_LOG || (o->axis == HEAT_GUESS && most / least > 1000));
	if (g->log)
		heat_log(g, least, most, rows);
	else
		heat_linear(g, most, rows);
	/* Time counts from the first point, in seconds. */
	double range = (last - first) * scale;
	g->t_least = first;
	g->t_step = grid_round(range > 0 ? range / columns : 1);
	g->columns = (uint32_t)(range / g->t_step) + 1;
	if (g->columns > columns)
		g->columns = columns; /* the last point lies on the last edge */
	g->n = calloc((size_t)g->columns * g->rows, sizeof(*g->n));
	if (!g->n)
		return -ENOMEM;
	for (uint32_t i = 0; i < h->n_points; i++) {
		/* A hair to the right: a time on a column's edge belongs to that column, however 5.1 / 0.1 is rounded.
		 */
		double at = (p[i].time - first) * scale / g->t_step + 1e-9;
		uint32_t c = at < g->columns ? (uint32_t)at : g->columns - 1;
		g->n[c * g->rows + heat_row(g, p[i].value)] += p[i].n;
	}
	return 0;
}

int heat_draw(const struct heat *h, const struct heat_options *opt, struct buf *out)
{
	struct heat_options o = *opt;
	struct grid g = { .title = o.title ? str_of(o.title) : STR("Heat map"), .unit = o.unit ? str_of(o.unit) : STR("") };
	if (!h->n_points)
		return -ENODATA;
	o.time_scale = o.time_scale > 0 ? o.time_scale : 1;
	o.columns = !o.columns ? DEFAULT_COLUMNS : o.columns > HEAT_COLUMNS_MAX ? HEAT_COLUMNS_MAX : o.columns;
	o.rows = !o.rows ? DEFAULT_ROWS : o.rows > HEAT_ROWS_MAX ? HEAT_ROWS_MAX : o.rows;
	int err = heat_grid(h, &o, &g);
	if (!err)
		err = grid_draw(&g, 1, o.width, out);
	free(g.n);
	return err;
}
