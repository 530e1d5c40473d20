/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The back end's interface: IR functions in, BPF instructions out.
 *
 *   sel    what is emitted inside its users (fused compares, tests of bits, 32-bit forms)
 *   live   where in the layout each value and each stack slot is needed
 *   ra     values to r0..r4, r6..r9, spills and slots to shared stack cells
 *   emit   encoding (move: values on their way; jump: branches, long jumps; body: a function as a whole)
 *   btf    BTF and func/line info for what we emit
 *   dis    the annotated disassembler
 *   interp a small interpreter of BPF for tests (no kernel needed)
 */
#ifndef SONDE_BPF_CODE_H
#define SONDE_BPF_CODE_H

#include <linux/bpf.h>

#include "ir/ir.h"

#ifndef BPF_JCOND
#define BPF_JCOND 0xe0 /* with source 0 (6.9): may_goto, jumps when the run has used up its budget of rounds */
#endif

/* Instruction sets and kernel abilities that code generation may use. */
struct bpf_target {
	bool alu32;     /* always true on kernels >= 5.1 */
	bool cpu_v4;    /* sign-extending loads and moves, sdiv, bswap, gotol (6.6) */
	bool atomics;   /* fetch variants (5.12) */
};

enum bpf_reloc_kind {
	REL_MAP,   /* insn (ld_imm64): fd of map `index` (BPF_PSEUDO_MAP_FD) */
	REL_MAPVAL,/* insn (ld_imm64): address in map `index` + addend (BPF_PSEUDO_MAP_VALUE) */
	REL_FUNC,  /* insn (ld_imm64, BPF_PSEUDO_FUNC): resolved inside bpf_link_program */
	REL_KFUNC, /* insn (call): kfunc */
};
struct bpf_reloc {
	enum bpf_reloc_kind kind;
	uint32_t insn, index, addend;
};
struct bpf_line {
	uint32_t insn;
	struct span span;
};
struct bpf_subprog {
	uint32_t insn; /* first instruction */
	uint32_t fn;   /* index in the funcs given */
	uint32_t stack; /* bytes used */
};

/* One loadable program: the entry function first, then every function it reaches by CALLFN/FNREF. */
struct bpf_code {
	VEC(struct bpf_insn) insns;
	VEC(struct bpf_reloc) relocs; /* REL_MAP, REL_MAPVAL, REL_KFUNC; functions are already resolved */
	VEC(struct bpf_line) lines;   /* ascending; one when the span changes */
	VEC(struct bpf_subprog) subprogs;
	uint32_t n_spills; /* for --explain */
};

/* Compile entry function `entry` of funcs[] (SSA, optimised; not modified). NULL and *ret_err (arena)
 * when it cannot be done: stack over 512 bytes, more than 1M instructions. The spills of callbacks count
 * towards the same 512 bytes (caller and callee together; each frame rounded to 32). */
struct bpf_code *bpf_compile(struct arena *a, struct func *const *funcs, uint32_t n_funcs, uint32_t entry,
			     const struct bpf_target *t, const char **ret_err);

/* BTF blob with FUNC types (names from funcs), func_info and line_info records as the kernel wants them;
 * line text and file names come from `d` (may be NULL: then no line info). All in arena memory. */
struct bpf_btf {
	void *btf, *func_info, *line_info;
	uint32_t btf_size, n_func_info, n_line_info; /* record sizes: sizeof(struct bpf_func_info / bpf_line_info) */
};
int bpf_make_btf(struct arena *a, const struct bpf_code *c, struct func *const *funcs, const struct diags *d,
		 struct bpf_btf *ret);

/* Disassemble, one instruction a line ("  12: r0 = *(u64 *)(r1 +8)"), with source lines as comments when d != NULL,
 * labels on branch targets, relocations named by `map_name(arg, index)` when given. */
void bpf_disassemble(const struct bpf_code *c, struct func *const *funcs, const struct diags *d,
		     const char *(*map_name)(void *arg, uint32_t index), void *arg, struct buf *out);

/*
 * Interpreter for tests: runs code without a kernel. Values are addresses of this process; every access is checked
 * against the stack frames, the ctx (read only), the map values that the code names, and what mem_ok allows; reading a
 * register that holds nothing is an error, as for the verifier. Helpers come from the host; one that calls back
 * (bpf_loop, for_each_map_elem) uses bpf_interp_callback with the value that it was given as function.
 */
#define BPF_INTERP_MAP(index) (0x4d41500000000000ull | (uint32_t)(index)) /* what REL_MAP gives: helpers see it */
struct bpf_interp {
	void *ctx;
	uint32_t ctx_size;
	/* address of map value `index` (REL_MAPVAL), and its size */
	void *(*map_value)(void *host, uint32_t index, uint32_t *ret_size);
	uint64_t (*helper)(struct bpf_interp *, int id, uint64_t args[5]); /* sets error to fail */
	bool (*mem_ok)(void *host, const void *p, uint32_t size, bool write); /* further valid memory, or NULL */
	void *host;
	uint64_t max_insns; /* budget of a run, callbacks included; 0 = a million */
	const char *error;  /* set when the run fails */
	uint32_t error_insn;
	struct interp_run *run; /* the run that is going on */
};
int bpf_interp_run(struct bpf_interp *m, const struct bpf_code *c, uint64_t *ret_r0);
int bpf_interp_callback(struct bpf_interp *m, uint64_t fnref, const uint64_t args[5], uint64_t *ret_r0);

#endif
