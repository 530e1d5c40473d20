/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The IR: functions of basic blocks of instructions, in dense arrays with
 * 32-bit references. Built by lower*.c with variables (GETVAR/SETVAR), put
 * into SSA by pass_ssa, improved by the passes of pass.def, consumed by bpf/.
 * It has a text form that prints and parses back (text.c, docs/ir.md).
 *
 * Pointer types carry their address space, so that the verifier's rules are
 * type rules: only MAPV_NULL and RING_NULL need a null test before use, only
 * STACK, MAPV, RING, CTX, BTF may be LOADed; KERN and USER are plain numbers
 * that go through probe_read helpers and are typed I64.
 */
#ifndef SONDE_IR_IR_H
#define SONDE_IR_IR_H

#include "base/diag.h"
#include "base/vec.h"

typedef uint32_t ref; /* an instruction of the function, and the value that it defines; 0 = none */
#define NOREF 0u

enum ir_type {
	TY_VOID,
	TY_I64,
	TY_CTX,       /* the program's context */
	TY_STACK,     /* stack memory, ours or a caller's */
	TY_MAPV,      /* inside a map value, not null */
	TY_MAPV_NULL, /* map value or null: test first */
	TY_RING,      /* ring buffer record */
	TY_RING_NULL,
	TY_BTF,       /* trusted kernel object: direct loads, faults read as 0 */
	TY_MAPOBJ,    /* a map itself */
	TY_FN,        /* a callback */
	TY_COUNT
};
static inline bool ir_type_is_ptr(enum ir_type t) { return t >= TY_CTX && t <= TY_BTF; }

enum ir_op {
	OP_NONE,
#define OP(name, text, nargs, flags) OP_##name,
#include "ir/op.def"
#undef OP
	OP_COUNT
};
enum { OF_D = 1, OF_P = 2, OF_C = 4, OF_R = 8, OF_E = 16, OF_T = 32 };
struct op_info {
	const char *text;
	int8_t nargs;
	uint8_t flags;
};
extern const struct op_info op_info[OP_COUNT];

struct ins {
	uint8_t op; /* enum ir_op */
	uint8_t ty; /* enum ir_type of the value */
	uint8_t w;  /* width in bytes: LOAD, STORE, ZEXT, SEXT, BSWAP, atomics, COPY unit */
	uint8_t n;  /* number of operands in a[] (not PHI) */
	uint32_t blk; /* the block that holds it; kept right by the builder and passes */
	ref a[5];
	uint32_t aux;   /* map index, size, PHI: first operand in fn->phis */
	uint32_t t, f;  /* JMP, BR: target blocks */
	int64_t imm;
	struct span span;
};

struct block {
	VEC(ref) ins; /* PHIs first, the terminator last */
	VEC(uint32_t) preds; /* by ir_cfg(), in the order of PHI operands */
	uint32_t idom;       /* by ir_dom(); entry: itself; unreachable: 0 with rpo = ~0u */
	uint32_t rpo;        /* index in fn->order, or ~0u when unreachable */
	uint32_t loop_depth; /* by ir_dom() */
	bool cold;           /* error paths: laid out last */
};

struct slot {
	uint32_t size, align; /* bytes; align 1, 2, 4, 8 */
	const char *name;     /* for dumps; may be NULL */
};

struct func {
	const char *name;   /* unique in the module, C identifier */
	struct arena *arena;
	VEC(struct ins) ins; /* [0] is unused */
	VEC(struct block) blocks; /* [0] is unused, [1] is the entry */
	VEC(struct slot) slots;
	VEC(ref) phis; /* PHI operands: ins.aux .. + n preds */
	VEC(const char *) vars; /* names of variables before SSA; index = GETVAR/SETVAR imm */
	VEC(uint8_t) var_types; /* enum ir_type */
	VEC(uint32_t) order;    /* reachable blocks in reverse post-order, by ir_cfg() */
	uint32_t n_args;        /* 1 for entry programs (ctx); callbacks 2 or 4 */
	uint8_t arg_types[5];
	bool is_callback;       /* called by a helper through FNREF (static, own BTF func_info) */
	bool is_ssa;
	struct span span;
};

