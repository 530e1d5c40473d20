/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A module: everything that compilation produces and the runtime needs.
 * Filled by lower*.c from the typed tree; run/ creates the maps, loads the
 * programs that bpf/ makes from the functions, attaches the probes, and
 * decodes records by the event table. Lives in the compilation's arena.
 *
 * The data map. One BPF array map with one mmapable element ("data", always
 * map 0) holds everything that needs no hashing, at fixed offsets, so that a
 * program reaches it without a helper call or a null test (MAPVAL) and the
 * reader without a system call:
 *
 *   [ header | read-only constants | global values of unkeyed maps | per-CPU blocks, one each cpu_stride ]
 *
 * A per-CPU block (at percpu_off + cpu * cpu_stride, cpu < ncpus_pow2) holds
 * loss counters, the unkeyed per-CPU aggregations, then SCRATCH_SLOTS scratch
 * areas. A program that needs scratch claims a slot by an atomic or on the
 * block's `claim` word (any nesting and preemption is then safe) and frees it
 * on every way out; when all are taken it counts a `skip` and returns.
 */
#ifndef SONDE_IR_MODULE_H
#define SONDE_IR_MODULE_H

#include "ir/ir.h"
#include "sema/sema.h"
#include "sema/type.h"

#define SCRATCH_SLOTS 4

/* data map header, at offset 0 (u64 each; written by the runtime before begin probes) */
enum data_word {
	DW_START_NS, /* boot time when the run began, for elapsed */
	DW_PID,      /* -p or child: the tgid to keep, 0 = all */
	DW_SELF_PID,
	DW_EXITING,  /* set by exit(): later events return at once */
	DW_CPID,     /* pid of the -c child, or 0 */
	DW_TAI_DELTA,/* CLOCK_TAI - CLOCK_BOOTTIME, ns */
	DW_NSDEV, DW_NSINO, /* our pid namespace, 0 = initial one */
	DW_RESULT,   /* what a test: or bench: probe returned */
	DW_ZERO,     /* always 0: a number that the verifier does not know */
	DW_COUNT
};
/* per-CPU block: loss counters first (u64 each; summed over CPUs for the verdict) */
enum cpu_word {
	CW_CLAIM,     /* bit i: scratch slot i is in use */
	CW_RING_FULL, /* events that did not fit the ring */
	CW_MAP_FULL,  /* updates refused by a full map */
	CW_USER_READ, /* failed reads of user memory */
	CW_KERN_READ, /* failed reads of kernel memory */
	CW_SKIP,      /* events skipped: no scratch slot free (nesting too deep) */
	CW_DIV_ZERO,  /* divisions by zero (result 1) */
	CW_LOOP,      /* loops that the kernel's bound cut short */
	CW_OOB,       /* array index out of bounds (result 0) */
	CW_STACK,     /* stacks that could not be walked, or not be kept: their map is full */
	CW_UNWIND,    /* user stacks walked by frame pointers because a file's unwind table was not there yet */
	CW_CUT,       /* user stacks cut short: their memory could not be read */
	CW_FOLLOW,    /* children of traced processes that are not traced: the map of them is full */
	CW_SENT,      /* bytes given to the ring, for batching wake-ups (not a loss) */
	CW_COUNT = 16
};

enum module_map_kind {
	MM_DATA,        /* the data map (array, mmapable) */
	MM_RING,        /* ring of events */
	MM_CONTROL,     /* small ring: exit, and what must not be lost */
	MM_HASH,        /* keyed map */
	MM_LRU_HASH,
	MM_PERCPU_HASH, /* keyed aggregation */
	MM_LRU_PERCPU_HASH,
	MM_STACK,       /* frames by id (type.h), u64 each, zeros behind the last; one for each depth; a hash */
	MM_UNWIND_RULES, MM_UNWIND_WORDS, MM_UNWIND_FILES, /* tables for user stacks: unwind.h */
	MM_PACKETS,     /* buffers of packets: perf events by CPU */
	MM_PINNED,      /* somebody else's hash with keys of 8 bytes, whose path is `name`; only looked up */
	MM_GLOBAL,      /* unkeyed map, a region of the data map at `offset` (not a kernel map) */
	MM_PERCPU,      /* unkeyed aggregation, in every per-CPU block at `offset` (not a kernel map) */
};

struct module_map {
	enum module_map_kind kind;
	struct str name;        /* with the '@'; empty for internal ones */
	struct type *key;       /* NULL when unkeyed */
	struct type *value;     /* agg types: layout in type.h (agg_layout) */
	uint32_t key_size, value_size; /* bytes; value_size rounded up to 8 */
	uint32_t max_entries;
	uint32_t offset;        /* MM_GLOBAL: in the data map, with a word behind the value: was it ever written? MM_PERCPU: in the block */
	bool by_name_only;      /* never printed at exit */
	struct span span;       /* MM_PINNED: where it is named */
};

/* What a ring record means. Record: struct { u32 event; u32 len; } then the payload; `len` is the
 * number of payload bytes. */
