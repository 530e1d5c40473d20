/* SPDX-License-Identifier: Apache-2.0 */
/* The scripts within the program: tools/<area>/<name>.sonde, and lib/ for what they share. */
#ifndef SONDE_RUN_TOOL_H
#define SONDE_RUN_TOOL_H

#include "lang/option.h"

struct tool {
	const char *name, *area; /* area "lib": to be imported, as lib:NAME */
	const char *text, *end;
};
struct tools {
	const struct tool *v; /* by area, then by name; a script of several names has a row for each */
	uint32_t n;
};
struct tools tool_all(void);
const struct tool *tool_find(struct str name);    /* no library; or NULL */
const char *tool_near(const char *word);          /* the tool whose name is most like it; NULL: none is */
const struct tool *tool_library(struct str name); /* "lib:NAME", or NULL */
struct str tool_text(const struct tool *t);

/* import.c: the options of a script and of what it imports. False: it cannot be read; `err` says why, as on the terminal. */
bool script_options(struct arena *a, struct str name, struct str text, bool colour, struct options *ret, struct buf *err);
/* A script has an options block (a look at its words: imports are not followed). */
bool script_declares(struct arena *a, struct str text);

#endif
