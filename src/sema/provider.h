/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Probe types as the compiler sees them. Each provider is one file in probe/
 * filling one struct provider; tests use the same table with fixture facts.
 * The compiler gets the table as a parameter (struct sema_env), so that sema/
 * does not depend on probe/.
 */
#ifndef SONDE_SEMA_PROVIDER_H
#define SONDE_SEMA_PROVIDER_H

#include "sema/facts.h"

enum provider_id {
#define PROVIDER(id, name, aliases, doc) PROV_##id,
#include "sema/provider.def"
#undef PROVIDER
	PROV_COUNT
};

/*
 * Where an argument of a static probe is, as its note says (sym/usdt.c reads them): the sum of up to two registers and a number, or what
 * is in the traced program's memory at that sum.
 */
enum { USDT_MAX_ARGS = 32, USDT_MAX_SPECS = 64, USDT_NO_REG = -1 };
struct usdt_arg {
	int64_t disp;
	int16_t base, index;    /* where in struct pt_regs (bytes), or USDT_NO_REG */
	uint8_t shift;          /* the index counts 1 << shift times */
	uint8_t index_size;     /* 8; 4: only the index register's lower half, which is extended: */
	bool index_signed;
	bool by_ip;             /* the sum begins with the address of the probe */
	bool in_memory;
	uint8_t size;           /* of the value: 1, 2, 4, 8 */
	bool is_signed;
	const char *why;        /* it cannot be had: why; else NULL */
	struct str text;        /* as it is in the note */
};
struct usdt_spec {
	uint32_t n;
	struct usdt_arg args[];
};

/* A concrete place: one attach point after wildcard expansion. Its index in module.attaches is its cookie. */
struct attach_point {
	enum provider_id provider;
	struct str name;    /* the full expanded name: what `probe` prints */
	struct str target;  /* category, module, library path, unit, "signal"; resolved path for uprobes */
	struct str func;    /* event, function, symbol, signal name, iterator */
	uint64_t offset;    /* symbol + offset */
	uint64_t address;   /* absolute/file address where given or resolved (uprobe: file offset) */
	uint64_t event_id;  /* tracepoint id (0: not read yet); perf type config; signal number */
	uint64_t period;    /* ns for interval/profile by time; count for software/hardware; Hz with is_freq */
	bool is_freq;
	uint64_t count;     /* interval: the program ends when the clause has run so often; 0: it does not */
	uint32_t btf_id;    /* rawtracepoint, fentry, iter */
	struct str pin;     /* iter: the file to pin it to; or empty */
	struct span span;
	struct type *args;  /* T_STRUCT describing `args`, or NULL. Tracepoint: in the context record (field->offset). Raw
	                     * tracepoint, fentry: field i is the i-th u64 of the context, whatever its type. */
	struct type *ctx;   /* pointee of `ctx`, or NULL */
	struct type *retval;/* fexit */
	uint64_t cookie_ref_ctr; /* usdt semaphore offset */
	const struct usdt_spec *usdt; /* usdt: its arguments; places of one file with the same ones have the same spec */
	uint32_t number;    /* what `probe` is: the index of the first attach point of this name; sema's */
	struct facts_program program; /* fentry:bpf; id 0: none */
	uint64_t entry;     /* uprobe: the address as the file's symbols count; 0: not the entry of a function */
	uint32_t root_len;  /* uprobe: how much of `target` is the root of the process's file system */
	bool many;          /* uprobe: one of those that a pattern matches */
	const char *args_why, *retval_why; /* why there are no `args`, no `retval` of a known type; NULL: no reason to complain */
	bool is_ours;       /* not of the program: --follow's */
	bool in_module;     /* kernel function: `target` is the module */
	uint8_t want;       /* enum attach_want */
	const char *why;    /* kernel function: why it is fentry, or why not; NULL: not asked */
};

/* How kernel functions shall be attached: config key `attach`. */
enum attach_want { WANT_AUTO, WANT_KPROBE, WANT_MULTI, WANT_FENTRY };

