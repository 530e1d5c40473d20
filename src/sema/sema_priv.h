/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of sema/ share. */
#ifndef SONDE_SEMA_PRIV_H
#define SONDE_SEMA_PRIV_H

#include "base/map.h"
#include "lang/option.h"
#include "sema/sema.h"

enum { SB_COUNT = 15, SEMA_DEPTH = 1000 };

/* Messages [from, to) came up while the body of a macro was looked at; those about the body itself get a chain of calls. */
struct expansion {
	uint32_t from, to;
	struct span body, call;
};

/* What was said about names in a branch of `if comptime`, before it is known whether the branch is taken. */
struct deferred {
	const struct node *branch;
	VEC(struct diag) list;
};

struct sema_ctx {
	struct sema_env *env;
	struct sema *s;
	struct arena *a;
	struct diags *d;
	struct map functions; /* name -> N_SUBPROG; its ival counts calls */
	struct map macros;  /* name -> list of N_MACRO (first; chained by ->c) */
	struct map defines; /* name -> text (struct str *) */
	struct map absent;  /* "@x" that a clause without any place names: not unknown, though nothing gives it a type */
	struct map ctypes;  /* "struct x", "union x", "enum x", typedef "x" -> struct type: defined by the program's C text */
	struct map enums;   /* enum constant of the C text -> struct enum_const */
	VEC(struct node *) missed; /* attach points of the clause at hand: patterns that match nothing */
	struct options options; /* declared by the script, and its getopt() calls */
	struct map getopts; /* option name -> struct getopt_opt */
	struct map maps;    /* "@x" -> struct map_sym */
	struct map builtins;/* name -> builtin id */
	struct node *program;
	struct str header;  /* C header that is being read; empty: the script itself */
	uint32_t header_depth, n_headers, header_bytes;
	/* during inference */
	struct clause *clause;
	bool final;         /* last round: report, insert casts */
	bool changed;
	bool guess;         /* what only itself says the type of, but is counted with, is an integer: @x = @x + 1 */
	const struct node *target; /* of the assignment at hand */
	bool quiet;
	uint32_t loop;      /* depth of for bodies */
	struct node *inlined; /* N_INLINE whose body this is */
	uint32_t n_called;  /* clauses behind these are functions that nobody calls */
	uint32_t folding;   /* inside comptime: sizeof and the like fold in any round, on a clone */
	uint32_t depth;     /* of the recursion of sema_expr */
	bool too_deep;      /* reported */
	VEC(struct deferred) deferred;
	VEC(struct expansion) expansions; /* which messages came up in which macro's body */
	struct type *basic[SB_COUNT]; /* shared types: fold.c makes them */
};

/* Basic types, made once: inference asks for them at every node of every round. */
enum sema_basic { SB_I8, SB_I16, SB_I32, SB_I64, SB_U8, SB_U16, SB_U32, SB_U64, SB_F8, SB_F16, SB_F32, SB_F64 /* flexible */,
		  SB_BOOL, SB_NONE, SB_ERROR };

enum sema_unstable { UNSTABLE_TSERIES, UNSTABLE_TYPEINFO, UNSTABLE_DW_USTACK, UNSTABLE_IMPORT_STATEMENT };

