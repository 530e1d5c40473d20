/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Points in time as a heat map: time across, value (mostly a latency) up, colour by how many points lie in a cell. One
 * SVG file without any script: the text of a cell is its title, which browsers show under the pointer.
 *
 * A point is a line `time value` or `time value count`. The axes are known only when all points are, so points are
 * kept: 24 bytes each, HEAT_POINTS_MAX at most; who has more gives counts. Steps of the axes are round numbers (1, 2,
 * 5; on the logarithmic axis the same number of rows for each decade), so a cell's borders can be read and said.
 *
 * Colour goes by the square root of the count and its lowest shade is far from the background: a single outlier is
 * visible.
 */
#include <errno.h>
#include <stdlib.h>

#include "out/picture.h"

enum {
	RIGHT = 32,
	TOP = 54,
	BOTTOM = 56,
	PLOT = 400,
	SHADES = 16,
	DEFAULT_WIDTH = 1200,
	DEFAULT_COLUMNS = 100,
	DEFAULT_ROWS = 40,
	EDGES_MAX = HEAT_ROWS_MAX + 1
};
#define CELL 7.25

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
struct grid {
	double t0, t_step, t_least;    /* the first column's left edge, a column's width, the earliest time */
	double edge[EDGES_MAX];        /* row i holds edge[i] <= value < edge[i + 1] */
	uint32_t columns, rows, tick;  /* every how many rows a label */
	bool log;
	double *n, most, total;        /* [column * rows + row] */
	double left, cell_w, cell_h, width, height;
	const struct heat_options *o;
};

/* The smallest of 1, 2, 5 times a power of ten that is not below x. */
static double heat_round(double x)
{
	double p = 1;
	while (p > x && p > 1e-30)
		p /= 10;
	while (p * 10 <= x)
		p *= 10;
	return x <= p ? p : x <= 2 * p ? 2 * p : x <= 5 * p ? 5 * p : 10 * p;
}

static void heat_linear(struct grid *g, double most, uint32_t rows)
{
	double step = heat_round(most > 0 ? most / (rows - 0.5) : 1);
	g->rows = 0;
	do {
		g->edge[g->rows + 1] = step * (g->rows + 1);
		g->rows++;
	} while (g->edge[g->rows] <= most && g->rows + 1 < EDGES_MAX);
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
		for (uint32_t i = 0; i < 10 && g->rows + 1 < EDGES_MAX; i += step)
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

static int heat_grid(const struct heat *h, struct grid *g)
{
	const struct heat_point *p = h->points;
	double first = p[0].time, last = first, most = p[0].value, least = 0, scale = g->o->time_scale;
	uint32_t columns = g->o->columns, rows = g->o->rows;
	for (uint32_t i = 0; i < h->n_points; i++) {
		first = p[i].time < first ? p[i].time : first;
		last = p[i].time > last ? p[i].time : last;
		most = p[i].value > most ? p[i].value : most;
		if (p[i].value > 0 && (least == 0 || p[i].value < least))
			least = p[i].value;
	}
	g->log = least > 0 && (g->o->axis == HEAT_LOG || (g->o->axis == HEAT_GUESS && most / least > 1000));
	if (g->log)
		heat_log(g, least, most, rows);
	else
		heat_linear(g, most, rows);
	/* Time counts from the first point, in seconds. */
	double range = (last - first) * scale;
	g->t_least = first;
	g->t_step = heat_round(range > 0 ? range / columns : 1);
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
		double *n = &g->n[c * g->rows + heat_row(g, p[i].value)];
		*n += p[i].n;
		g->total += p[i].n;
		if (*n > g->most)
			g->most = *n;
	}
	return 0;
}

/* --- drawing */
static void heat_colours(struct buf *out, bool dark)
{
	for (int i = 1; i <= SHADES; i++) {
		double part = (double)(i - 1) / (SHADES - 1);
		/* Light: pale yellow to dark red. Dark: violet to bright yellow. */
		uint32_t rgb =
			dark ? svg_hsl(part < 0.35 ? 290 + 200 * part : (part - 0.35) * 85, 0.75, 0.33 + 0.38 * part)
			     : svg_hsl(46 - 46 * part, 0.92, 0.74 - 0.44 * part);
		buf_addf(out, ".h%d{fill:#%06x}", i, rgb);
	}
}

