/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of lowering share.
 *
 *   lower.c        the module: data layout, a function per clause, its frame (filters, scratch, exit), fix-ups
 *   lower_stmt.c   statements and loops (bodies of `for` become callbacks)
 *   lower_expr.c   values: scalars in registers, aggregates into a destination
 *   lower_args.c   arguments by name: words of the context, registers, the caller's stack
 *   lower_mem.c    places: where an aggregate lies, and reading it there; strings
 *   lower_map.c    keyed and unkeyed maps, aggregations
 *   lower_call.c   builtin values and functions
 *   lower_text.c   names of errors and the like, searching and comparing text
 *   lower_stack.c  stacks
 *   lower_unwind.c user stacks without frame pointers; lower_walk.c, lower_vma.c: a step of them (walk.h)
 *   lower_event.c  records for the reader: printf and its family
 *   lower_kernel.c what only some programs may ask the kernel for
 *   lower_fault.c  failures at run time, by place
 *   lower_follow.c children of the traced process
 *   lower_group.c  many system-call tracepoints by one raw tracepoint
 *   lower_usdt.c   arguments of static probes; which place of several it is
 *   lower_session.c entry and return of the same functions by one program
 *
 * Values. A scalar (type_is_scalar) is one 64-bit IR value, sign- or zero-extended as its type says: that is an invariant,
 * so that comparisons and arithmetic never look at widths. Everything else is bytes in memory; an expression of such a type is
 * lowered "into" a destination (a stack slot, scratch memory, a ring record, a map key), which saves the copy. Strings in memory
 * are NUL-terminated unless full, and zero behind the NUL, so that they can be compared and hashed as bytes.
 */
#ifndef SONDE_IR_LOWER_PRIV_H
#define SONDE_IR_LOWER_PRIV_H

#include "ir/lower.h"

/* Helpers of the kernel by name (helper.def has the numbers). */
enum helper {
#define HELPER(id, name, flags) H_##name = id,
#include "ir/helper.def"
#undef HELPER
};

enum where {
	W_MEM,  /* ours: stack, scratch, map value, ring: loads and stores */
	W_CTX,  /* the context: loads at constant offsets */
	W_BTF,  /* trusted kernel object: scalar loads at constant offsets; the helper for the rest */
	W_KERN, /* kernel address: bpf_probe_read_kernel */
	W_USER, /* user address: bpf_probe_read_user */
	W_ANY,  /* unknown: the sign of the address decides (as on x86-64 and arm64) */
};
struct place {
	ref base;
	int64_t off;
	enum where where;
	uint8_t align;     /* known alignment of base + off: 1, 2, 4, 8 */
	bool maybe_null;   /* base must be tested before use */
	bool constant;     /* bytes that never change (rodata) */
};

/* Regions of the data map: MAPVAL offsets carry the region in the upper half until lower_fixup(). */
enum region { RG_HEADER, RG_RODATA, RG_GLOBALS, RG_PERCPU };
#define REGION(r, off) ((int64_t)(r) << 32 | (int64_t)(off))

/* How a function's ways out and its loop are reached. */
struct flow {
	uint32_t exit;      /* block that leaves the program (a callback: returns 1 after setting the frame's flag) */
	uint32_t brk, cont; /* blocks of the innermost loop of this function, or 0 */
	uint32_t ret;       /* block behind the function of the source whose body this is (N_INLINE), or 0; through callbacks by the flag 2 */
};

enum var_kind { VK_NONE, VK_SSA, VK_CELL, VK_SLOT, VK_SCRATCH, VK_ENTRY };
struct var_home {
	enum var_kind kind;
	uint32_t index;     /* VK_SSA: IR variable; VK_CELL: offset in the frame; VK_SLOT: slot; VK_SCRATCH: offset */
	uint32_t fn;        /* function that VK_SSA and VK_SLOT belong to */
	uint32_t assigned;  /* times, in the source */
	struct map_sym *map;    /* VK_ENTRY: the loop variable of a map: */
	struct var_home *self;
};