enum event_kind {
	EV_PRINTF, EV_ERRORF, EV_WARNF, /* args formatted by fmt */
	EV_ROW,        /* args by fmt, a list of columns (sema.h) */
	EV_RANK,       /* the same, behind args[0], the key: kept for EV_TABLE */
	EV_TABLE,      /* payload: u64 rows, 0 = all; map = index of the EV_RANK that gives the header, or UINT32_MAX */
	EV_SCREEN,
	EV_PRINT,      /* print(value): one arg */
	EV_PRINT_MAP,  /* map, top, div */
	EV_PRINT_ELEM, /* print(@m[k]) where value is an aggregation: payload = key; args[0] = key type */
	EV_CLEAR, EV_ZERO, /* map */
	EV_TIME,       /* fmt (strftime of now) */
	EV_JOIN,       /* fmt = delimiter; payload: packed strings, each NUL-terminated */
	EV_CAT, EV_SYSTEM, /* fmt + args */
	EV_EXIT,       /* payload: s64 code; sent on the control ring */
	EV_PROCESS,    /* payload: u64 pid; a new user stack or a new process with one: its mappings are remembered; control ring */
	EV_UNWIND,     /* payload: struct unwind_ask: a file whose unwind table is missing; control ring */
	EV_PACKET,      /* fmt = path of a capture file; payload: struct packet_head, then the packet; by a perf event */
	EV_UNWATCH,     /* payload: u64 address; control ring */
	EV_RUNTIME,    /* no event of a ring: what out/ is told of a fault */
};
/* The calls of macros and functions around a place, from within. */
struct call_chain {
	struct span call;
	const struct call_chain *up;
};
/* A place where a program may fail (lower_fault.c). */
struct module_fault {
	struct span span;
	const char *message;  /* NULL: that of the error number */
	const char *helper;   /* NULL: none */
	const struct call_chain *calls;
	uint32_t offset;      /* in the globals: u64 times, s64 what the helper returned last */
	bool told;            /* run/: already said */
};
struct packet_head {
	uint64_t boot_ns;
	uint32_t captured, offset; /* bytes that follow; how many of them the file leaves out */
	uint32_t wanted, pad;      /* `captured`, were there no largest record */
};
struct event_arg {
	struct type *type;
	uint32_t offset; /* of the value in the payload; strings with `packed`: of a u16 length, see below */
	bool trusted;    /* a literal of the script: printed unescaped */
	bool packed;     /* the bytes lie in the tail, in argument order, each `u16 at offset` long (NUL included) */
};
struct event {
	enum event_kind kind;
	struct str fmt;
	VEC(struct event_arg) args;
	uint32_t fixed_size; /* of the payload before packed strings */
	uint32_t map;        /* index in module.maps */
	uint32_t top, div;   /* 0 = not given */
	struct sort_column by; /* EV_PRINT_MAP */
	struct str section;  /* PRINT_MAP of a histogram with its unit in fmt: what its keys are */
	struct span span;
	const struct call_chain *calls;
};

/* One BPF program and where it is attached. */
struct module_prog {
	uint32_t fn;             /* entry function in module.funcs */
	uint32_t clause;         /* index in the program's clauses (source order) */
	VEC(uint32_t) attach;    /* indices in module.attaches; several when one program serves many */
	uint32_t prog_type;      /* BPF_PROG_TYPE_* */
	uint32_t attach_type;    /* BPF_TRACE_ITER etc., 0 = none */
	uint32_t btf_id;         /* attach_btf_id, 0 = none */
	struct span span;
	uint32_t n_returns;      /* a session: so many of `attach`, behind as many entries, are the returns of the same functions */
	struct span return_span;
};
struct attach_point; /* sema/provider.h: resolved attach point, one per concrete probe */

struct module {
	struct arena *arena;
	VEC(struct func *) funcs; /* index = FNREF/CALLFN imm; [0] unused */
	VEC(struct module_map) maps; /* [0] data, [1] ring, [2] control */
	VEC(struct event) events;
	VEC(struct module_fault) faults;
	VEC(struct module_prog) progs; /* begin, then attached ones, then end; source order within */
	VEC(struct attach_point *) attaches; /* index = attach cookie; rendered for `probe` */
	VEC(struct str) strings;  /* interned constants: offset in rodata below */
	struct buf rodata;        /* bytes of the constants region */
	uint32_t rodata_off;      /* = DW_COUNT * 8 rounded up to 64 */
	uint32_t globals_off, globals_size;
	uint32_t percpu_off, cpu_stride, ncpus_pow2; /* cpu_stride: multiple of 64 */
	uint32_t scratch_off, scratch_size; /* in the block; one slot's size (multiple of 64); 0 = none used */
	uint32_t data_size;
	uint32_t max_strlen;
	uint32_t follow_map;      /* processes that are traced as children of one, by number (of the initial namespace); 0: there is none */
	const char *license;
	uint32_t key_fn;          /* function for a raw tracepoint's program: the key (unwind.h) of the file mapped at ctx[0]; 0: there is none */
};

#endif