static void heat_style(struct buf *out)
{
	buf_adds(out, "<style>:root{background:#fff;max-width:100%}text{font:12px ui-monospace,\"DejaVu Sans "
		      "Mono\",Menlo,Consolas,monospace;fill:#111}"
		      "#back{fill:#fff}#heading{font-size:17px;text-anchor:middle}.v{text-anchor:end}.t{text-anchor:"
		      "middle}.line{stroke:#888;stroke-opacity:.25}"
		      "#cells rect{shape-rendering:crispEdges}#cells rect:hover{stroke:#000;stroke-width:1.5}");
	heat_colours(out, false);
	buf_adds(out, "@media "
		      "(prefers-color-scheme:dark){:root{color-scheme:dark;background:#17191d}text{fill:#eee}#back{"
		      "fill:#17191d}"
		      "#cells rect:hover{stroke:#fff}");
	heat_colours(out, true);
	buf_adds(out, "}</style>\n");
}

static void heat_unit(const struct grid *g, struct buf *out)
{
	if (g->o->unit && *g->o->unit) {
		buf_addc(out, ' ');
		svg_add_text(out, str_of(g->o->unit), 32);
	}
}

static double heat_y(const struct grid *g, uint32_t edge)
{
	return TOP + (double)(g->rows - edge) * g->cell_h;
}

/* As wide as the widest label. */
static double heat_margin(const struct grid *g)
{
	uint32_t cells = 4;
	for (uint32_t i = 0; i <= g->rows; i += g->tick) {
		struct buf b = { 0 };
		svg_add_count(&b, g->edge[i]);
		heat_unit(g, &b);
		uint32_t n = svg_cells((struct str){ b.s ? b.s : "", (uint32_t)b.len });
		cells = n > cells ? n : cells;
		buf_fini(&b);
	}
	return cells < 24 ? cells * CELL + 14 : 24 * CELL + 14;
}

static void heat_axes(const struct grid *g, struct buf *out)
{
	double right = g->left + g->cell_w * g->columns, bottom = heat_y(g, 0);
	for (uint32_t i = 0; i <= g->rows; i += g->tick) {
		double y = heat_y(g, i);
		buf_addf(out,
			 "<line class=\"line\" x1=\"%.0f\" x2=\"%.1f\" y1=\"%.0f\" y2=\"%.0f\"/><text class=\"v\" "
			 "x=\"%.0f\" y=\"%.0f\">",
			 g->left, right, y, y, g->left - 6, y + 4);
		svg_add_count(out, g->edge[i]);
		heat_unit(g, out);
		buf_adds(out, "</text>\n");
	}
	/* A label of time every 90 pixels or more, on a column's edge. */
	uint32_t every = (uint32_t)heat_round(90 / g->cell_w);
	for (uint32_t i = 0; i <= g->columns; i += every ? every : 1) {
		double x = g->left + g->cell_w * i;
		buf_addf(out,
			 "<line class=\"line\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%.0f\"/><text class=\"t\" "
			 "x=\"%.1f\" y=\"%.0f\">",
			 x, x, TOP, bottom + 4, x, bottom + 18);
		svg_add_count(out, g->t_step * i);
		buf_adds(out, " s</text>\n");
	}
}

static void heat_cell(const struct grid *g, uint32_t column, uint32_t row, double in_column, struct buf *out)
{
	double n = g->n[column * g->rows + row];
	int shade = 1;
	while (shade < SHADES && (double)shade * shade / (SHADES * SHADES) < n / g->most)
		shade++;
	buf_addf(out, "<rect class=\"h%d\" data-n=\"%.15g\" x=\"", shade, n);
	svg_add_pixels(out, g->left + g->cell_w * column);
	buf_addf(out, "\" y=\"%.0f\" width=\"", heat_y(g, row + 1));
	svg_add_pixels(out, g->cell_w);
	buf_addf(out, "\" height=\"%.0f\"><title>", g->cell_h);
	svg_add_count(out, n);
	buf_addf(out, " (%.2f%% of the column) from ", 100 * n / in_column);
	svg_add_count(out, row || !g->log ? g->edge[row] : 0);
	buf_adds(out, " to ");
	svg_add_count(out, g->edge[row + 1]);
	heat_unit(g, out);
	buf_adds(out, ", time ");
	svg_add_count(out, g->t_step * column);
	buf_adds(out, " to ");
	svg_add_count(out, g->t_step * (column + 1));
	buf_adds(out, " s</title></rect>\n");
}

