/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pictures from text: flame graphs of folded stacks, heat maps of (time, value) pairs, both as SVG that needs nothing
 * else.
 *
 * The text may come from anybody. Readers are fed in pieces of any size, never fail on what they read (a line that they
 * cannot use is counted) and have a bound on memory. Files: stack.c reads stacks, flame.c draws them; heat.c does both
 * for heat maps; svg.c has what the two pictures share.
 */
#ifndef SONDE_OUT_PICTURE_H
#define SONDE_OUT_PICTURE_H

#include "base/str.h"

/* --- lines.  A piece of text becomes lines, whatever its borders. */
enum { LINE_MAX_BYTES = 1 << 20 };
struct line_reader {
	struct buf part;  /* the beginning of a line whose end has not come */
	uint64_t n_lines; /* seen */
	bool too_long;    /* the line under way is skipped: longer than LINE_MAX_BYTES */
	void (*line)(void *arg, const char *s, size_t n); /* s NULL: a line that is too long */
	void *arg;
};
void line_feed(struct line_reader *r, const char *p, size_t n);
void line_end(struct line_reader *r); /* the last line may lack its newline */
/* The last blank-separated field of a line; the line becomes what stands before. Empty: none. */
struct str line_last(struct str *line);
/* A decimal number, 0 to 1e20, of the whole of `s`; false: it is none. */
bool line_number(struct str s, double *ret);

/* What a reader says about its input. */
struct read_stats {
	uint64_t n_lines;     /* of data, good and bad */
	uint64_t n_bad;       /* without a stack and a count */
	uint64_t first_bad;   /* number of the first such line */
	char first_text[81];  /* and its beginning, safe to print */
	uint64_t n_cut;       /* stacks that lost their top: too deep, or too many different frames */
};

/* --- stack.c: a tree of frames. */
enum { STACK_DEPTH_MAX = 2048 };
struct stack_node {
	uint32_t name;         /* index into names */
	uint32_t parent, next; /* next: sibling; 0 none (node 0 is the root) */
	uint32_t child;        /* first */
	double n[2]; /* while reading: its own; after stack_end: with everything above it. [0] before, [1] after */
	double self[2];
};
struct stack_name {
	uint64_t at; /* in text */
	uint32_t len, hash;
};
struct stacks {
	struct line_reader lines;
	struct read_stats stats;
	bool reverse;      /* merge from the leaf */
	bool pairs;        /* two counts on each line: before and after */
	int side;          /* which of n[] the lines without pairs add to */
	struct stack_node *nodes;
	struct stack_name *names;
	uint32_t n_nodes, cap_nodes, n_names, cap_names;
	uint32_t *node_index, *name_index; /* open addressing; 0: free */
	uint32_t node_index_cap, name_index_cap;
	struct buf text;   /* of all names */
	struct buf
		last; /* the stack of the line before, and where its frames end: neighbours often share most frames */
	uint32_t last_end[STACK_DEPTH_MAX], last_node[STACK_DEPTH_MAX], n_last;
	int err;           /* -ENOMEM sticks */
};
struct stacks *stack_new(bool reverse, bool pairs); /* NULL: no memory */
void stack_free(struct stacks *s);
void stack_feed(struct stacks *s, int side, const char *p, size_t n);
int stack_end_file(struct stacks *s); /* after each input; -errno */
int stack_end(struct stacks *s);      /* after the last: sums; -errno */
static inline struct str stack_text(const struct stacks *s, uint32_t node)
{
	const struct stack_name *m = &s->names[s->nodes[node].name];
	return (struct str){ s->text.s + m->at, m->len };
}

/* --- flame.c */
enum flame_palette { FLAME_AUTO, FLAME_HOT, FLAME_COLD, FLAME_GREY, FLAME_PALETTES };
struct flame_options {
	const char *title, *unit;   /* NULL: "Flame graph", "samples" */
	uint32_t width;             /* pixels, where no script runs; 0: 1200 */
	double min_width;           /* frames narrower than this many pixels are left out; < 0: 0.1 */
	bool inverted;              /* root at the top */
	enum flame_palette palette;
	bool diff;                  /* colours say what changed from n[0] to n[1] */
	bool absolute;              /* do not scale n[0] to the total of n[1] */
	bool by_before;             /* widths from n[0] */
};
struct flame_result {
	double total[2];
	uint32_t n_drawn, n_hidden, depth;
};
/* Draws; -ENODATA when there is nothing to draw, -ENOMEM. */
int flame_draw(struct stacks *s, const struct flame_options *o, struct flame_result *ret, struct buf *out);
extern const char *const flame_palette_names[FLAME_PALETTES];

/* --- heat.c: points (time, value[, count]) into a grid of columns and rows. */
enum { HEAT_POINTS_MAX = 16 << 20, HEAT_COLUMNS_MAX = 1000, HEAT_ROWS_MAX = 200 };
struct heat_point {
	double time, value;
	float n;
};
struct heat {
	struct line_reader lines;
	struct read_stats stats;
	struct heat_point *points;
	uint32_t n_points, cap_points;
	int err; /* -ENOMEM, -E2BIG: more than HEAT_POINTS_MAX; sticks */
};
enum heat_axis { HEAT_GUESS, HEAT_LINEAR, HEAT_LOG };
struct heat_options {
	const char *title, *unit; /* NULL: "Heat map"; unit of the values, NULL: none */
	double time_scale;        /* seconds per unit of time; 0: 1 */
	uint32_t width, columns, rows; /* 0: 1200, 100, 40 */
	enum heat_axis axis;
};
struct heat *heat_new(void); /* NULL: no memory */
void heat_free(struct heat *h);
void heat_feed(struct heat *h, const char *p, size_t n);
int heat_end_file(struct heat *h);
int heat_draw(const struct heat *h, const struct heat_options *o, struct buf *out); /* -ENODATA: no point */

/* --- svg.c */
/* Safe XML text: markup escaped, and what buf_add_safe escapes. At most `max` bytes of `s`, then "..". */
void svg_add_text(struct buf *b, struct str s, uint32_t max);
void svg_add_count(struct buf *b, double n);   /* 1,234,567 or 12.5 */
void svg_add_pixels(struct buf *b, double px); /* shortest with two decimals */
uint32_t svg_hsl(double hue, double saturation, double light); /* degrees, 0..1, 0..1; gives 0xrrggbb */
/* How many columns of a fixed-width font the text takes; and how many bytes of it fit into `cells`. */
uint32_t svg_cells(struct str s);
uint32_t svg_fit(struct str s, uint32_t cells);

#endif
