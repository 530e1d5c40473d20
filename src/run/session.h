/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session: one program, from its text to the exit status. cli/ fills the options; everything that happens between is
 * run/'s. Nothing here exits, keeps globals or touches the caller's signal handling after it returned.
 */
#ifndef SONDE_RUN_SESSION_H
#define SONDE_RUN_SESSION_H

#include "base/str.h"

enum session_buffering { SESSION_LINE, SESSION_FULL, SESSION_NONE };

/* What --dump can show. Stages are computed up to the last one wanted, and nothing runs. */
enum session_dump {
	DUMP_TOKENS = 1,
	DUMP_AST = 2,
	DUMP_TYPES = 4,
	DUMP_IR = 8,
	DUMP_BPF = 16,
	DUMP_PLAN = 32,
	DUMP_MAPS = 64,
	DUMP_ALL = 127,
	DUMP_NOTHING = 256, /* all stages, and nothing shown */
};

/* Run the probes of one kind instead of the others, and report on them. */
enum session_suite { SESSION_NO_SUITE, SESSION_TESTS, SESSION_BENCHMARKS };

struct session_setting {
	const char *key, *value;
};

struct session_options {
	struct str name;            /* of the script, as messages show it */
	struct str text;            /* the program */
	const char *const *params;  /* positional parameters */
	uint32_t n_params;
	const char *const *named;   /* "--name=value", for getopt() */
	uint32_t n_named;
	const struct session_setting *settings; /* configuration from the environment */
	uint32_t n_settings;
	const char *const *include_dirs; /* -I */
	uint32_t n_include_dirs;
	const char *const *includes; /* --include */
	uint32_t n_includes;
	const char *traceable;      /* --traceable-functions, or NULL */
	const char *filter;         /* --probe-filter, or NULL */
	enum session_suite suite;
	bool notify;                /* a line on stdout when everything is attached, for test drivers of other tracers */
	int pid;                    /* -p, or 0 */
	const char *cmd;            /* -c, or NULL */
	bool follow;                /* --follow: their children, too */
	int out_fd, err_fd;         /* results; messages */
	int ready_fd;               /* gets a line when everything is attached, and is closed; -1: none */
	enum session_buffering buffering;
	bool check;                 /* compile, say what is wrong, and be done: needs no privilege */
	bool folded;                /* -f folded, -f svg */
	bool csv;                   /* -f csv: the rows of tables */
	bool svg;                   /* -f svg: the folded lines are for a picture */
	struct film *film;          /* -f svg, --live: where histograms over time go (out/film.h); the caller's; or NULL */
	int screen_fd;              /* --live: the terminal; -1: none */
	bool screen_colours;        /* it has 256 */
	bool json, quiet, verbose, colour;
	bool runtime_warnings;      /* -k */
	bool no_warnings;
	bool tool;                  /* the text is ours: what the compiler warns of is no business of whoever runs it, but with -v */
	bool unsafe;
	bool dry_run;               /* stop when everything is attached */
	bool explain;               /* compile, load, say what it is; attach nothing */
	bool list;                  /* -l FILE: print the attach points of the program */
	uint32_t dump;              /* enum session_dump bits */
	const char *dump_pass;      /* ir:PASS, or NULL */
	uint64_t without;           /* --no-feature: 1 << enum feature */
	const char *attached_before, *attached_after; /* what tools say when everything is attached, around the number of places; after NULL: without that */
	uint32_t attached_others;   /* places that do not count; bit 31: two make one */
	uint32_t max_cost;          /* --max-cost: per mille of one CPU; 0: no bound */
};

enum { SESSION_TOO_DEAR = 3 };
/* The exit status: what exit() said, 0, 1 (the program or a probe was refused), 3 (detached: past --max-cost), or 255 (the kernel
 * refused to load). */
int session_run(const struct session_options *o);

#endif