static void heat_head(const struct grid *g, struct buf *out)
{
	struct str title = str_of(g->o->title);
	uint32_t fit = svg_fit(title, (uint32_t)((g->width - 20) / (CELL * 17 / 12)));
	buf_addf(out,
		 "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" "
		 "height=\"%.0f\" "
		 "viewBox=\"0 0 %.0f %.0f\" role=\"group\" aria-labelledby=\"name what\">\n<title id=\"name\">",
		 g->width, g->height, g->width, g->height);
	svg_add_text(out, title, 1024);
	buf_adds(out, "</title>\n<desc id=\"what\">Heat map: ");
	svg_add_count(out, g->total);
	buf_addf(out, " points, time across, %s value up. Time 0 is %.15g in the input.</desc>\n",
		 g->log ? "logarithm of the" : "the", g->t_least);
	heat_style(out);
	buf_addf(out, "<rect id=\"back\" width=\"%.0f\" height=\"%.0f\"/>\n<text id=\"heading\" x=\"%.1f\" y=\"24\">",
		 g->width, g->height, g->width / 2);
	svg_add_text(out, title, fit);
	buf_adds(out, "</text>\n");
	/* The legend: one point, and the fullest cell. */
	double y = g->height - 14, x = g->left;
	buf_addf(out, "<text x=\"%.0f\" y=\"%.0f\">1</text>", x, y);
	for (int i = 1; i <= SHADES; i++)
		buf_addf(out, "<rect class=\"h%d\" x=\"%.0f\" y=\"%.0f\" width=\"12\" height=\"11\"/>", i,
			 x + 2 + 12 * i, y - 10);
	buf_addf(out, "<text x=\"%.0f\" y=\"%.0f\">", x + 20 + 12 * SHADES, y);
	svg_add_count(out, g->most);
	buf_adds(out, " in a cell</text>\n");
}

int heat_draw(const struct heat *h, const struct heat_options *opt, struct buf *out)
{
	struct heat_options o = *opt;
	struct grid g = { .o = &o };
	if (!h->n_points)
		return -ENODATA;
	o.title = o.title ? o.title : "Heat map";
	o.time_scale = o.time_scale > 0 ? o.time_scale : 1;
	o.columns = !o.columns ? DEFAULT_COLUMNS : o.columns > HEAT_COLUMNS_MAX ? HEAT_COLUMNS_MAX : o.columns;
	o.rows = !o.rows ? DEFAULT_ROWS : o.rows > HEAT_ROWS_MAX ? HEAT_ROWS_MAX : o.rows;
	g.width = o.width ? o.width : DEFAULT_WIDTH;
	int err = heat_grid(h, &g);
	if (err)
		return err;
	g.cell_h = g.rows < PLOT / 4 ? PLOT / g.rows : 4;
	g.height = TOP + g.rows * g.cell_h + BOTTOM;
	g.left = heat_margin(&g);
	g.cell_w = (g.width - g.left - RIGHT) / g.columns;
	heat_head(&g, out);
	heat_axes(&g, out);
	buf_adds(out, "<g id=\"cells\">\n");
	for (uint32_t c = 0; c < g.columns; c++) {
		double sum = 0;
		for (uint32_t r = 0; r < g.rows; r++)
			sum += g.n[c * g.rows + r];
		for (uint32_t r = 0; r < g.rows; r++)
			if (g.n[c * g.rows + r] > 0)
				heat_cell(&g, c, r, sum, out);
	}
	buf_adds(out, "</g>\n</svg>\n");
	free(g.n);
	return out->oom ? -ENOMEM : 0;
}
