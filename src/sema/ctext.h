/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens and constant expressions of the C text of programs: shared by cpp.c (lines) and cdecl.c (definitions). */
#ifndef SONDE_SEMA_CTEXT_H
#define SONDE_SEMA_CTEXT_H

#include "sema/sema_priv.h"

enum { CTEXT_DEPTH = 32 }; /* nesting of structures, declarators, parentheses, expanded #defines */

enum { CTEXT_WORK = 10000 }; /* expansions in one statement */

struct ctext_state {
	bool failed; /* reported: everything after is silent */
	uint32_t work;
};
enum ctext_kind { CT_END, CT_WORD, CT_NUMBER, CT_PUNCT };
struct ctext {
	struct sema_ctx *c;
	const char *s;
	uint32_t len, pos;
	uint32_t base;       /* span offset of s[0] */
	struct span whole;   /* where to report in expanded text, else {0,0} */
	enum ctext_kind kind; /* the current token */
	uint32_t lo, hi;
	int64_t number;
	bool in_if;          /* #if: `defined`, unknown words are 0 */
	struct ctext_state *st;
	int depth;
};

void ctext_init(struct ctext *t, struct sema_ctx *c, struct str text, struct span span, struct ctext_state *st);
/* The text of a #define, in the place of a word: false when nested too deeply. */
bool ctext_expand(struct ctext *ret, const struct ctext *from, struct str text);
void ctext_next(struct ctext *t);
bool ctext_is(const struct ctext *t, const char *word_or_punct);
bool ctext_accept(struct ctext *t, const char *word_or_punct);
struct str ctext_word(const struct ctext *t);
void ctext_error(struct ctext *t, const char *what);
void ctext_skip_parens(struct ctext *t); /* the current token is '(' : behind its ')' */
int64_t ctext_const(struct ctext *t);    /* cpp.c */
/* The type in sizeof(...) and the like; NULL and reported when it is none. cdecl.c */
struct type *ctext_type_name(struct ctext *t);

/* Conditional lines: what follows counts only while all of them hold. */
enum { CPP_DEPTH = 32 };
struct cpp_cond {
	struct span span;
	bool outer, live, taken, in_else;
};
struct cpp {
	struct cpp_cond stack[CPP_DEPTH];
	uint32_t depth;
	struct span span;
};
bool cpp_live(const struct cpp *p);
void cdecl_statement(struct sema_ctx *c, struct node *n);
/* header.c: a header in the place of #include; false: there is none of that name. */
bool sema_header(struct sema_ctx *c, struct cpp *p, struct str name, bool angled, struct span span);
void cpp_line(struct sema_ctx *c, struct cpp *p, struct node *line); /* a CSTMT that begins with '#' */

#endif
