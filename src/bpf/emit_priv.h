/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by emit.c (instructions), body.c (functions), move.c (values into registers, parallel copies) and jump.c
 * (branches, long ones). */
#ifndef SONDE_BPF_EMIT_PRIV_H
#define SONDE_BPF_EMIT_PRIV_H

#include "bpf/back.h"

struct jump {
	uint32_t insn, block;
};
struct island_slot {
	uint32_t block; /* where it leads, */
	uint32_t next;  /* by way of this island + 1; 0 = at once */
};
struct island { /* jump.c: unconditional jumps on the way to far blocks; a place for them only, if there are none */
	uint32_t first; /* instruction of slots[0]; the others follow */
	VEC(struct island_slot) slots;
};
struct emit_ret { /* `r0 = constant; exit` */
	int64_t imm;
	uint32_t insn;
};
struct emit {
	struct back *b;
	struct emit_out *out;
	struct bpf_code *code;
	struct span span;
	uint32_t first;       /* the function's first instruction */
	uint32_t *block_insn; /* by block */
	uint32_t *alias;      /* by block: where its code is, when it has none of its own */
	VEC(struct emit_ret) rets;
	bool may_r0;          /* the instruction being emitted may write r0 */
	VEC(struct jump) jumps;
	/* what the attempts before this one found too far away */
	VEC(uint32_t) far; /* by jump, in order of emission: 0, or the long form, or the island to go by + 1 */
	VEC(struct island) islands;
	uint32_t n_islands;           /* passed in this attempt */
	uint32_t next_island;         /* instruction behind which the next one lies; ~0u = none */
};

uint32_t put(struct emit *e, uint8_t code, unsigned dst, unsigned src, int16_t off, int32_t imm);
void put_mov(struct emit *e, unsigned dst, unsigned src);
uint32_t put_jump(struct emit *e, unsigned op, unsigned reg, int32_t imm); /* 64-bit, to be landed */
void put_land(struct emit *e, uint32_t jump);
uint8_t mem_size(unsigned w);

/* emit.c */
bool emit_is_silent(const struct back *b, ref r);       /* nothing is emitted where it stands */
void emit_one(struct emit *e, ref r, uint32_t next);    /* next: the block behind this one */

/* move.c */
struct copy {
	ref src;
	struct loc dst;  /* LOC_REG or LOC_SPILL */
	struct loc from; /* current place of the source; LOC_REMAT: make it */
	bool done;
};
void emit_into(struct emit *e, unsigned dst, ref v);
unsigned emit_reg(struct emit *e, ref v, unsigned scratch);
unsigned emit_base(struct emit *e, ref p, int64_t *off, uint32_t size, unsigned scratch);
bool move_base_is_free(const struct back *b, ref p, int64_t off, uint32_t size); /* emit_base needs no scratch */
void emit_copies(struct emit *e, struct copy *c, unsigned n, unsigned park);

/* jump.c */
void emit_branch(struct emit *e, uint8_t code, unsigned dst, unsigned src, int32_t imm, uint32_t block);
void emit_goto(struct emit *e, uint32_t block);
void emit_island(struct emit *e);
bool emit_resolve(struct emit *e); /* false: emit the function again */

#endif
