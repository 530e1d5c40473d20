/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sonde flame: folded stacks in, SVG out. docs/pictures.md is its reference.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/opt.h"
#include "out/film.h"
#include "out/picture.h"

enum {
	OPT_DIFF = 256,
	OPT_ABSOLUTE,
	OPT_BEFORE,
	OPT_TITLE,
	OPT_UNIT,
	OPT_WIDTH,
	OPT_MIN_WIDTH,
	OPT_COLOURS,
	OPT_REVERSE
};

static const struct option flame_long[] = {
	{ "help", no_argument, NULL, 'h' },
	{ "output", required_argument, NULL, 'o' },
	{ "inverted", no_argument, NULL, 'i' },
	{ "reverse", no_argument, NULL, OPT_REVERSE },
	{ "diff", no_argument, NULL, OPT_DIFF },
	{ "absolute", no_argument, NULL, OPT_ABSOLUTE },
	{ "before", no_argument, NULL, OPT_BEFORE },
	{ "title", required_argument, NULL, OPT_TITLE },
	{ "unit", required_argument, NULL, OPT_UNIT },
	{ "width", required_argument, NULL, OPT_WIDTH },
	{ "min-width", required_argument, NULL, OPT_MIN_WIDTH },
	{ "colors", required_argument, NULL, OPT_COLOURS },
	{ 0 },
};

static void flame_usage(FILE *to)
{
	fputs("USAGE:\n"
	      "    sonde flame [options] [FILE...]           folded stacks (\"a;b;c 12\") to a flame graph in SVG\n"
	      "    sonde flame --diff [options] BEFORE AFTER\n"
	      "                                              what changed; one file: two counts on each line\n"
	      "\n"
	      "OPTIONS:\n"
	      "    -o, --output FILE  write the picture to FILE\n"
	      "    -i, --inverted     the root at the top\n"
	      "    --reverse          merge the stacks from their leaves: who calls it\n"
	      "    --absolute         with --diff: compare counts, not shares\n"
	      "    --before           with --diff: widths of BEFORE, which shows what is gone\n"
	      "    --title TEXT       heading\n"
	      "    --unit TEXT        what the counts count (samples)\n"
	      "    --colors NAME      auto (by the kind of code), hot, cold, grey\n"
	      "    --width PX         width where no script runs (1200); a browser fits it to the window\n"
	      "    --min-width PX     leave out frames narrower than that (0.1)\n"
	      "    -h, --help         this text\n", to);
}

int picture_number(const char *option, const char *text, double *ret)
{
	if (line_number(str_of(text), ret))
		return 0;
	fprintf(stderr, "ERROR: %s: not a number: \"%s\"\n", option, text);
	return 1;
}

int picture_read(const char *name, void (*feed)(void *arg, const char *p, size_t n), void *arg)
{
	enum { CHUNK = 256 << 10 };
	bool in = !strcmp(name, "-");
	int fd = in ? 0 : open(name, O_RDONLY | O_CLOEXEC), err = fd < 0 ? errno : 0;
	char *chunk = malloc(CHUNK);
	while (!err && chunk) {
		ssize_t n = read(fd, chunk, CHUNK);
		if (n == 0)
			break;
		if (n > 0)
			feed(arg, chunk, (size_t)n);
		else if (errno != EINTR)
			err = errno;
	}
	if (!in && fd >= 0)
		close(fd);
	if (!chunk)
		err = ENOMEM;
	free(chunk);
	if (err)
		fprintf(stderr, "ERROR: failed to read file \"%s\": %s\n", name, strerror(err));
	return err ? 1 : 0;
}

int picture_write(const char *name, const struct buf *b)
{
	int fd = name && strcmp(name, "-") ? open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644) : 1,
	    err = fd < 0 ? errno : 0;
	for (size_t off = 0; !err && off < b->len;) {
		ssize_t n = write(fd, b->s + off, b->len - off);
		if (n >= 0)
			off += (size_t)n;
		else if (errno != EINTR)
			err = errno;
	}
	if (fd > 2 && close(fd) && !err)
		err = errno;
	if (err)
		fprintf(stderr, "ERROR: failed to write \"%s\": %s\n", fd == 1 ? "standard output" : name,
			strerror(err));
	return err ? 1 : 0;
}

void picture_report(const struct read_stats *s, const char *form)
{
	if (s->n_bad)
		fprintf(stderr, "WARNING: %llu of %llu lines are not \"%s\"; the first is line %llu: \"%s\"\n",
			(unsigned long long)s->n_bad, (unsigned long long)s->n_lines, form,
			(unsigned long long)s->first_bad, s->first_text);
	if (s->n_cut)
		fprintf(stderr,
			"WARNING: %llu stacks were cut: deeper than %d frames, or too many different frames; their "
			"counts are kept\n",
			(unsigned long long)s->n_cut, STACK_DEPTH_MAX);
}

struct flame_arguments {
	struct flame_options draw;
	const char *output;
	bool reverse;
};

