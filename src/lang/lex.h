/* SPDX-License-Identifier: Apache-2.0 */
/* The lexer: tokens on demand; the parser may move `pos` for the raw parts (attach points, C definitions). */
#ifndef SONDE_LANG_LEX_H
#define SONDE_LANG_LEX_H

#include "lang/ast.h"

enum token_kind {
	TK_EOF,
	TK_IDENT,
	TK_INT,
	TK_STRING,
	TK_VAR,        /* $name */
	TK_MAP,        /* @name or @ */
	TK_PARAM,      /* $1 */
	TK_PARAMCOUNT, /* $# */
	TK_BAD,        /* reported; stands where a byte made no sense */
#define TOKEN(id, text) TK_##id,
#include "lang/token.def"
#undef TOKEN
	TK_COUNT
};
struct token {
	enum token_kind kind;
	uint32_t lo, hi;   /* offsets in the text */
	struct str str;    /* identifier, variable with sigil, string contents */
	uint64_t ival;
	bool is_unsigned;
};
struct lexer {
	struct arena *arena;
	struct diags *diags;
	const char *s;
	uint32_t len, base; /* base: span offset of the text */
	uint32_t pos;
	bool quiet;         /* look-ahead: report nothing */
	uint32_t n_errors;  /* found, reported or not */
	bool lost;          /* a string or comment has no end, or nesting one: what should follow was not read */
};
void lex_init(struct lexer *l, struct arena *a, struct diags *d, uint32_t source);
/* Skip layout; the position of the next byte that is not layout. */
uint32_t lex_skip(const struct lexer *l, uint32_t pos);
void lex_next(struct lexer *l, struct token *ret);
const char *lex_text(enum token_kind k);
/* Integers as everywhere in sonde (reference 1.2; binary allowed when `params`): NULL, or what is wrong (arena). */
const char *lex_integer(struct arena *a, struct str text, bool params, uint64_t *ret, bool *ret_unsigned);
struct span lex_span(const struct lexer *l, uint32_t lo, uint32_t hi);

#endif