/* The frame that callbacks get: cells of 8 bytes on the entry function's stack. */
enum { CELL_CTX = 0, CELL_SCRATCH = 8, CELL_FLAG = 16, CELL_ATTACH = 24, CELL_FIRST = 32 };

/*
 * Tracepoints of many system calls, served by the one raw tracepoint that every system call passes: one link instead of hundreds of
 * perf events, whose release costs the kernel a grace period each. The number of the call selects the attach point. Only for
 * clauses that look at nothing of the record.
 */
struct lower_group {
	bool at_exit;              /* sys_exit_*: arguments are (regs, ret) instead of (regs, id) */
	uint32_t btf_id;           /* of the raw tracepoint */
	uint32_t table_off;        /* in rodata: u16 by number: index of the attach point + 1, 0 = not ours */
	uint32_t off_orig_ax;      /* in struct pt_regs */
	uint32_t off_status;       /* of thread_info.status in struct task_struct: its bit TS_COMPAT marks 32-bit calls */
	VEC(uint32_t) attach;
};

struct patch { /* constants known only when everything is lowered */
	struct func *f;
	ref r;
	enum { PATCH_STRIDE, PATCH_SCRATCH_SIZE } what;
	uint32_t factor;
};

struct lower {
	struct arena *a;
	struct diags *d;
	const struct sema_env *env;
	const struct sema *s;
	const struct lower_options *o;
	struct module *m;
	bool has_exit;            /* the program calls exit() somewhere */
	bool serial;              /* no program can run inside another on one CPU: no claims, plain adds */
	uint32_t zeros_off, log2_off; /* in rodata */
	uint32_t probe_names[2];     /* table of the attach points' names in rodata; 0: not there yet */
	uint32_t names[3];        /* tables of strerror, signal_name, syscall_name in rodata; 0: not there yet */
	uint32_t zeros_size;
	uint32_t globals_top;
	uint32_t percpu_top;      /* in the block */
	VEC(struct patch) patches;
	/* the clause */
	const struct clause *cl;
	uint32_t attach;          /* index of its only attach point, or ~0u: by cookie */
	const struct lower_group *group; /* many system calls by one program: the attach point is in v_attach, or NULL */
	uint32_t v_attach;
	int32_t cookie_by;        /* the attach point is the cookie and that: a session has the cookie of the entry */
	uint32_t entry_fn;
	/* the function */
	struct ir_build b;
	uint32_t fn;
	ref frame_arg;            /* callbacks: the frame */
	bool in_callback;
	struct flow flow;
	/* the frame and scratch of the entry function */
	uint32_t frame_slot, frame_size;
	bool has_frame;
	uint32_t v_scratch, v_bit;
	uint32_t scratch_top, scratch_max;
	bool scratch_used;
	/* the element that a map loop stands on, for $kv.0 and $kv.1 */
	struct loop_entry {
		struct var_sym *var;
		ref key, value;       /* pointers */
		uint32_t fn;
		ref map;
		struct loop_entry *up;
	} *entry;
	const struct call_chain *calls; /* around the place that is lowered */
	struct unwind_layout *unwind; /* NULL: not made yet, or not to be had */
	bool unwind_tried;
	bool failed;
};

#define LB (&l->b)

/* lower.c */
ref lower_header(struct lower *l, enum data_word w);            /* address of a header word */
ref lower_block(struct lower *l);                               /* this CPU's block */
ref lower_block_of(struct lower *l, ref cpu);                   /* another's; cpu < ncpus_pow2 */
void lower_count(struct lower *l, enum cpu_word w);             /* one more loss, in cold code */
ref lower_rodata(struct lower *l, const void *p, uint32_t n);   /* address of constant bytes (8-aligned, zero-padded to 8) */
ref lower_zeros(struct lower *l);
ref lower_ctx(struct lower *l);
ref lower_frame(struct lower *l);                               /* address of the frame */
ref lower_scratch(struct lower *l, uint32_t off);               /* address in the scratch area */
uint32_t lower_scratch_alloc(struct lower *l, uint32_t size);   /* offset; released by resetting scratch_top */
struct place lower_temp(struct lower *l, uint32_t size, uint32_t align, const char *name); /* stack if small, else scratch */
void lower_error(struct lower *l, struct span sp, const char *what);

