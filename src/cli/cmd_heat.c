/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sonde heat: points in time in, heat map out. docs/pictures.md is its reference.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>

#include "cli/opt.h"
#include "out/picture.h"

enum { OPT_LOG = 256, OPT_LINEAR, OPT_TITLE, OPT_UNIT, OPT_TIME_UNIT, OPT_WIDTH, OPT_COLUMNS, OPT_ROWS };

static const struct option heat_long[] = {
	{ "help", no_argument, NULL, 'h' },
	{ "output", required_argument, NULL, 'o' },
	{ "log", no_argument, NULL, OPT_LOG },
	{ "linear", no_argument, NULL, OPT_LINEAR },
	{ "title", required_argument, NULL, OPT_TITLE },
	{ "unit", required_argument, NULL, OPT_UNIT },
	{ "time-unit", required_argument, NULL, OPT_TIME_UNIT },
	{ "width", required_argument, NULL, OPT_WIDTH },
	{ "columns", required_argument, NULL, OPT_COLUMNS },
	{ "rows", required_argument, NULL, OPT_ROWS },
	{ 0 },
};

static void heat_usage(FILE *to)
{
	fputs("USAGE:\n"
	      "    sonde heat [options] [FILE...]   lines of \"TIME VALUE [COUNT]\" to a heat map in SVG\n"
	      "\n"
	      "OPTIONS:\n"
	      "    -o, --output FILE  write the picture to FILE\n"
	      "    --log, --linear    axis of the values (logarithmic when they span more than a factor of 1000)\n"
	      "    --title TEXT       heading\n"
	      "    --unit TEXT        unit of the values\n"
	      "    --time-unit UNIT   unit of the times: s (default), ms, us, ns\n"
	      "    --columns N        at most so many steps of time (100)\n"
	      "    --rows N           at most so many steps of value (40)\n"
	      "    --width PX         width (1200)\n"
	      "    -h, --help         this text\n", to);
}

static int heat_integer(const char *option, const char *text, double least, double most, uint32_t *ret)
{
	double v;
	if (picture_number(option, text, &v))
		return 1;
	if (v < least || v > most) {
		fprintf(stderr, "ERROR: %s: from %.0f to %.0f\n", option, least, most);
		return 1;
	}
	*ret = (uint32_t)v;
	return 0;
}

static int heat_time_unit(const char *text, double *ret)
{
	static const struct {
		const char *name;
		double scale;
	} units[] = { { "s", 1 }, { "ms", 1e-3 }, { "us", 1e-6 }, { "ns", 1e-9 } };
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++)
		if (!strcmp(text, units[i].name)) {
			*ret = units[i].scale;
			return 0;
		}
	fprintf(stderr, "ERROR: --time-unit: s, ms, us or ns, not \"%s\"\n", text);
	return 1;
}

/* 0: go on; 1: done or wrong, with *status. */
static int heat_options_parse(struct heat_options *o, const char **output, int argc, char **argv, int *status)
{
	int bad = 0;
	*status = 1;
	for (int c; !bad && (c = getopt_long(argc, argv, "ho:", heat_long, NULL)) != -1;) {
		switch (c) {
		case 'h': heat_usage(stdout); *status = 0; return 1;
		case 'o': *output = optarg; break;
		case OPT_LOG: o->axis = HEAT_LOG; break;
		case OPT_LINEAR: o->axis = HEAT_LINEAR; break;
		case OPT_TITLE: o->title = optarg; break;
		case OPT_UNIT: o->unit = optarg; break;
		case OPT_TIME_UNIT: bad = heat_time_unit(optarg, &o->time_scale); break;
		case OPT_WIDTH: bad = heat_integer("--width", optarg, 300, 100000, &o->width); break;
		case OPT_COLUMNS: bad = heat_integer("--columns", optarg, 1, HEAT_COLUMNS_MAX, &o->columns); break;
		case OPT_ROWS: bad = heat_integer("--rows", optarg, 5, HEAT_ROWS_MAX, &o->rows); break;
		default: heat_usage(stderr); return 1;
		}
	}
	return bad;
}

static void heat_input(void *arg, const char *p, size_t n)
{
	heat_feed(arg, p, n);
}

int cmd_heat(int argc, char **argv)
{
	struct heat_options o = { 0 };
	struct buf out = { 0 };
	const char *output = NULL;
	int status;
	if (heat_options_parse(&o, &output, argc, argv, &status))
		return status;
	char standard_input[] = "-", *none[] = { standard_input }, **files = optind < argc ? argv + optind : none;
	int n = optind < argc ? argc - optind : 1;
	struct heat *h = heat_new();
	int err = h ? 0 : -ENOMEM;
	status = 0;
	for (int i = 0; i < n && !err && !status; i++) {
		status = picture_read(files[i], heat_input, h);
		err = heat_end_file(h);
	}
	if (!status && !err)
		err = heat_draw(h, &o, &out);
	if (h)
		picture_report(&h->stats, "TIME VALUE [COUNT]");
	if (err) {
		if (err == -E2BIG)
			fprintf(stderr,
				"ERROR: more than %d points: give counts (\"TIME VALUE COUNT\") instead of repeating\n",
				HEAT_POINTS_MAX);
		else
			fprintf(stderr, "ERROR: %s\n",
				err == -ENODATA ? "no point: there is nothing to draw" : strerror(-err));
		status = 1;
	}
	if (!status)
		status = picture_write(output, &out);
	buf_fini(&out);
	heat_free(h);
	return status;
}
