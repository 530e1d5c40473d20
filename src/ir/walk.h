/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walk of user stacks, as its files share it (lower_unwind.c says what it is): its state in scratch memory, what is known of the
 * kernel's structures, and the few words in which a step is written.
 */
#ifndef SONDE_IR_WALK_H
#define SONDE_IR_WALK_H

#include "ir/lower_priv.h"
#include "ir/unwind.h"

enum { /* the state */
	ST_PC = 0, ST_SP = 8, ST_FP = 16, ST_BX = 24, ST_R10 = 32, ST_DI = 40,
	ST_RETURN = 48, /* 1: pc is a return address, the call is before it */
	ST_N = 56,      /* frames so far */
	ST_STATUS = 64, /* enum walk_status */
	ST_LO = 72, ST_HI = 80, ST_DELTA = 88, /* the mapping at hand; file offset = address + delta */
	ST_STATE = 96, ST_INDEX = 104, ST_BUCKET = 112, ST_BUCKETS = 120, /* its struct unwind_file */
	ST_ROOT = 128, ST_VDSO = 136, ST_XOL = 144, /* of the process: tree, vDSO, memory of uprobes */
	ST_UTASK = 152, ST_RI = 160,   /* of the thread: uprobes, return probes on their way; 0: none */
	ST_TMP = 168,   /* two words */
	ST_KEY = 184,   /* struct unwind_key */
	ST_LAST = 216 - ST_LO, /* the mapping before it, if it is to be had again: ST_LO to ST_BUCKETS once more, from this + ST_LO on */
	ST_NODE = 272,  /* a node, a mapping, an inode */
	NODE_SIZE = 256,
	ST_SIZE = ST_NODE + NODE_SIZE,
};
enum walk_status { WALK_OK, WALK_UNKNOWN, WALK_WAITING };
enum { NODE_DENSE, NODE_LEAF, NODE_RANGE, NODE_ARANGE }; /* types of nodes */
enum {
	WALK_LEVELS = 8, WALK_STEPS = 10, WALK_RETURNS = 16, TRAMPOLINE = 64 /* bytes */, INSN_MAX = 15, VM_EXEC = 4, USER_CS = 0x33,
	TRAMPOLINE_CALLED = 0xd, /* behind its system call: pop rcx, 1 byte, pop r11, 2, ret */
};

struct member {
	uint32_t off, size;
};
struct unwind_layout { /* where the kernel keeps things */
	struct member task_mm, task_utask;
	struct member mm_mt, mt_root, mm_context, context_vdso, mm_uprobes, uprobes_area, area_vaddr;
	struct member utask_ri, utask_vaddr, utask_xol, ri_stack, ri_ret, ri_next;
	struct member range_pivot, range_slot, arange_pivot, arange_slot, arange_meta;
	struct member vm_start, vm_end, vm_flags, vm_pgoff, vm_file;
	struct member file_inode, i_ino, i_sb, i_size, i_mtime, sb_dev;
	struct member ip, sp, bp, bx, r10, di, cs;
	uint32_t inode_lo, inode_n, vma_n; /* spans that hold what we look at */
	uint32_t rules, words, files;      /* maps */
	struct walk_fn {
		uint32_t depth, fn;
	} fns[16];
	uint32_t n_fns;
};

struct walk {
	struct lower *l;
	const struct unwind_layout *k;
	ref st;
	uint32_t stop;  /* block: there is no more frame */
	uint32_t key;   /* slot of 4 bytes */
	uint32_t v_pc, v_sp, v_fp, v_bx; /* the caller's registers */
};

static inline ref walk_get(struct walk *w, uint32_t off)
{
	return ir_load(&w->l->b, TY_I64, 8, false, w->st, off);
}
static inline void walk_set(struct walk *w, uint32_t off, ref v)
{
	ir_store(&w->l->b, 8, w->st, off, v);
}
static inline ref num(struct walk *w, int64_t v)
{
	return ir_const(&w->l->b, v);
}
static inline ref bin(struct walk *w, enum ir_op op, ref a, ref b)
{
	return ir_bin(&w->l->b, op, a, b);
}

/* Go on in a new block when `c` is not 0, else in `no`. */
static inline void walk_if(struct walk *w, ref c, uint32_t no)
{
	uint32_t yes = func_block(w->l->b.f);
	ir_br(&w->l->b, c, yes, no);
	ir_at(&w->l->b, yes);
}

/* Read into the state, or go to `bad`. */
static inline void walk_read(struct walk *w, enum helper h, uint32_t to, uint32_t n, ref addr, uint32_t bad)
{
	struct ir_build *b = &w->l->b;
	uint32_t good = func_block(b->f);
	ir_br(b, ir_call(b, TY_I64, (int)h, 3, ir_addptr_imm(b, w->st, to), ir_const(b, n), addr), bad, good);
	ir_at(b, good);
}

/* lower_vma.c: what is mapped at `look`? Into the state; continues when it is code. */
void walk_mapping(struct walk *w, ref look);
/* Where a return probe has put its trampoline in the place of the return address: the true one into v_pc. */
void walk_return_probe(struct walk *w, ref sp);
/* lower_walk.c: the function that makes one step, for stacks of that depth. */
uint32_t walk_make(struct lower *l, const struct unwind_layout *k, uint32_t depth);

#endif