uint32_t lower_rodata_off(struct lower *l, const void *p, uint32_t n);
/* The index of an attach point; the search begins at *cursor, which moves on. */
uint32_t lower_attach_index(struct lower *l, const struct attach_point *ap, uint32_t *cursor);
uint32_t lower_clause_fn(struct lower *l, const struct clause *cl, const struct attach_point *ap, uint32_t attach);

/* lower_fault.c: in cold code: count it, for the verdict and for the place; ret: what the helper returned, or NOREF */
enum fault {
	FAULT_UPDATE, FAULT_LOOKUP, FAULT_READ_KERNEL, FAULT_READ_USER, FAULT_READ_KERNEL_STR, FAULT_READ_USER_STR, FAULT_DIVIDE, FAULT_BOUNDS,
	FAULT_KSTACK, FAULT_USTACK
};
void lower_fault(struct lower *l, enum fault kind, ref ret);

/* lower_kernel.c */
/* A member of a kernel structure by its name, and where in the structure it lies; NULL: this kernel has none such. */
const struct field *lower_kernel_member(struct facts *f, const char *type, const char *name, uint32_t *ret_offset);
ref lower_kernel(struct lower *l, struct node *n);
void lower_kernel_into(struct lower *l, struct node *n, struct place dst);

/* lower_group.c */
bool lower_is_grouped(struct lower *l, const struct clause *cl);
/* Programs for those places of the clause that one raw tracepoint can serve; marks them in `done`. */
void lower_groups(struct lower *l, const struct clause *cl, const uint32_t *index, bool *done);
void lower_group_tests(struct lower *l, uint32_t leave); /* emits the choice of the attach point */
ref lower_func_arg(struct lower *l, int64_t n); /* lower_call.c: argument n of the traced function, in a trampoline */
/* lower_session.c */
ref lower_cookie(struct lower *l); /* the index of the attach point that the event is of */
uint32_t lower_session_partner(struct lower *l, uint32_t clause, const bool *taken); /* a later clause, or ~0u */
bool lower_session(struct lower *l, const struct clause *x, const struct clause *y); /* false: not these */

/* lower_usdt.c */
ref lower_usdt_arg(struct lower *l, int64_t n);
/* Do the places of this clause have their arguments in different places? Then the body must know which it is. */
bool lower_usdt_differs(const struct clause *cl);
ref lower_probe_number(struct lower *l);  /* `probe`, by the cookie */

/* lower_stmt.c */
void lower_stmt(struct lower *l, struct node *n);
/* Around a block that is the body of a macro or function: what calls it. */
const struct call_chain *lower_called(struct lower *l, const struct node *block);
void lower_inlined(struct lower *l, struct node *n);              /* the body of a function; its result is in n->a's variable */
void lower_condition(struct lower *l, struct node *n, uint32_t yes, uint32_t no);
void lower_count_assignments(struct lower *l, struct node *n);

/* lower_follow.c: children of the traced process */
void lower_follow(struct lower *l);                               /* the programs that keep account of them */
void lower_follow_test(struct lower *l, ref tgid, uint32_t go, uint32_t leave); /* of the current process; ends the block */

/* lower_args.c: arguments by name */
bool lower_is_raw_args(const struct lower *l);                    /* each is a word: of the context, or a register */
ref lower_raw_arg(struct lower *l, const struct field *f, const struct type *t);
bool lower_is_user_arg(const struct lower *l, const struct node *n); /* n: args.x in a uprobe */
ref lower_user_arg(struct lower *l, const struct field *f, const struct type *t);
struct place lower_user_arg_place(struct lower *l, const struct field *f);
struct place lower_user_args(struct lower *l, const struct type *t); /* all of them, together */
ref lower_stack_word(struct lower *l, int64_t n);                 /* above the return address, where a function begins */

