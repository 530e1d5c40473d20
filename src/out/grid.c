/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Grids of counts to SVG: heat maps, one below the other in one file, without any script: the text of a cell is its title, which
 * browsers show under the pointer.
 *
 * Colour goes by the square root of the count, by the fourth root where counts differ much, and its lowest shade is far from the
 * background: a single outlier is visible.
 */
#include <errno.h>

#include "out/grid.h"

enum {
	RIGHT = 32,
	TOP = 54,
	BOTTOM = 56,
	PLOT = 400,
	SHADES = 16,
};
#define CELL 7.25

/* The smallest of 1, 2, 5 times a power of ten that is not below x. */
double grid_round(double x)
{
	double p = 1;
	while (p > x && p > 1e-30)
		p /= 10;
	while (p * 10 <= x)
		p *= 10;
	return x <= p ? p : x <= 2 * p ? 2 * p : x <= 5 * p ? 5 * p : 10 * p;
}

void grid_sum(struct grid *g)
{
	g->most = g->total = 0;
	for (size_t i = 0; i < (size_t)g->columns * g->rows; i++) {
		g->total += g->n[i];
		g->most = g->n[i] > g->most ? g->n[i] : g->most;
	}
}

static void grid_colours(struct buf *out, bool dark)
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

static void grid_style(struct buf *out)
{
	buf_adds(out, "<style>:root{background:#fff;max-width:100%}text{font:12px ui-monospace,\"DejaVu Sans "
		      "Mono\",Menlo,Consolas,monospace;fill:#111}"
		      ".back{fill:#fff}.heading{font-size:17px;text-anchor:middle}.v{text-anchor:end}.t{text-anchor:"
		      "middle}.line{stroke:#888;stroke-opacity:.25}.c{fill:none;stroke-width:1.6;stroke-linejoin:round}"
		      ".cells rect{shape-rendering:crispEdges}.cells rect:hover{stroke:#000;stroke-width:1.5}");
	grid_colours(out, false);
	buf_adds(out, "@media "
		      "(prefers-color-scheme:dark){:root{color-scheme:dark;background:#17191d}text{fill:#eee}.back{"
		      "fill:#17191d}"
		      ".cells rect:hover{stroke:#fff}");
	grid_colours(out, true);
	buf_adds(out, "}</style>\n");
}

static void grid_unit(const struct grid *g, struct buf *out)
{
	if (g->unit.len) {
		buf_addc(out, ' ');
		svg_add_text(out, g->unit, 32);
	}
}

static double grid_y(const struct grid *g, uint32_t edge)
{
	return g->top + TOP + (double)(g->rows - edge) * g->cell_h;
}

/* As wide as the widest label. */
static double grid_margin(const struct grid *g)
{
	uint32_t cells = 4;
	for (uint32_t i = 0; i <= g->rows; i += g->tick) {
		struct buf b = { 0 };
		svg_add_count(&b, g->edge[i]);
		grid_unit(g, &b);
		uint32_t n = svg_cells((struct str){ b.s ? b.s : "", (uint32_t)b.len });
		cells = n > cells ? n : cells;
		buf_fini(&b);
	}
	return cells < 24 ? cells * CELL + 14 : 24 * CELL + 14;
}

static void grid_axes(const struct grid *g, struct buf *out)
{
	double right = g->left + g->cell_w * g->columns, bottom = grid_y(g, 0);
	for (uint32_t i = 0; i <= g->rows; i += g->tick) {
		double y = grid_y(g, i);
		buf_addf(out,
			 "<line class=\"line\" x1=\"%.0f\" x2=\"%.1f\" y1=\"%.0f\" y2=\"%.0f\"/><text class=\"v\" "
			 "x=\"%.0f\" y=\"%.0f\">",
			 g->left, right, y, y, g->left - 6, y + 4);
		if (!(i == 0 && g->below) && !(i == g->rows && g->above)) {
			svg_add_count(out, g->edge[i]);
			grid_unit(g, out);
		}
		buf_adds(out, "</text>\n");
	}
	/* A label of time every 90 pixels or more, on a column's edge. */
	uint32_t every = (uint32_t)grid_round(90 / g->cell_w);
	for (uint32_t i = 0; i <= g->columns; i += every ? every : 1) {
		double x = g->left + g->cell_w * i;
		buf_addf(out,
			 "<line class=\"line\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.0f\" y2=\"%.0f\"/><text class=\"t\" "
			 "x=\"%.1f\" y=\"%.0f\">",
			 x, x, g->top + TOP, bottom + 4, x, bottom + 18);
		svg_add_count(out, g->t_step * i);
		buf_adds(out, " s</text>\n");
	}
}

