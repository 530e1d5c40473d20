/* SPDX-License-Identifier: Apache-2.0 */
/* What the translators of the multi-tools share (multi.c, multi_func.c). */
#ifndef SONDE_CLI_MULTI_H
#define SONDE_CLI_MULTI_H

#include "cli/args.h"
#include "cli/opt.h"
#include "cli/spec.h"

struct multi {
	struct arena *a;
	struct opt *o;
	const struct args *args;
	struct spec_reader r;
	struct buf text, config; /* clauses; settings for the tool's config block */
};

/* The value of an option, the `n`-th time that it was given; NULL: it was not. */
const char *multi_value(const struct multi *m, const char *name, uint32_t n);
uint32_t multi_number(const struct multi *m, const char *name, uint32_t otherwise);
/* False, with the message: `why`, and if `at` lies in `spec`, that with a mark below it. */
bool multi_fail(struct multi *m, const char *spec, const char *at, const char *why);
/* Text for a string literal of the language. */
void multi_quote(struct buf *b, struct str s);
/* For expressions of `spec` in `s`. */
struct cexpr multi_cexpr(const struct multi *m, const struct spec *s);

/* multi_func.c */
bool funccount_program(struct multi *m);
bool stackcount_program(struct multi *m);
bool funclatency_program(struct multi *m);
bool funcslower_program(struct multi *m);
bool funcinterval_program(struct multi *m);

#endif
