/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of sema/ share. */
#ifndef SONDE_SEMA_PRIV_H
#define SONDE_SEMA_PRIV_H

#include "base/map.h"
#include "sema/sema.h"

struct sema_ctx {
	struct sema_env *env;
	struct sema *s;
	struct arena *a;
	struct diags *d;
	struct map macros;  /* name -> list of N_MACRO (first; chained by ->c) */
	struct map defines; /* name -> text (struct str *) */
	struct map ctypes;  /* "struct x" -> struct type */
	struct map maps;    /* "@x" -> struct map_sym */
	struct map builtins;/* name -> builtin id */
	struct node *program;
	/* during inference */
	struct clause *clause;
	bool final;         /* last round: report, insert casts */
	bool changed;
	bool quiet;
	uint32_t loop;      /* depth of for bodies */
};

int sema_attach(struct sema_ctx *c);            /* attach.c: probes to clauses */
void sema_names(struct sema_ctx *c, struct clause *cl); /* name.c */
void sema_infer(struct sema_ctx *c);            /* infer.c: to a fixed point, then checks and casts */
struct type *sema_typeref(struct sema_ctx *c, struct node *tref); /* NULL and reported when unknown */
void sema_c(struct sema_ctx *c, struct node *program); /* cdecl.c */
bool sema_fold(struct sema_ctx *c, struct node *n);    /* literal folding of one node whose operands are folded */
void sema_set_int(struct sema_ctx *c, struct node *n, uint64_t v, bool neg_ok);
struct type *sema_literal_type(struct sema_ctx *c, int64_t v, bool is_unsigned);
struct type *sema_call(struct sema_ctx *c, struct node *n); /* call.c */
struct type *sema_expr(struct sema_ctx *c, struct node **pn); /* infer.c */
void sema_coerce(struct sema_ctx *c, struct node **pn, struct type *t);
struct type *sema_builtin_value(struct sema_ctx *c, struct node *n);
enum addr_space sema_space(const struct clause *cl);
void sema_access(struct sema_ctx *c, struct node *map_node, bool keyed, struct type *key);
#define SERR(c, ...) ((c)->final ? (void)diag_add((c)->d, __VA_ARGS__) : (void)0)

#endif
