/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A grid of counts over time, what heat maps are drawn from: columns are steps of time, rows ranges of a value. heat.c makes one of
 * points, film.c one for each histogram of a program; grid.c draws any number of them into one SVG file, one below the other.
 */
#ifndef SONDE_OUT_GRID_H
#define SONDE_OUT_GRID_H

#include "out/picture.h"

enum { GRID_EDGES_MAX = HEAT_ROWS_MAX + 1, GRID_STEEP = 256, GRID_WIDTH = 1200 }; /* count of the fullest cell from which on colour goes by the fourth root */
struct grid {
	struct str title;
	struct str unit;               /* of the values; empty: none */
	double t_step, t_least;        /* a column's width in seconds; what time 0 is in the input */
	double edge[GRID_EDGES_MAX];   /* row i holds edge[i] <= value < edge[i + 1] */
	bool below, above;             /* the lowest row has no lower bound, the highest no upper one */
	uint32_t columns, rows, tick;  /* every how many rows a label */
	bool log;                      /* the lowest row holds zero, too */
	double *n, most, total;        /* [column * rows + row]; the others by grid_sum */
	double left, top, cell_w, cell_h, width, height; /* pixels, by grid_draw */
};
/* The smallest of 1, 2, 5 times a power of ten that is not below x. */
double grid_round(double x);
void grid_sum(struct grid *g);
/* A file with these alone; width 0: 1200. -ENOMEM. */
int grid_draw(struct grid *g, uint32_t n, uint32_t width, struct buf *out);
/* The same in parts: each below the one before, from `top`, giving where the last ends; the file's head; one of them. */
double grid_place(struct grid *g, uint32_t n, double top, double width);
void grid_head(const struct str *titles, uint32_t n, double width, double height, const char *description, struct buf *out);
void grid_panel(const struct grid *g, struct buf *out);
void grid_heading(struct str title, double width, double top, struct buf *out);

#endif
