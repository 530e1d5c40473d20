/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A heat map on a terminal: time goes from left to right, the newest column last; values go up; colour (a ramp of the 256
 * that most terminals have, or a ramp of characters) as in pictures (grid.c). Each histogram gets its part of the height; those
 * that find no room are counted in the last line.
 */
#include "out/film.h"
#include "out/grid.h"

enum { LABEL = 9, LEAST_ROWS = 6, SHADES = 12 };

/* Dark to bright, readable on dark and on light. */
static const uint8_t ramp[SHADES] = { 52, 88, 124, 160, 196, 202, 208, 214, 220, 226, 227, 228 };
static const char marks[] = ".:-=+*#%@";

static void live_number(double x, struct buf *out)
{
	static const char suffix[] = "\0KMGTPE";
	unsigned k = 0;
	while (x >= 10240 && k < 6) {
		x /= 1024;
		k++;
	}
	buf_addf(out, "%.0f", x);
	if (k)
		buf_addc(out, suffix[k]);
}

/* "  512K |": the lower bound of a row. */
static void live_label(const struct film_track *t, const struct film_rows *r, uint32_t row, struct buf *out)
{
	struct buf b = { 0 };
	uint32_t bucket = r->first + row * r->merge;
	if (bucket)
		live_number(film_bound(t, bucket), &b);
	else
		buf_adds(&b, "below");
	buf_pad(out, ' ', LABEL - 2 - (int)b.len);
	buf_add(out, b.s ? b.s : "", b.len);
	buf_adds(out, " |");
	buf_fini(&b);
}

static void live_cell(double n, double most, bool colours, int *last, struct buf *out)
{
	int shades = colours ? SHADES : (int)sizeof(marks) - 1, shade = 0;
	if (n > 0) {
		for (; shade < shades - 1; shade++) {
			double part = (double)(shade + 1) * (shade + 1) / (shades * shades);
			if ((most > GRID_STEEP ? part * part : part) >= n / most)
				break;
		}
	} else {
		shade = -1;
	}
	if (!colours) {
		buf_addc(out, shade < 0 ? ' ' : marks[shade]);
		return;
	}
	if (shade != *last) {
		if (shade < 0)
			buf_adds(out, "\033[0m");
		else
			buf_addf(out, "\033[48;5;%dm", ramp[shade]);
	}
	*last = shade;
	buf_addc(out, ' ');
}

static void live_title(const struct film *f, const struct film_track *t, uint32_t width, struct buf *out)
{
	struct buf b = { 0 };
	struct str unit = film_unit(t);
	buf_add_safe(&b, t->title, strlen(t->title), false);
	if (unit.len)
		buf_addf(&b, " (%.*s)", STR_FMT(unit));
	buf_addf(&b, "  %.0f events, a column is ", t->total);
	if (f->step_ns % 1000000000)
		buf_addf(&b, "%llu ms", (unsigned long long)(f->step_ns / 1000000));
	else
		buf_addf(&b, "%llu s", (unsigned long long)(f->step_ns / 1000000000));
	buf_add(out, b.s ? b.s : "", b.len < width ? b.len : width);
	buf_fini(&b);
}

/* `height` lines, the title among them. */
static void live_track(const struct film *f, const struct film_track *t, uint32_t width, uint32_t height, bool colours, struct buf *out)
{
	struct film_rows r;
	uint32_t room = width > LABEL ? width - LABEL : 1, columns = f->columns < room ? f->columns : room, from = f->columns - columns;
	uint32_t used = 1;
	double most = 0;
	live_title(f, t, width, out);
	if (film_rows(t, from, f->columns, height - 1, &r)) {
		for (uint32_t c = from; c < f->columns; c++) {
			for (uint32_t i = 0; i < r.n; i++) {
				double n = film_cell(t, &r, c, i);
				most = n > most ? n : most;
			}
		}
		for (uint32_t i = r.n; i-- > 0; used++) {
			int last = -1;
			buf_addc(out, '\n');
			live_label(t, &r, i, out);
			for (uint32_t c = from; c < f->columns; c++)
				live_cell(film_cell(t, &r, c, i), most, colours, &last, out);
			if (colours && last >= 0)
				buf_adds(out, "\033[0m");
		}
	}
	for (; used < height; used++)
		buf_addc(out, '\n');
}

void live_draw(const struct film *f, uint32_t width, uint32_t height, bool colours, struct buf *out)
{
	uint32_t n = f->n_tracks, most = height > 1 ? (height - 1) / LEAST_ROWS : 0;
	if (!most)
		most = 1;
	n = n > most ? most : n;
	if (!n) {
		buf_adds(out, "nothing was counted yet");
		return;
	}
	for (uint32_t k = 0; k < n; k++) {
		if (k)
			buf_addc(out, '\n');
		live_track(f, &f->tracks[k], width, (height - 1) / n > 1 ? (height - 1) / n : 2, colours, out);
	}
	buf_addc(out, '\n');
	if (n < f->n_tracks)
		buf_addf(out, "%u more histograms find no room here", f->n_tracks - n);
}