/* lower_expr.c */
ref lower_scalar(struct lower *l, struct node *n);
void lower_cast_place(struct lower *l, struct place dst, const struct type *to, struct place src, const struct type *from);
void lower_into(struct lower *l, struct node *n, struct place dst); /* aggregates; dst: W_MEM, size of n->type */
void lower_store(struct lower *l, struct node *n, struct place dst); /* either kind */
/* x op y, where y was computed from nb (may be NULL); extended to `result`. */
ref lower_combine(struct lower *l, enum ast_op op, ref x, ref y, const struct type *tx, const struct type *ty,
		  const struct type *result, const struct node *nb);
void lower_discard(struct lower *l, struct node *n);
ref lower_func_ip(struct lower *l);
ref lower_register_word(struct lower *l, uint32_t n);               /* the n-th argument, by the calling convention */
uint32_t lower_register_count(void);                              /* registers for arguments */
ref lower_stack_pointer(struct lower *l);
ref lower_word_value(struct lower *l, ref word, const struct type *t); /* lower_args.c: what of a register belongs to a value */
ref lower_extend(struct lower *l, ref v, const struct type *t);   /* make the invariant true for t */
struct place lower_place(struct lower *l, struct node *n);        /* of an aggregate: where it is, or a temporary */
void lower_set_var(struct lower *l, struct var_sym *v, ref val);
ref lower_get_var(struct lower *l, struct var_sym *v);
struct place lower_var_place(struct lower *l, struct var_sym *v);
bool lower_is_value(const struct type *t);                        /* scalar */

/* lower_mem.c */
enum where lower_where(struct lower *l, ref ptr, enum addr_space as);
struct place lower_at(struct place p, int64_t off);
ref lower_address(struct lower *l, struct place p);               /* pointer or number, for helpers */
ref lower_read(struct lower *l, struct place p, const struct type *t, const struct field *bits);
void lower_write(struct lower *l, struct place p, const struct type *t, ref v);
void lower_copy(struct lower *l, struct place dst, struct place src, uint32_t size);
void lower_zero(struct lower *l, struct place dst, uint32_t size);
void lower_string_copy(struct lower *l, struct place dst, uint32_t dst_size, struct place src, uint32_t src_size);
void lower_literal(struct lower *l, struct place dst, uint32_t size, struct str text);
/* Read a string at a pointer into dst (size bytes): its length with the NUL, 0 when it could not be read. `pad`: zero the rest. */
ref lower_read_str(struct lower *l, struct place dst, uint32_t size, ref max, ref ptr, enum where w, bool pad);
ref lower_bytes_equal(struct lower *l, struct place x, struct place y, uint32_t n);
struct place lower_deref(struct lower *l, ref ptr, const struct type *ptr_type);

/* lower_map.c */
struct place lower_map_global(struct lower *l, const struct map_sym *m);
void lower_map_present(struct lower *l, const struct map_sym *m); /* an unkeyed value was written */
ref lower_key(struct lower *l, const struct map_sym *m, struct node *key);
ref lower_lookup(struct lower *l, const struct map_sym *m, struct node *key);
ref lower_map_read(struct lower *l, struct node *n);              /* scalar value of @m or @m[k] (not aggregations) */
void lower_map_read_into(struct lower *l, struct node *n, struct place dst);
void lower_map_assign(struct lower *l, struct node *target, struct node *value);
void lower_map_compound(struct lower *l, struct node *n);         /* @m op= v */
ref lower_map_incdec(struct lower *l, struct node *n, bool want);
void lower_map_agg(struct lower *l, struct node *target, struct node *call);
ref lower_map_sum(struct lower *l, struct node *n);               /* castable aggregation as an integer */
ref lower_entry_sum(struct lower *l, const struct map_sym *m, ref key); /* in a loop: by the element's key */
ref lower_map_delete(struct lower *l, struct node *map, struct node *key);
ref lower_map_has(struct lower *l, struct node *map, struct node *key);
ref lower_map_len(struct lower *l, struct node *map);

