/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of a script that declares its options, and the pages made from such a script. */
#ifndef SONDE_CLI_ARGS_H
#define SONDE_CLI_ARGS_H

#include "lang/option.h"

/* What the words become: the script's options as "--name=value", and what is meant for sonde. */
struct args {
	VEC(const char *) named;
	VEC(char *) engine; /* options of sonde, each with its argument behind it */
	bool help;
	const char *error;  /* arena; NULL: fine */
};
/* Does sonde itself know this option? *ret_value: it takes an argument. A long name is exact, or NULL. */
typedef bool args_known(char letter, struct str name, bool *ret_value);
void args_parse(struct arena *a, const struct options *o, char *const *words, int n, args_known *known, struct args *ret);

/* The head comment of a script (page.c): "name[, name] - summary", paragraphs, then sections under titles in capitals. */
struct page_part {
	struct str title, text; /* lines without their " * " */
};
struct page {
	struct str names, summary, text;
	VEC(struct page_part) parts;
};
void page_read(struct arena *a, struct str script, struct page *ret);
const struct page_part *page_part(const struct page *p, const char *title);
void page_usage(const struct page *p, const struct options *o, const char *name, struct buf *out);  /* --help */
void page_manual(const struct page *p, const struct options *o, const char *name, struct buf *out); /* as man shows it */
void page_roff(const struct page *p, const struct options *o, const char *name, struct buf *out);   /* for man */

#endif
