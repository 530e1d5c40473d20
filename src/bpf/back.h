/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to the back end: how each value of a function is made, and where it
 * lives.
 *
 * Registers: r6-r9 may hold anything; r1-r4 only values that no call
 * interrupts; r0 likewise, and only where emit.c does not need it
 * (back_needs_r0); r5 is emit's scratch between any two instructions; r10 is
 * the frame. Constants and addresses of slots, maps and functions are made
 * again at each use, unless a register is to spare.
 */
#ifndef SONDE_BPF_BACK_H
#define SONDE_BPF_BACK_H

#include "bpf/code.h"

enum { R0, R1, R4 = 4, R5 = 5, R10 = 10 };

enum loc_kind {
	LOC_NONE,  /* unused, or fused into its users */
	LOC_REMAT, /* made again at each use */
	LOC_REG,
	LOC_SPILL, /* at r10 + off: 8 bytes, aligned, always written and read whole */
};
struct loc {
	uint8_t kind, reg;
	int16_t off;
};

/*
 * Positions: each instruction of the layout has four. At the first it reads, at the second a call clobbers, at the
 * third it writes. A block has a position of its own before its first instruction (PHIs are there) and one behind
 * its last (PHI copies read there).
 */
enum { POS_CLOBBER = 1, POS_DEF = 2, POS_STEP = 4 };
struct seg { /* positions [from, to] */
	uint32_t from, to;
};
struct seg_list {
	VEC(struct seg) list;
};
struct use {
	ref user;
	uint32_t blk, pos;
};
struct live {
	uint32_t seg, n_segs; /* in back.segs */
	uint32_t use, n_uses; /* in back.uses */
	float weight;         /* uses, deeper loops more */
	uint32_t len;         /* positions covered */
};
struct back {
	struct func *f;
	struct arena *arena;
	const struct bpf_target *target;
	/* sel.c: what is emitted inside its users */
	bool *fused;  /* by value */
	bool *narrow; /* comparison in 32 bits; ZEXT whose operand is emitted inside it, in 32 bits */
	/* live.c */
	VEC(uint32_t) layout;              /* blocks in order of emission */
	uint32_t *block_start, *block_end; /* positions, by block */
	uint32_t *pos;                     /* position of each value's instruction */
	uint32_t n_pos;
	VEC(struct seg) segs;
	struct use *uses;
	struct live *live;      /* by value */
	struct seg_list *slot_live; /* by stack slot */
	bool *slot_used;        /* by stack slot */
	bool *slot_away;        /* by stack slot: the address goes where we do not follow it, and the slot lives throughout */
	bool *slot_touch;       /* by stack slot: may be reached at an offset that the verifier does not know */
	VEC(uint32_t) calls;    /* positions of calls, ascending */
	/* ra.c */
	struct loc *loc;        /* by value */
	int16_t *slot_off;      /* by stack slot: r10 + */
	uint32_t stack;         /* bytes */
	uint32_t n_spills;
	const char *error;
};

static inline const struct ins *back_ins(const struct back *b, ref r)
{
	return &b->f->ins.v[r];
}
bool back_is_remat(const struct func *f, ref r);
bool back_imm(const struct back *b, ref r, int32_t *ret); /* a constant that fits an immediate */
void back_split_edges(struct func *f);                    /* so that PHI copies have a place */
void back_select(struct back *b);                         /* sel.c */
unsigned back_leaves(const struct back *b, ref r, ref out[8]); /* the values that r's code reads (not PHIs) */
void back_live(struct back *b);                           /* live.c */
void back_allocate(struct back *b);                       /* ra.c */

struct fn_ref {
	uint32_t insn, fn;
	bool call;
};
struct emit_out {
	struct bpf_code *code;
	uint32_t *fn_insn;               /* first instruction of each emitted function, ~0u = not yet */
	VEC(struct fn_ref) fn_refs;
};
bool back_needs_r0(const struct back *b, ref r); /* emit.c writes r0 for r although r's value is not there */
void back_emit(struct back *b, struct emit_out *out); /* body.c */

#endif