/* lower_call.c */
ref lower_builtin(struct lower *l, struct node *n);
ref lower_call(struct lower *l, struct node *n);                  /* scalar or no result */
void lower_call_into(struct lower *l, struct node *n, struct place dst);
ref lower_pid_tgid(struct lower *l, bool init_ns);
ref lower_reg(struct lower *l, int64_t off);                      /* a word of the registers, by its offset */
ref lower_ip(struct lower *l);                                    /* where the traced program is: the probe's address */

/* Where an integer or pointer argument points: its own address space, or that of the probe. */
enum where lower_arg_where(struct lower *l, const struct node *n, ref ptr);

/* lower_text.c */
bool lower_is_name(const struct node *n);                         /* strerror() and its like */
struct place lower_name_place(struct lower *l, struct node *n);
void lower_probe_name(struct lower *l, struct place dst, const struct type *t, uint32_t size, ref index); /* of an attach point, as a string */
ref lower_strstr(struct lower *l, struct node *n);
ref lower_memcmp(struct lower *l, struct node *n);
void lower_concat_into(struct lower *l, struct node *n, struct place dst);
ref lower_has_pinned(struct lower *l, struct node *n);
void lower_full_path_into(struct lower *l, struct node *n, struct place dst);
void lower_words_into(struct lower *l, struct node *n, struct place dst);
ref lower_find(struct lower *l, struct node *n);
ref lower_signal_call(struct lower *l, struct node *n);           /* lower_call.c */

/* lower_stack.c */
void lower_usym_into(struct lower *l, struct place dst, ref addr, ref place); /* lower_expr.c */
void lower_stack_into(struct lower *l, struct node *n, struct place dst);
/* Tell the reader of the process, unless it is known and nothing is new about it. */
void lower_process(struct lower *l, ref pid, ref is_new);
ref lower_stack_len(struct lower *l, struct node *n);             /* number of frames */

/* lower_unwind.c */
enum { UNWIND_FRAMES = 576 }; /* the walk's state, in front of the frames */
/* Walk the user's stack into the frames behind `state` (scratch memory); v_bytes: how much they are. Goes to `done`, or to `by_pointer` when the
 * frame pointers must do. false: nothing was emitted, this kernel cannot. */
bool lower_unwind(struct lower *l, ref state, uint32_t depth, uint32_t v_bytes, uint32_t done, uint32_t by_pointer);

/* lower_event.c */
/* A record of `size` bytes in the control ring: goes to `room` with its address, CONTROL_HEAD bytes in front of its payload, or to `full`. */
enum { CONTROL_HEAD = 8 };
ref lower_control(struct lower *l, enum event_kind k, uint32_t size, uint32_t room, uint32_t full);
void lower_control_submit(struct lower *l, ref record);
void lower_process_event(struct lower *l, ref pid);               /* "remember this process's mappings" */
/* A message of the run: `fmt` with at most one number. */
void lower_message(struct lower *l, struct node *n, enum event_kind k, struct str fmt, ref v);
void lower_debugf(struct lower *l, struct node *n);
void lower_printf(struct lower *l, struct node *n, enum event_kind k);
/* lower_seq.c: what a pinned iterator prints */
bool lower_is_pinned(const struct lower *l);
void lower_seq_printf(struct lower *l, struct node *n);
void lower_seq_print(struct lower *l, struct node *n);
void lower_print(struct lower *l, struct node *n);
void lower_map_event(struct lower *l, struct node *n, enum event_kind k);
void lower_rank(struct lower *l, struct node *n);
void lower_top(struct lower *l, struct node *n);
void lower_screen(struct lower *l, struct node *n);
void lower_time(struct lower *l, struct node *n);
void lower_join(struct lower *l, struct node *n);
/* Goes to `head` and begins a loop there, to which the body comes back. Where the kernel can bound a loop itself, the verifier need not see
 * its end, and looks at the body once; one that is cut short is counted, and goes on at `out`. */
void lower_loop(struct lower *l, uint32_t head, uint32_t out);
void lower_exit(struct lower *l, struct span span, ref code);
ref lower_packet(struct lower *l, struct node *n);                /* skboutput(): 0, or -errno in 32 bits */
void lower_unwatch(struct lower *l, struct node *n);
ref lower_strftime_id(struct lower *l, struct str fmt);

#endif
