/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the tree to the typed tree.
 *
 *   config, C definitions -> attach points expanded (providers) -> clauses (one clone of the body per kind of context)
 *   -> macros, names (name.c) -> types to a fixed point (infer.c) -> checks (check.c)
 *
 * The contract with lowering: in every clause each expression has a `type` (never NULL, never T_ERROR when sema_run
 * succeeded); every conversion is an explicit N_CAST node (implicit ones have ival = 1), so that both sides of an
 * operator, an assignment, a map key or value, a tuple element, a branch have equal types; names are resolved
 * (`builtin`, `var`, `map`); IDENT, POSPARAM, PARAMCOUNT, SIZEOF, OFFSETOF, COMPTIME, TYPEOF, getopt, macros,
 * #defines, enum constants are gone (folded to INT/STRING/BOOL or expanded to BLOCKs); `.` on pointers is made explicit
 * with N_UNARY O_DEREF, so FIELD's operand is a struct or record in place; `->` is gone. N_ASSIGN with a compound
 * operator stays (lowering makes `+=` on maps atomic); its b has the result type. A predicate is the clause's `predicate` (bool-typed
 * or integer/pointer condition). Conditions (also the operands of && || !) may be T_BOOL, T_INT, T_PTR, castable aggregation.
 * Exceptions from equal types: two strings are compared whatever their sizes; pointer +- integer has the pointer in a and 64
 * bits in b (elements, not bytes), also in `$p += n`; ++ and -- have the type of their variable or map. p[i] on pointers is *(p + i).
 * A cast between records goes by name, a cast of an aggregation to an integer reads it, one between pointers may only
 * drop trust (AS_BTF, AS_CTX to AS_KERNEL). Pointers AS_BTF may be NULL, and are never map values, keys, or captured.
 *
 * Calls and builtin values as lowering sees them (call.c, value.c, comptime.c):
 *   values           N_BUILTIN; pid(), nsecs(tai), ... too. ival: argN's N; nsecs: enum nsecs_mode; pid, tid: 1 = initial name space
 *   delete has_key   list = [MAP]; the key, if any, in the MAP's a, whatever way it was written
 *   len clear zero   list = [MAP without a]
 *   print            [MAP without a, INT top, INT div, STRING column]: the whole map; [MAP with a] of aggregation type: that element,
 *                    printed by the reader; anything else: a value
 *   printf & Co.     list[0] N_STRING; time, join's delimiter, strftime's format are N_STRING, too
 *   row rank         [N_STRING of all columns, values...]; rank's key, 64 bits, before them. top: [64 bits] or nothing
 *   strftime         ival: enum clock_mode of its second argument
 *   hist lhist       list[0]: the value, 64 bits; the parameters are in the type (agg)
 *   sum min max avg stats, exit   list[0]: 64 bits
 *   str buf          the size limit is in the type; list[1], when there, an integer that may be larger or smaller
 *   strncmp strlen   strings only; strncmp's list[2] is N_INT
 *   reg              ival: offset in struct pt_regs
 *   folded or expanded, never seen: kaddr pton cpid (without child) has_cpid probetype usermode (where constant) ppid pcomm
 *                    leader_* assert static_assert fail getopt is_* strcap container_of kfunc_exist default_str_length ...
 */

#ifndef SONDE_SEMA_SEMA_H
#define SONDE_SEMA_SEMA_H

enum nsecs_mode { NSECS_BOOT, NSECS_MONOTONIC, NSECS_TAI, NSECS_SW_TAI };

#include "lang/ast.h"
#include "sema/provider.h"

enum builtin_id {
	B_NONE,
#define BUILTIN(id, name, min, max, flags, doc) B_##id,
#include "sema/builtin.def"
#undef BUILTIN
	B_COUNT_
};
enum { BF_VALUE = 1, BF_STMT = 2, BF_ASYNC = 4, BF_AGG = 8, BF_UNSAFE = 16, BF_LATER = 32, BF_COMPTIME = 64 };
struct builtin_info {
	const char *name;
	int8_t min_args, max_args;
	uint16_t flags;
	const char *doc;
};
extern const struct builtin_info builtin_info[B_COUNT_]; /* indexed by enum builtin_id */

struct var_sym {
	struct str name;      /* "$x"; unique per declaration */
	struct type *type;
	struct span span;
	struct node *scope;   /* the BLOCK, FOR, ... that declares it */
	bool declared_type, assigned, used;
	bool by_let;          /* declared by `let` */
	bool captured;        /* used inside a for-loop body but declared outside it */
	bool address_taken;
	uint32_t index;       /* per clause, dense; lowering's own use */
	void *lower;          /* lowering's own use */
	uint32_t loop_depth;  /* for bodies around the declaration */
	bool seen;            /* sema: an assignment was met (last round) */
	bool live;            /* sema: some assignment is not in a branch of `if comptime` that is left out */
};
enum map_decl_kind { MD_DEFAULT, MD_HASH, MD_LRUHASH, MD_PERCPUHASH, MD_PERCPULRUHASH };
struct map_sym {
	struct str name;      /* "@x" */
	struct type *key;     /* NULL: unkeyed */
	struct type *value;   /* aggregation types for agg maps */
	struct span span;
	enum map_decl_kind decl;
	uint32_t max_entries; /* 0 = config default */
	uint32_t index;       /* lowering: index in module.maps */
	bool has_access, keyed_known;
	bool keyed;           /* once keyed_known */
	bool assigned;        /* some statement gives it a value */
	bool declared;        /* by `let @x = ...` */
};