int sema_attach(struct sema_ctx *c);            /* attach.c: probes to clauses */
bool sema_probe_exists(struct sema_ctx *c, struct node *at, struct str raw); /* some alternative of it */
void sema_names(struct sema_ctx *c, struct clause *cl); /* name.c */
struct node *sema_inline(struct sema_ctx *c, const struct node *fn, struct span call); /* fn.c: its body, parameters without values */
void sema_uncalled(struct sema_ctx *c);         /* fn.c: functions that nobody calls, as clauses of their own */
struct type *sema_inlined(struct sema_ctx *c, struct node *n); /* fn.c */
void sema_fn_return(struct sema_ctx *c, struct node *n);       /* fn.c */
void sema_assign_declared(struct sema_ctx *c, struct node *n, struct var_sym *v, struct node **value); /* assign.c: a let with a type */
void sema_infer(struct sema_ctx *c);            /* infer.c: to a fixed point, then checks and casts */
struct type *sema_typeref(struct sema_ctx *c, struct node *tref); /* NULL and reported when unknown */
void sema_c(struct sema_ctx *c, struct node *program); /* cdecl.c */
bool sema_fold(struct sema_ctx *c, struct node *n);    /* literal folding of one node whose operands are folded */
void sema_set_int(struct sema_ctx *c, struct node *n, uint64_t v, bool neg_ok);
struct type *sema_literal_type(struct sema_ctx *c, int64_t v, bool is_unsigned);
struct type *sema_call(struct sema_ctx *c, struct node *n); /* call.c */
/* call.c: infer argument i; NULL when it is not known yet, missing, in error, or refused (reported) */
struct type *sema_arg(struct sema_ctx *c, struct node *call, uint32_t i);
struct type *sema_arg_int(struct sema_ctx *c, struct node *call, uint32_t i); /* an integer, of 64 bits and its own sign */
/* Kinds of types that an argument may be of. */
#define K(kind) ((uint64_t)1 << T_##kind)
#define K_BYTES (K(INT) | K(ENUM) | K(PTR) | K(STRING) | K(ARRAY) | K(BUFFER)) /* an address, or bytes at hand */
#define K_INTS (K(INT) | K(ENUM) | K(COUNT) | K(SUM) | K(MIN) | K(MAX) | K(AVG))
struct type *call_want(struct sema_ctx *c, struct node *n, uint32_t i, uint64_t kinds, const char *what);
struct type *call_want_string(struct sema_ctx *c, struct node *n, uint32_t i); /* strings, and C strings by str() */
void call_key(struct sema_ctx *c, struct node *map); /* the key of an element that is not read */
struct type *sema_kernel(struct sema_ctx *c, struct node *n);  /* kernel.c; NULL: no function of that file */
struct type *sema_comm_of(struct sema_ctx *c, struct node *n); /* comm(pid) */
struct type *sema_config_record(struct sema_ctx *c, struct node *n); /* `config` */
struct type *sema_text(struct sema_ctx *c, struct node *n); /* text.c; NULL: no function of that file */
void sema_hint_param(struct sema_ctx *c, const struct node *x);
bool sema_arg_literal(struct sema_ctx *c, struct node *call, uint32_t i, enum node_kind kind);
struct type *sema_aggregation(struct sema_ctx *c, struct node *n); /* agg.c */
struct enum_const { int64_t value; struct type *type; };
struct type *sema_named_type(struct sema_ctx *c, char keyword, struct str name); /* ctype.c: NULL if unknown */
/* option.c */
void sema_options(struct sema_ctx *c);                  /* the options blocks, and what was given; before attach points */
bool sema_option(struct sema_ctx *c, struct node **pn); /* opt.x, only(opt.x, v), given(opt.x): true: nothing is left to resolve */
bool sema_option_decides(struct sema_ctx *c, struct node **pn); /* an if, a ?: by the options alone: *pn is what is left of it */
bool sema_option_off(struct sema_ctx *c, const struct node *predicate); /* false by the options alone */
/* The value of a setting in config, which may be opt.x, or decided by it (then *pn is what is left). False: it stays as it is. */
bool sema_option_setting(struct sema_ctx *c, const struct node **pn, struct str *ret);
bool sema_option_text(struct sema_ctx *c, struct str name, struct str *ret); /* ${name} */
void sema_getopt_check(struct sema_ctx *c); /* comptime.c: unknown options; after inference */
struct type *sema_expr(struct sema_ctx *c, struct node **pn); /* infer.c */
void sema_coerce(struct sema_ctx *c, struct node **pn, struct type *t);
struct type *sema_builtin_value(struct sema_ctx *c, struct node *n); /* value.c */
struct type *sema_comptime(struct sema_ctx *c, struct node *n); /* comptime.c: calls that fold or expand */
void sema_format(struct sema_ctx *c, struct node *call); /* printf.c: list[0] is a literal, the rest inferred */
void sema_format_check(struct sema_ctx *c, struct node **arg, const char *conv); /* printf.c: one value by one conversion */
struct type *sema_row(struct sema_ctx *c, struct node *n); /* column.c: row, rank, top */
struct format_spec {
	uint32_t lo, hi;  /* where in the format */
	char conv[3];     /* "d", "s", "rx", ... */
};
bool sema_format_next(struct str fmt, uint32_t *pos, struct format_spec *ret); /* printf.c: the next conversion, %% too */
const char *sema_base_name(const struct type *t); /* "int", "string", "pointer": as messages about arguments say */
struct node *sema_node_call(struct sema_ctx *c, int builtin, struct span span);
bool sema_printable(const struct type *t); /* by print() and %s; aggregations aside */
const char *sema_not_string(const struct type *t); /* NULL: a string, or a C string; else what is wrong, for D_STR_LIKE */
struct type *sema_stack(struct sema_ctx *c, bool user, uint32_t depth, int mode); /* call.c */
int sema_stack_mode(struct str word); /* enum stack_mode, or -1 */
bool sema_char_like(const struct type *t); /* int8, uint8: elements of C strings */
struct type *sema_become(struct sema_ctx *c, struct node *n, struct node *by); /* n turns into `by`, inferred */
void sema_access(struct sema_ctx *c, struct node *map_node, bool keyed, struct type *key);

