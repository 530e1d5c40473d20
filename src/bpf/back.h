/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to the back end: where each value of a function lives.
 *
 * Registers: r6-r9 may hold anything, r1-r4 only values that no call
 * interrupts, r0 and r5 are scratch for emit (spilled operands, parallel
 * copies), r10 is the frame. Constants and addresses of slots, maps and
 * functions are never kept: they are made again at each use.
 */
#ifndef SONDE_BPF_BACK_H
#define SONDE_BPF_BACK_H

#include "bpf/code.h"

enum loc_kind {
	LOC_NONE,  /* unused, or a comparison fused into its branches */
	LOC_REMAT, /* made again at each use */
	LOC_REG,
	LOC_SPILL, /* at r10 + off */
};
struct loc {
	uint8_t kind, reg;
	int16_t off;
};
struct live { /* positions: 2 * n-th instruction uses, + 1 defines; end < start: dead */
	uint32_t start, end;
	float weight; /* uses, deeper loops more */
};
struct back {
	struct func *f;
	struct arena *arena;
	const struct bpf_target *target;
	VEC(uint32_t) layout;      /* blocks in order of emission */
	uint32_t *block_start, *block_end; /* positions, by block */
	uint32_t *pos;             /* position of each value's instruction */
	struct live *live;         /* by value */
	struct live *slot_live;    /* by stack slot */
	VEC(uint32_t) calls;       /* positions of calls, ascending */
	struct loc *loc;           /* by value */
	int16_t *slot_off;         /* by stack slot: r10 + */
	uint32_t stack;            /* bytes */
	uint32_t n_spills;
	bool *fused;               /* comparison emitted inside its branches */
	const char *error;
};

bool back_is_remat(const struct ins *i);
void back_split_edges(struct func *f);   /* critical edges, so that PHI copies have a place */
void back_live(struct back *b);          /* live.c */
void back_allocate(struct back *b);      /* ra.c */
struct fn_ref {
	uint32_t insn, fn;
	bool call;
};
struct emit_out {
	struct bpf_code *code;
	uint32_t *fn_insn;               /* first instruction of each emitted function, ~0u = not yet */
	VEC(struct fn_ref) fn_refs;
};
void back_emit(struct back *b, struct emit_out *out); /* emit.c */

#endif
