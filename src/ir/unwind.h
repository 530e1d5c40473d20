/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables for walking user stacks without frame pointers: the format that the reader (sym/cfi.c, run/unwind.c) writes and the BPF
 * program (lower_unwind.c) reads.
 *
 * A *rule* says how to get from a frame to its caller. Few are different, so they lie once in an array for all files, and a *row*
 * is 8 bytes: from this offset in the file on, that rule. Addresses are offsets in the file, not in memory: so a table serves every process,
 * wherever it has mapped the file.
 *
 * Rows lie in one space of 8-byte *words*, which is cut in chunks (inner maps) that are made when they are needed. Before a file's rows lies
 * its index, a word for each 64 bytes of code: where the rows of these bytes are. So a search looks at some two rows.
 *
 * Registers are named by what they are for, not by a processor's numbers; on arm64 the return address of a leaf is in a register, UW_LINK.
 */
#ifndef SONDE_IR_UNWIND_H
#define SONDE_IR_UNWIND_H

#include <stdint.h>

enum unwind_base { /* where a value is counted from */
	UW_SAME,   /* a register: unchanged; a rule's frame: none, the rule is unknown */
	UW_CFA,    /* the frame's address: that of its caller's stack pointer */
	UW_SP,     /* stack pointer */
	UW_FP,     /* frame pointer (rbp, x29) */
	UW_BX,     /* rbx: only the dynamic linker counts from it */
	UW_R10, UW_DI, /* known in the innermost frame only: a stack that is being aligned; vfork */
	UW_LINK,   /* the link register */
	UW_END,    /* the return address is undefined: the outermost frame */
	UW_LOST,   /* a register whose value cannot be told */
};
enum unwind_flag {
	UW_DEREF = 1,  /* the frame's address is what lies at base + off, plus add */
	UW_PLT = 2,    /* and 8 more from byte `add` of each 16 on: entries of a procedure linkage table */
	UW_SIGNAL = 4, /* the frame of a signal: its caller was interrupted, so its address is no return address */
};
struct unwind_rule {
	uint8_t base, flags;
	uint8_t ra_base, fp_base, bx_base; /* where they lie in memory: base + off; ra_base UW_DI, UW_LINK: in that register */
	/* The usual case once more: all that was saved lies in the `span` bytes below the frame's address, the return address last, and is read at
	 * once. fp_at, bx_at: where in them, UNWIND_KEPT: not saved. span 0: it is not so. */
	uint8_t span, fp_at, bx_at;
	int32_t off, add, ra_off, fp_off, bx_off, zero;
};
struct unwind_row {
	uint32_t pc;   /* offset in the file */
	uint32_t rule; /* 0: none */
};
/* A word of the index: rows of a bucket. first: the one that holds at its first byte. step: the highest power of two below n */
struct unwind_index {
	uint32_t first;
	uint16_t n, step;
};
/* Which file is mapped? As the kernel's own objects say. The vDSO: ino ~0, else 0. */
struct unwind_key {
	uint64_t ino, size, mtime_ns; /* of mtime only the nanoseconds */
	uint64_t dev;                 /* the kernel's number */
};
enum unwind_state {
	UF_ASKED,   /* the program has told the reader */
	UF_TABLE,
	UF_NONE,    /* no table: by frame pointer */
	UF_REFUSED, /* there is one, but no room */
};
struct unwind_file {
	uint32_t state;
	uint32_t index;         /* word */
	uint32_t bucket, n_buckets;
};
enum {
	UNWIND_BUCKET_BITS = 6,
	UNWIND_RULES = 16384,   /* powers of two */
	UNWIND_CHUNK_BITS = 17, /* words in a chunk: a megabyte */
	UNWIND_CHUNKS = 256,
	UNWIND_FILES = 8192,
	UNWIND_SPAN_MAX = 64, UNWIND_KEPT = 255,
	/* behind the rules: room for the state of the function that finds the key of what is mapped at an address (module.key_fn) */
	UNWIND_STATE = 576, UNWIND_STATE_KEY = 184,
};
/* What the program tells of a file that it does not know (EV_UNWIND). */
struct unwind_ask {
	uint64_t pid, pc;
	struct unwind_key key;
};

#endif