/* 0: go on; 1: done or wrong, with *status. */
static int flame_options_parse(struct flame_arguments *a, int argc, char **argv, int *status)
{
	struct flame_options *o = &a->draw;
	double v;
	*status = 1;
	for (int c; (c = getopt_long(argc, argv, "ho:i", flame_long, NULL)) != -1;) {
		switch (c) {
		case 'h': flame_usage(stdout); *status = 0; return 1;
		case 'o': a->output = optarg; break;
		case 'i': o->inverted = true; break;
		case OPT_REVERSE: a->reverse = true; break;
		case OPT_DIFF: o->diff = true; break;
		case OPT_ABSOLUTE: o->absolute = true; break;
		case OPT_BEFORE: o->by_before = true; break;
		case OPT_TITLE: o->title = optarg; break;
		case OPT_UNIT: o->unit = optarg; break;
		case OPT_WIDTH:
			if (picture_number("--width", optarg, &v))
				return 1;
			if (v < 300 || v > 100000) {
				fprintf(stderr, "ERROR: --width: from 300 to 100000\n");
				return 1;
			}
			o->width = (uint32_t)v;
			break;
		case OPT_MIN_WIDTH:
			if (picture_number("--min-width", optarg, &o->min_width))
				return 1;
			break;
		case OPT_COLOURS:
			for (o->palette = 0;
			     o->palette < FLAME_PALETTES && strcmp(optarg, flame_palette_names[o->palette]);
			     o->palette++)
				;
			if (o->palette < FLAME_PALETTES)
				break;
			fprintf(stderr, "ERROR: --colors: auto, hot, cold or grey, not \"%s\"\n", optarg);
			return 1;
		default:
			flame_usage(stderr);
			return 1;
		}
	}
	if ((o->absolute || o->by_before) && !o->diff) {
		fprintf(stderr, "ERROR: --absolute and --before need --diff\n");
		return 1;
	}
	return 0;
}

struct flame_input {
	struct stacks *s;
	int side;
};

static void flame_feed(void *arg, const char *p, size_t n)
{
	struct flame_input *in = arg;
	stack_feed(in->s, in->side, p, n);
}

int picture_draw(int fd, const struct film *film, const char *output)
{
	struct flame_options o = { .min_width = -1 };
	struct flame_result r;
	struct buf out = { 0 }, heat = { 0 };
	struct stacks *s = stack_new(false, false);
	char chunk[8192];
	int err = s ? 0 : -ENOMEM;
	for (off_t at = 0; !err;) {
		ssize_t n = pread(fd, chunk, sizeof(chunk), at);
		if (n == 0)
			break;
		if (n > 0)
			stack_feed(s, 0, chunk, (size_t)n);
		else if (errno != EINTR)
			err = -errno;
		at += n > 0 ? n : 0;
	}
	if (!err)
		err = stack_end_file(s);
	if (!err)
		err = stack_end(s);
	if (!err)
		err = flame_draw(s, &o, &r, &out);
	bool flame = !err;
	if (film && (!err || err == -ENODATA)) {
		int hist = film_draw(film, &(struct film_options){ 0 }, &heat);
		if (flame && !hist)
			fputs("WARNING: stacks make the picture; histograms and time series are not in it\n", stderr);
		err = flame ? 0 : hist;
	}
	if (err)
		fprintf(stderr, "ERROR: no picture: %s\n",
			err == -ENODATA ? "no map has a stack in its key and a count, a histogram, or a time series" : strerror(-err));
	int status = err ? 1 : picture_write(output, flame ? &out : &heat);
	buf_fini(&out);
	buf_fini(&heat);
	stack_free(s);
	return status;
}

int cmd_flame(int argc, char **argv)
{
	struct flame_arguments a = { .draw.min_width = -1 };
	struct flame_result r;
	struct buf out = { 0 };
	int status;
	if (flame_options_parse(&a, argc, argv, &status))
		return status;
	char standard_input[] = "-";
	char *none[] = { standard_input }, **files = optind < argc ? argv + optind : none;
	int n = optind < argc ? argc - optind : 1;
	if (a.draw.diff && n > 2) {
		fprintf(stderr,
			"ERROR: --diff takes two files, BEFORE and AFTER, or one with two counts on each line\n");
		return 1;
	}
	struct flame_input in = { .s = stack_new(a.reverse, a.draw.diff && n == 1) };
	int err = in.s ? 0 : -ENOMEM;
	status = 0;
	for (int i = 0; i < n && !err && !status; i++) {
		in.side = a.draw.diff ? i : 0;
		status = picture_read(files[i], flame_feed, &in);
		err = stack_end_file(in.s);
	}
	if (!status && !err)
		err = stack_end(in.s);
	if (!status && !err)
		err = flame_draw(in.s, &a.draw, &r, &out);
	if (in.s)
		picture_report(&in.s->stats, a.draw.diff && n == 1 ? "frame;frame BEFORE AFTER" : "frame;frame COUNT");
	if (err) {
		fprintf(stderr, "ERROR: %s\n",
			err == -ENODATA ? "no stack with a count: there is nothing to draw" : strerror(-err));
		status = 1;
	}
	if (!status)
		status = picture_write(a.output, &out);
	buf_fini(&out);
	stack_free(in.s);
	return status;
}