static void grid_cell(const struct grid *g, uint32_t column, uint32_t row, double in_column, struct buf *out)
{
	double n = g->n[column * g->rows + row];
	int shade = 1;
	for (; shade < SHADES; shade++) {
		double part = (double)shade * shade / (SHADES * SHADES);
		if ((g->most > GRID_STEEP ? part * part : part) >= n / g->most)
			break;
	}
	buf_addf(out, "<rect class=\"h%d\" data-n=\"%.15g\" x=\"", shade, n);
	svg_add_pixels(out, g->left + g->cell_w * column);
	buf_addf(out, "\" y=\"%.0f\" width=\"", grid_y(g, row + 1));
	svg_add_pixels(out, g->cell_w);
	buf_addf(out, "\" height=\"%.0f\"><title>", g->cell_h);
	svg_add_count(out, n);
	buf_addf(out, " (%.2f%% of the column)", 100 * n / in_column);
	if (row || !g->below) {
		buf_adds(out, " from ");
		svg_add_count(out, row || !g->log ? g->edge[row] : 0);
	}
	if (row + 1 < g->rows || !g->above) {
		buf_adds(out, row || !g->below ? " to " : " below ");
		svg_add_count(out, g->edge[row + 1]);
	} else {
		buf_adds(out, " up");
	}
	grid_unit(g, out);
	buf_adds(out, ", time ");
	svg_add_count(out, g->t_step * column);
	buf_adds(out, " to ");
	svg_add_count(out, g->t_step * (column + 1));
	buf_adds(out, " s</title></rect>\n");
}

double grid_place(struct grid *g, uint32_t n, double top, double width)
{
	for (uint32_t i = 0; i < n; i++, g++) {
		grid_sum(g);
		g->width = width;
		g->top = top;
		g->cell_h = g->rows < PLOT / 4 ? PLOT / g->rows : 4;
		if (g->cell_h > PLOT / 8)
			g->cell_h = PLOT / 8; /* few rows: no towers */
		g->height = TOP + g->rows * g->cell_h + BOTTOM;
		g->left = grid_margin(g);
		g->cell_w = (width - g->left - RIGHT) / g->columns;
		top += g->height;
	}
	return top;
}

void grid_head(const struct str *titles, uint32_t n, double width, double height, const char *description, struct buf *out)
{
	buf_addf(out,
		 "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" "
		 "height=\"%.0f\" "
		 "viewBox=\"0 0 %.0f %.0f\" role=\"group\" aria-labelledby=\"name what\">\n<title id=\"name\">",
		 width, height, width, height);
	for (uint32_t i = 0; i < n; i++) {
		if (i)
			buf_adds(out, ", ");
		svg_add_text(out, titles[i], 1024);
	}
	buf_adds(out, "</title>\n<desc id=\"what\">");
	buf_adds(out, description);
	buf_adds(out, "</desc>\n");
	grid_style(out);
	buf_addf(out, "<rect class=\"back\" width=\"%.0f\" height=\"%.0f\"/>\n", width, height);
}

void grid_heading(struct str title, double width, double top, struct buf *out)
{
	uint32_t fit = svg_fit(title, (uint32_t)((width - 20) / (CELL * 17 / 12)));
	buf_addf(out, "<text class=\"heading\" x=\"%.1f\" y=\"%.0f\">", width / 2, top + 24);
	svg_add_text(out, title, fit);
	buf_adds(out, "</text>\n");
}

void grid_panel(const struct grid *g, struct buf *out)
{
	grid_heading(g->title, g->width, g->top, out);
	/* The legend: one point, and the fullest cell. */
	double y = g->top + g->height - 14, x = g->left;
	buf_addf(out, "<text x=\"%.0f\" y=\"%.0f\">1</text>", x, y);
	for (int i = 1; i <= SHADES; i++)
		buf_addf(out, "<rect class=\"h%d\" x=\"%.0f\" y=\"%.0f\" width=\"12\" height=\"11\"/>", i,
			 x + 2 + 12 * i, y - 10);
	buf_addf(out, "<text x=\"%.0f\" y=\"%.0f\">", x + 20 + 12 * SHADES, y);
	svg_add_count(out, g->most);
	buf_adds(out, " in a cell</text>\n");
	grid_axes(g, out);
	buf_adds(out, "<g class=\"cells\">\n");
	for (uint32_t c = 0; c < g->columns; c++) {
		double sum = 0;
		for (uint32_t r = 0; r < g->rows; r++)
			sum += g->n[c * g->rows + r];
		for (uint32_t r = 0; r < g->rows; r++)
			if (g->n[c * g->rows + r] > 0)
				grid_cell(g, c, r, sum, out);
	}
	buf_adds(out, "</g>\n");
}

int grid_draw(struct grid *g, uint32_t n, uint32_t width, struct buf *out)
{
	struct buf what = { 0 };
	double wide = width ? width : GRID_WIDTH, height = grid_place(g, n, 0, wide);
	buf_adds(&what, "Heat map: ");
	svg_add_count(&what, g->total);
	buf_addf(&what, " points, time across, %s value up. Time 0 is %.15g in the input.", g->log ? "logarithm of the" : "the",
		 g->t_least);
	grid_head(&g->title, 1, wide, height, what.s ? what.s : "", out);
	buf_fini(&what);
	for (uint32_t i = 0; i < n; i++)
		grid_panel(&g[i], out);
	buf_adds(out, "</svg>\n");
	return out->oom ? -ENOMEM : 0;
}