/* One body to compile, with the places that run it. */
struct clause {
	uint32_t index;       /* of the source clause */
	struct node *body;    /* N_BLOCK */
	struct node *predicate; /* or NULL */
	const struct provider *provider;
	VEC(struct attach_point *) attach; /* at least one; all share provider and args type; more than one only if nothing
	                                    * in the body depends on which (else sema splits), but for `probe` (T_PROBE) */
	VEC(struct var_sym *) vars;
	struct type *args;    /* or NULL */
	struct span span;     /* of the attach points in the source */
	bool uses_pid_filter;
	VEC(const struct usdt_spec *) specs; /* usdt, where the body looks at arguments: the different ones, at most USDT_MAX_SPECS */
};

enum unwind_want { UNWIND_AUTO, UNWIND_FP, UNWIND_DWARF };
enum unstable { UNSTABLE_WARN, UNSTABLE_ENABLE, UNSTABLE_ERROR };
struct sema_config { /* config block and environment (reference 6.3) */
	uint32_t max_map_keys, max_strlen, max_cat_bytes, on_stack_limit, perf_rb_pages, max_bpf_progs, max_probes, log_size;
	uint32_t max_stacks; /* 0: by max_map_keys */
	bool print_maps_on_exit, cpp_demangle, lazy_symbolication, show_debug_info, use_blazesym, stack_marks, stack_offsets;
	int stack_form;         /* enum stack_form */
	struct str row_contains; /* see out_rows */
	uint32_t max_rows;
	bool count_rows;
	bool generated; /* by a program: no remarks on its style */
	bool max_probes_given; /* somebody has thought about it */
	int missing_probes; /* 0 error, 1 warn, 2 ignore */
	int attach;         /* enum attach_want */
	int stack_mode;     /* enum stack_mode */
	int unwind;         /* enum unwind_want */
	struct str str_trunc_trailer, license;
	int unstable_tseries, unstable_typeinfo, unstable_dw_ustack, unstable_import_statement; /* enum unstable */
	uint32_t unstable_told; /* bits, by feature: said once a program */
};
void sema_config_init(struct sema_config *c);
/* One column of a row's format (column.c): "  NAME:%CONVERSION" */
enum column_kind {
	COL_NUMBER, /* an integer, by its own size and sign */
	COL_UNIT,   /* an integer divided by `divisor` */
	COL_VALUE,  /* %s: any value, at most `precision` characters */
	COL_FORMAT, /* values by a format of printf: `inner` */
};
enum { COLUMN_WIDTH = 1000, COLUMN_DIGITS = 18, COLUMNS_MAX = 64 };
struct column {
	enum column_kind kind;
	struct str name;
	uint32_t lead;     /* blanks before it */
	uint32_t lo, hi;   /* in the format, blanks included */
	uint32_t width;    /* never less than the name's */
	bool left;
	int precision;     /* -1: none */
	uint64_t divisor;
	struct str inner;  /* lies in `text` or in the format */
	char text[16];
	uint32_t n_values;
};
/* print(@m, top, div, "value.name"): what the rows are sorted by (column.c). */
struct sort_column {
	bool by_key, descending;
	const struct type *type; /* NULL: the order of every print() */
	uint32_t offset;         /* in the key or the value */
};
/* False and *ret_wrong when the map has no such column. */
bool sema_sort_column(const struct type *key, const struct type *value, struct str text, struct sort_column *ret, const char **ret_wrong);
/* The next column of a format. False: there is none, or what stands there is none, and *ret_wrong says so. */
bool sema_column_next(struct str fmt, uint32_t *pos, struct column *ret, const char **ret_wrong);
bool sema_config_known(const char *key, bool foreign); /* foreign: a key that nobody knows is an error of its own */
bool sema_config_set(struct sema_config *c, struct diags *d, struct str key, struct str value, struct span span);

struct sema_setting { struct str key, value; };

/* A C header that is asked for: <name> or "name", by the script or by another header. */
struct sema_include {
	struct str name, from;
	bool angled;
	struct str path, text; /* what was found */
};

struct sema_env {
	struct arena *arena;
	struct diags *diags;
	struct facts *facts;
	const struct provider_table *providers;
	struct provider_env prov;
	VEC(struct str) params; /* positional */
	VEC(struct str) named;  /* "--name=value" words after -- */
	VEC(struct sema_setting) settings; /* BPFTRACE_* of the environment: sema_config_set after the config block, which they override */
	bool unsafe;
	bool has_child;         /* -c */
	uint32_t ncpus;         /* possible CPUs */
	const char *name;       /* script name, for imports */
	bool (*include)(void *arg, struct sema_include *); /* find and read a header; NULL: there are none */
	void *include_arg;
	bool include_dirs;      /* -I was given: headers of the kernel may be there */
};
struct sema {
	struct sema_config config;
	VEC(struct clause) clauses;       /* in source order */
	VEC(struct map_sym *) maps;       /* in order of first appearance */
	VEC(struct attach_point *) attaches;
	uint32_t n_source_clauses;
	bool options; /* declared by a block of the script */
};
/* 0, or -EINVAL with diagnostics in env->diags. */
int sema_run(struct sema_env *env, struct node *program, struct sema *ret);
/* Where integers and pointers of unknown space point in a clause: user memory in uprobes and system-call tracepoints, ... */
enum addr_space sema_space(const struct clause *cl);
void sema_print(const struct sema *s, struct buf *out); /* --dump=types */

#endif
