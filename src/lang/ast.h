/* SPDX-License-Identifier: Apache-2.0 */
/* The tree. One struct for all kinds (ast.def says which fields a kind uses); arena memory. */
#ifndef SONDE_LANG_AST_H
#define SONDE_LANG_AST_H

#include "base/diag.h"
#include "base/vec.h"

enum node_kind {
#define NODE(kind, name) N_##kind,
#include "lang/ast.def"
#undef NODE
	N_COUNT
};

/* operators: AOP(ID, "text", precedence or 0) in precedence order of the reference 1.6 */
enum ast_op {
	O_NONE,
	O_LOR, O_LAND, O_OR, O_XOR, O_AND, O_EQ, O_NE, O_LT, O_LE, O_GT, O_GE, O_SHL, O_SHR, O_ADD, O_SUB, O_MUL, O_DIV, O_MOD,
	O_NEG, O_NOT, O_BNOT, O_DEREF, O_ADDR, O_INC, O_DEC,
	O_COUNT
};
extern const char *const ast_op_text[O_COUNT];

struct type;    /* sema */
struct var_sym; /* sema */
struct map_sym; /* sema */
struct node;

struct node {
	enum node_kind kind;
	enum ast_op op;
	struct span span;
	struct str str;
	int64_t ival;      /* integers: the 64 bits */
	bool is_unsigned;  /* INT: does not fit int64, or 'u' suffix */
	bool paren;        /* was parenthesised */
	bool param;        /* INT, STRING: from a positional parameter, str is its text */
	struct node *a, *b, *c;
	struct node *tref; /* TYPEREF */
	VEC(struct node *) list;
	/* set by sema */
	struct type *type;
	int builtin;       /* enum builtin_id: BUILTIN, CALL */
	struct var_sym *var;
	struct map_sym *map;
	uint32_t event;    /* lowering: index of its event, + 1 */
	uint8_t as;        /* enum addr_space: of an aggregate in place */
	bool checked;
	bool typed;        /* inferred in the last round: will not change again */
	struct span call;  /* BLOCK: the macro's body, called there */
};

struct node *node_new(struct arena *a, enum node_kind kind, struct span span);
/* Deep copy of a tree (a clause is compiled once per kind of context that its attach points have). */
struct node *node_clone(struct arena *a, const struct node *n);
/* The number of nodes of a tree and its height; not recursive, unlike everything else that walks trees. */
uint32_t node_measure(struct arena *a, const struct node *root, uint32_t *ret_height);
/* Indented text of a tree: kinds, names, values; with types when sema has run. */
void ast_print(const struct node *n, struct buf *out, bool spans);

/* parse.c: never NULL; problems are in d. The result is an N_PROGRAM. */
struct node *parse_program(struct arena *a, struct diags *d, uint32_t source);
/* A single expression (for #define bodies): NULL if the text is not one. */
struct node *parse_expression(struct arena *a, struct diags *d, uint32_t source);

/* lex.c: --dump=tokens */
void lex_dump(struct arena *a, struct diags *d, uint32_t source, struct buf *out);
/* fmt.c: the program in the one layout, comments kept; formatting that again changes nothing. False with diagnostics. */
bool fmt_program(struct arena *a, struct diags *d, uint32_t source, struct buf *out);

#endif
