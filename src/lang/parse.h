/* SPDX-License-Identifier: Apache-2.0 */
/* What program.c, parse.c (statements, types) and expr.c (expressions) share. */
#ifndef SONDE_LANG_PARSE_H
#define SONDE_LANG_PARSE_H

#include "lang/lex.h"

/* Nesting of what is written (a pair of parentheses counts three); height of the tree (a sum of 500 terms is that high); nodes that `?:` may copy. */
enum { PARSE_DEPTH = 600, PARSE_HEIGHT = 800, PARSE_COPIES = 20000 };

struct parser {
	struct lexer lex;
	struct token tok;     /* the current token */
	uint32_t prev_hi;     /* end of the one before */
	uint32_t last_error;
	uint32_t n_errors;
	int depth;
	bool panic;           /* an error was reported and not yet recovered from */
	bool in_predicate;    /* a '/' before '{' closes */
	bool seen_config;
	uint32_t copies;      /* nodes cloned for `?:` */
};

struct node *parse_node(struct parser *p, enum node_kind k, uint32_t lo);
struct node *parse_end(struct parser *p, struct node *n); /* span up to the previous token */
void parse_token(struct parser *p); /* read the first token */
void parse_seek(struct parser *p, uint32_t pos); /* move to a byte position, after raw scanning */
void parse_advance(struct parser *p);
bool parse_accept(struct parser *p, enum token_kind k);
bool parse_expect(struct parser *p, enum token_kind k);
void parse_error(struct parser *p, uint32_t lo, uint32_t hi, const char *what);
void parse_error_here(struct parser *p, const char *what);
bool parse_deeper(struct parser *p); /* false: too deep, reported */
struct node *parse_copy(struct parser *p, const struct node *n); /* a clone, for `?:`; bounded */
bool parse_is_builtin(struct str word); /* words that are always builtin values: no field, parameter, or type has such a name */
void parse_suffixes(struct parser *p, struct node *type); /* { "*" | "[" [INT] "]" } */
struct node *parse_if(struct parser *p);
bool parse_is_word(const struct parser *p, const char *w);
bool parse_keyword_type(const struct parser *p); /* struct, union, enum */
struct node *parse_type(struct parser *p);
struct node *parse_type_annotation(struct parser *p);
void parse_type_or_expr(struct parser *p, struct node **ret_type, struct node **ret_expr);
struct node *parse_block(struct parser *p);
struct node *parse_expr(struct parser *p);
struct node *parse_unary(struct parser *p);
struct node *parse_primary(struct parser *p);

#endif
