/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Histograms over time: what a map's buckets gained between one look and the next, for heat maps in a file and on a terminal.
 */
#ifndef SONDE_OUT_FILM_H
#define SONDE_OUT_FILM_H

#include "out/out.h"

/*
 * FILM_COLUMNS steps of time; when they are used up, two become one and steps are twice as long: a run may last for ever. Each
 * histogram (a map, or a key of it) is a track; beyond FILM_TRACKS they share the last one.
 */
enum { FILM_COLUMNS = 512, FILM_TRACKS = 12, FILM_CHARTS = 8, CHART_LINES = 8 };
struct film_track {
	char *title;          /* "@us", "@us[sda]" */
	char *map;            /* its map's name */
	char unit[16];        /* of the values; empty: not known */
	struct type type;     /* T_HIST or T_LHIST; only what describes the buckets */
	uint32_t n_buckets;
	uint64_t *last;       /* at the last look; the look that did not find the key made it zeros */
	float *n;             /* [column * n_buckets + bucket] */
	double total;
	bool rest, seen;
};
/* chart.c: a map of time series, a line for each key; lines beyond CHART_LINES are counted. */
struct chart_line {
	char *name;          /* of the key; NULL: the map has none */
	uint64_t *epoch;     /* ascending */
	double *value;
	uint32_t n, cap;
};
struct chart {
	char *title;
	double step_s;
	struct chart_line lines[CHART_LINES];
	uint32_t n_lines, n_left_out;
};

struct film {
	uint64_t start_ns, step_ns; /* monotonic; length of a column */
	uint64_t looked_ns;         /* the last look */
	uint32_t columns;           /* used */
	uint32_t n_tracks;
	struct film_track tracks[FILM_TRACKS];
	struct chart charts[FILM_CHARTS];
	uint32_t n_charts;
	const char *program;        /* the tool whose maps these are: it stands for their names; or NULL */
	bool live;                  /* for a terminal: columns scroll and keep their length */
	int err;                    /* -ENOMEM; sticks */
};
struct film *film_new(uint64_t step_ns); /* NULL: no memory */
void film_free(struct film *f);
void film_start(struct film *f, uint64_t now_ns);
/* A look at all histograms, a call for each map; `m` merged and undivided. film_begin before the first, film_end after the last. */
void film_begin(struct film *f, uint64_t now_ns);
void film_look(struct film *f, const struct out_env *e, const struct out_map *m);
void film_end(struct film *f);
void film_forget(struct film *f, struct str map); /* the map was cleared: it begins at zero again */

/* The points of a map of time series; what an earlier call brought stays. */
void film_series(struct film *f, const struct out_env *e, const struct out_map *m);
double chart_height(void);
void chart_draw(const struct chart *c, double top, double width, struct buf *out);
void chart_fini(struct chart *c);

struct film_options { const char *title; uint32_t width; };
int film_draw(const struct film *f, const struct film_options *o, struct buf *out); /* -ENODATA: nothing was counted; -ENOMEM */

/* live.c: the newest columns as text of `width` x `height` characters; with colours of 256, or characters where there are none.
 * Every line ends in a newline but the last. */
void live_draw(const struct film *f, uint32_t width, uint32_t height, bool colours, struct buf *out);

/* Shared by the two: the rows of a track, `*n` of them at most; edges[rows] bounds the last. */
struct film_rows {
	uint32_t first, n, merge; /* bucket of the lowest row; rows; buckets in each */
};
bool film_rows(const struct film_track *t, uint32_t from_column, uint32_t columns, uint32_t most, struct film_rows *ret);
double film_bound(const struct film_track *t, uint32_t bucket);
double film_cell(const struct film_track *t, const struct film_rows *r, uint32_t column, uint32_t row);
struct str film_unit(const struct film_track *t); /* or by the map's name: "@usecs" */

#endif