/* building */
struct func *func_new(struct arena *a, const char *name);
uint32_t func_block(struct func *f); /* a new, empty block */
uint32_t func_slot(struct func *f, uint32_t size, uint32_t align, const char *name);
uint32_t func_var(struct func *f, enum ir_type ty, const char *name);
struct ir_build {
	struct func *f;
	uint32_t blk;     /* where emit appends; 0 after a terminator (emits are then dropped into a dead block) */
	struct span span; /* stamped on what is emitted */
};
ref ir_const(struct ir_build *b, int64_t v);
ref ir_un(struct ir_build *b, enum ir_op op, unsigned w, ref a);
ref ir_bin(struct ir_build *b, enum ir_op op, ref a, ref c);
ref ir_arg(struct ir_build *b, unsigned n);
ref ir_slot(struct ir_build *b, uint32_t slot);
ref ir_mapref(struct ir_build *b, uint32_t map);
ref ir_mapval(struct ir_build *b, uint32_t map, int64_t off);
ref ir_fnref(struct ir_build *b, uint32_t fn);
ref ir_addptr(struct ir_build *b, ref p, ref off);
ref ir_addptr_imm(struct ir_build *b, ref p, int64_t off); /* p itself when off is 0 */
ref ir_load(struct ir_build *b, enum ir_type ty, unsigned w, bool sign, ref p, int64_t off);
void ir_store(struct ir_build *b, unsigned w, ref p, int64_t off, ref v);
void ir_zero(struct ir_build *b, ref p, int64_t off, uint32_t size, unsigned w);
void ir_copy(struct ir_build *b, ref dst, int64_t off, ref src, uint32_t size, unsigned w);
ref ir_atomic(struct ir_build *b, enum ir_op op, unsigned w, ref p, int64_t off, ref v);
ref ir_call(struct ir_build *b, enum ir_type ret, int helper, unsigned n, ...); /* refs */
ref ir_callfn(struct ir_build *b, enum ir_type ret, uint32_t fn, unsigned n, ...);
ref ir_maygoto(struct ir_build *b, ref zero); /* ir_br on it follows */
ref ir_kcall(struct ir_build *b, enum ir_type ret, uint32_t btf_id, unsigned n, ...); /* a function of the kernel made for programs */
ref ir_getvar(struct ir_build *b, uint32_t var);
void ir_setvar(struct ir_build *b, uint32_t var, ref v);
void ir_jmp(struct ir_build *b, uint32_t to);
void ir_br(struct ir_build *b, ref cond, uint32_t t, uint32_t f);
void ir_ret(struct ir_build *b, ref v);
static inline void ir_at(struct ir_build *b, uint32_t blk) { b->blk = blk; }

/* analysis: preds, order; then dominators and loop depth */
void ir_cfg(struct func *f);
void ir_dom(struct func *f); /* calls ir_cfg */
bool ir_dominates(const struct func *f, uint32_t a, uint32_t b);
bool ir_ins_is_pure(const struct ins *i); /* op flags, and for CALL the helper's (helper.def) */
bool ir_ins_is_removable(const struct ins *i); /* when its value is unused */
const char *ir_helper_name(int64_t id); /* NULL if unknown */
/* Replace each value r by map[r] where that is not 0 (chains are followed); map has f->ins.n entries. */
void ir_replace(struct func *f, ref *map);

/* text.c: print and parse back. ir_parse returns NULL and sets *ret_err (arena) on bad input. */
void ir_print(const struct func *f, struct buf *out);
struct func *ir_parse(struct arena *a, const char *text, const char **ret_err);

/* verify.c: NULL if well-formed, else what is wrong (arena of f) */
const char *ir_verify(struct func *f);

/* pass.c: the table of pass.def */
struct pass_ctx {
	struct func *f;
	const void *facts; /* struct facts *, may be NULL in tests */
	bool changed;
};
typedef void (*pass_fn)(struct pass_ctx *);
struct pass {
	const char *name, *doc;
	pass_fn run;
};
extern const struct pass passes[];
extern const uint32_t n_passes;
struct pass_options {
	const char *only; /* test: run exactly this pass (comma list) instead of the pipeline */
	const char *skip; /* comma list */
	const char *stop; /* stop after this pass */
	void (*dump)(void *arg, const char *pass, const struct func *f); /* after each pass, or NULL */
	void *dump_arg;
};
/* Run the pipeline; NULL, or what ir_verify found after which pass (assertion-like: our bug). */
const char *ir_optimise(struct func *f, const struct pass_options *o);

#endif
