/* SPDX-License-Identifier: Apache-2.0 */
/* The options that a script declares, and the values that a command line gives them. */
#ifndef SONDE_LANG_OPTION_H
#define SONDE_LANG_OPTION_H

#include "lang/ast.h"

enum option_type { OPTION_FLAG, OPTION_INT, OPTION_STRING, OPTION_DURATION, OPTION_SIZE,
	OPTION_USER,  /* by name or number; in the program the number */
	OPTION_MNTNS, /* a process; in the program the inode number of its mount namespace */
	OPTION_CGROUP /* a path; in the program the id of that cgroup */ };

struct option_decl {
	struct str name;      /* "max-args"; of an argument: what stands for it, in small letters */
	char letter;          /* 'p', or 0 */
	bool is_long;         /* it may be given as --name */
	bool positional, required, list;
	bool by_getopt;       /* declared by a call of getopt() */
	enum option_type type;
	struct str value;     /* "PID": what stands for its value in usage */
	struct str unit;      /* of a duration without one: "s"; empty: it must have one */
	bool has_lo, has_hi;
	int64_t lo, hi;       /* of given values, not of the default */
	VEC(struct str) choices;
	struct str def;       /* the default, as text; "": none */
	struct str help;
	struct span span;
};
struct options {
	VEC(struct option_decl) v;
	bool declared;        /* by an options block */
};
struct option_value {
	int64_t num;
	struct str text;
};

/* All options of a program, in order: of its options blocks, then of its calls of getopt(). Problems are in d. */
void option_collect(struct arena *a, struct diags *d, const struct node *program, struct options *ret);
const struct option_decl *option_find(const struct options *o, struct str name); /* max-args, max_args; or NULL */
/* One value from its text: NULL, or what is wrong with it (arena). */
const char *option_read(struct arena *a, const struct option_decl *o, struct str text, struct option_value *ret);
/* The next of a list's values: text up to the next comma. False: no more. */
bool option_next(struct str *list, struct str *ret);
/* "[-h] [-p PID] [INTERVAL [COUNT]]", lines of at most `width`; then a line for each option with its help. */
void option_synopsis(const struct options *o, const char *name, int width, struct buf *out);
void option_help(const struct options *o, struct buf *out);
/* "-P, --port PORT,..." as in the help. */
void option_form(const struct option_decl *o, struct buf *out);

#endif