/* sema.c */
bool sema_dw_ustack(struct sema_ctx *c, struct node *n); /* becomes ustack; or false, reported */
void sema_unstable(struct sema_ctx *c, struct span span, enum sema_unstable which); /* last round: a warning or an error, once */
void sema_expanded(struct sema_ctx *c, uint32_t from, const struct node *body); /* messages since `from` */
/* infer.c: statements */
struct type *sema_block(struct sema_ctx *c, struct node *n, bool want); /* want: its value is used */
struct type *sema_if(struct sema_ctx *c, struct node **pn, bool want);
void sema_branch(struct sema_ctx *c, struct node *n, struct type *t);
/* assign.c */
void sema_assign(struct sema_ctx *c, struct node *n);
void sema_let(struct sema_ctx *c, struct node *n);
bool sema_widen(struct sema_ctx *c, struct type **slot, struct type *t); /* *slot holds t, too; false: impossible */
/* expr.c */
bool sema_condition(struct sema_ctx *c, struct node **pn); /* false: reported, or not known yet */
struct node *sema_deref(struct sema_ctx *c, struct node *p); /* *p of a typed pointer, typed */
bool sema_complete(struct sema_ctx *c, struct type *t);    /* a struct's members are known, or nobody knows them */
void sema_complete_whole(struct sema_ctx *c, struct type *t); /* and what is inside it */
void sema_near_field(struct sema_ctx *c, const struct type *t, struct str name); /* hint: did you mean */
/* oper.c */
struct type *sema_binary(struct sema_ctx *c, struct node **pn);
struct type *sema_unary(struct sema_ctx *c, struct node **pn);
struct type *sema_incdec(struct sema_ctx *c, struct node *n);
/* of an operator on numbers; NULL: they are none */
struct type *sema_op_type(struct sema_ctx *c, enum ast_op op, const struct type *x, const struct type *y);
/* cast.c */
struct type *sema_cast(struct sema_ctx *c, struct node **pn);
bool sema_fits(const struct node *literal, const struct type *t); /* the value of an INT in an integer type */
/* as it is stored: aggregations as integers, no trusted pointers */
struct type *sema_value_type(struct sema_ctx *c, struct type *t);
/* fold.c */
uint64_t sema_param_int(struct sema_ctx *c, uint64_t i); /* $i as a number; 0: it is none */
bool sema_is_literal(const struct node *n);
struct type *sema_basic(struct sema_ctx *c, enum sema_basic b);
struct type *sema_int(struct sema_ctx *c, uint32_t size, bool is_signed);
struct type *sema_comptime_expr(struct sema_ctx *c, struct node **pn); /* N_COMPTIME: *pn becomes the literal in the last round */
struct type *sema_sizeof(struct sema_ctx *c, struct node *n);
struct type *sema_offsetof(struct sema_ctx *c, struct node *n);
struct type *sema_typeinfo(struct sema_ctx *c, struct node *n);
#define SERR(c, ...) ((c)->final ? (void)diag_add((c)->d, __VA_ARGS__) : (void)0)

#endif