/* What a body looks at, as far as its words say. */
struct provider_use {
	bool args, retval;
	bool inside;        /* retval.x, *retval, retval[i] */
	bool regs;          /* the registers, the context as a whole, a stack: what only a breakpoint's program has */
	uint32_t argn;      /* bit n: argN */
	bool uaddr;         /* symbols of the file: each place has its own distance to them */
};

enum access {                /* what a clause may use, bits */
	ACC_ARGS = 1,        /* args.x */
	ACC_ARGN = 2,        /* arg0.. from registers (pt_regs) */
	ACC_RETVAL = 4,
	ACC_CTX = 8,
	ACC_FUNC = 16,
	ACC_REG = 32,
	ACC_ARGN_CTX = 64,   /* arg0.. as u64 words of the context (rawtracepoint) */
	ACC_RETVAL_CTX = 128,
};

struct provider_env {
	struct facts *facts;
	struct diags *diags;
	struct arena *arena;
	const struct provider_use *use; /* load_args: what the body looks at */
	int pid;             /* -p, or -c's child; 0 = none */
	const char *program; /* -c: the file that the child will execute, which it does not run yet; else NULL */
	bool unsafe;
	int missing_probes;  /* 0 error, 1 warn, 2 ignore */
	enum attach_want attach;
	uint32_t max_probes; /* more than these will be refused: no need to look at them closely. 0 = no bound */
	void *impl;          /* probe/'s own context (symbol readers), may be NULL */
};
typedef void attach_each(void *arg, struct attach_point *ap);

struct provider_symbol {
	uint64_t addr, size; /* as the file's symbols count */
	uint64_t place;      /* of the probe itself, in the same way */
	bool moves;          /* where the file is loaded, is known at run time only */
};

struct provider {
	enum provider_id id;
	const char *name, *aliases, *doc;
	uint32_t prog_type;       /* BPF_PROG_TYPE_* */
	uint32_t attach_type;     /* expected_attach_type, or 0 */
	uint32_t access;          /* enum access */
	enum addr_space ptr_as;   /* address space of its pointers and integers used as such */
	bool has_pt_regs;         /* ctx is struct pt_regs * (or perf event data with regs first) */
	/* Parse and expand the parts after the provider name ("syscalls", "sys_enter_*"): calls `each` for every concrete
	 * place, in a stable order; reports what is wrong at `span`. Returns the number of places or -errno (reported). */
	int (*expand)(const struct provider *, struct provider_env *, const struct str *parts, uint32_t n_parts,
		      struct span span, attach_each *each, void *arg);
	/* Fill ap->args, ap->ctx, ap->retval: asked for only when a body looks at them, because it may cost the reading of a
	 * format file or of BTF per place. false: there is nothing to be known. NULL: `expand` has filled what there is. */
	bool (*load_args)(const struct provider *, struct provider_env *, struct attach_point *);
	/* A cheaper provider that means the same for this single place and this body (it has the same id and name), or NULL; ap->why says
	 * why. Reports when the user demands what is not to be had. May be NULL. */
	const struct provider *(*better)(const struct provider *, struct provider_env *, struct attach_point *, const struct provider_use *);
	/* uaddr(): a symbol of any kind in the file of the place. False: there is none. NULL: such probes have no file. */
	bool (*symbol)(const struct provider *, struct provider_env *, const struct attach_point *, struct str name, struct provider_symbol *ret);
	bool args_by_helper; /* `args`, too, come by bpf_get_func_arg: the kernel does not know their types */
	/* A type of the probed program: struct ('s'), union, enum, typedef ('t') by name, 0: any. NULL: none. May be NULL. */
	struct type *(*type)(const struct provider *, struct provider_env *, const struct attach_point *, char keyword, struct str name);
	/* A constant of one of its enums. May be NULL. */
	bool (*constant)(const struct provider *, struct provider_env *, const struct attach_point *, struct str name, int64_t *ret,
			 struct type **ret_enum);
	bool typed;         /* the program is typed by BTF: its context is an array of u64 words, one program for each place */
};

struct provider_table {
	const struct provider *const *v;
	uint32_t n;
};
const struct provider *provider_find(const struct provider_table *t, struct str name_or_alias); /* sema/provider.c */

#endif
