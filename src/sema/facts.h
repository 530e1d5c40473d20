/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the compiler knows of a kernel: types, functions, tracepoints,
 * features. Implemented by kern/facts.c for the running machine and by a
 * pinned fixture for tests, so that the compiler runs without either.
 * Types that come back are arena objects, completed lazily.
 */
#ifndef SONDE_SEMA_FACTS_H
#define SONDE_SEMA_FACTS_H

#include "sema/type.h"

enum feature {
#define FEATURE(id, name, doc) FEAT_##id,
#include "sema/feature.def"
#undef FEATURE
	FEAT_COUNT
};

struct facts;
struct facts_param { struct str name; struct type *type; const char *text; /* as C writes it; NULL unless facts.texts */ };
struct facts_func {
	struct str name;
	uint32_t btf_id;
	struct type *ret;
	const char *ret_text;
	VEC(struct facts_param) params;
	bool variadic;
	struct str module;   /* empty: the kernel itself */
};
/* A function of a BPF program that is loaded in the kernel. */
struct facts_program {
	uint32_t id, btf, type; /* numbers of the program, of its BTF object (0: it has none), of the function's type there */
	struct str name;
};
struct facts_place { uint32_t prog_type, attach_type, btf_id; };
struct facts_ops {
	/* keyword: 's' struct, 'u' union, 'e' enum, 't' typedef or base type, 0 any. NULL if unknown. */
	struct type *(*type)(struct facts *, char keyword, struct str name);
	/* Fill fields/values/size of an incomplete T_STRUCT or T_ENUM. false if impossible. */
	bool (*complete)(struct facts *, struct type *);
	/* Constant of any enum; false if unknown. */
	bool (*enum_value)(struct facts *, struct str name, int64_t *ret, struct type **ret_enum);
	/* Fields of a tracepoint's record as a T_STRUCT named "tracepoint:cat:event_args"; offsets within the record.
	 * Without common_ fields. NULL if there is none. ret_id: the event's numeric id. */
	struct type *(*tracepoint)(struct facts *, struct str category, struct str event, uint64_t *ret_id);
	/* Arguments of a raw tracepoint (btf_trace_<event>), without the leading data pointer. module: empty or "vmlinux" for the kernel itself. */
	const struct facts_func *(*raw_tracepoint)(struct facts *, struct str module, struct str event);
	/* A kernel function by BTF. module: empty or "vmlinux" for the kernel itself. */
	const struct facts_func *(*function)(struct facts *, struct str module, struct str name);
	/* Would `function` find it? Much cheaper, for lists. */
	bool (*describes)(struct facts *, struct str module, struct str name);
	/* The context struct of an iterator ("task" -> bpf_iter__task) and the BTF id of its bpf_iter_task function. */
	struct type *(*iter)(struct facts *, struct str name, uint32_t *ret_btf_id);
	/* Names that match; provider-specific: "cat:event" for tracepoints, functions for kprobe, or "module:function" when the pattern has a
	 * colon ("vmlinux" being the kernel itself), raw tracepoints likewise, ... Calls `each` for every match. */
	int (*list)(struct facts *, int provider, const char *pattern, void (*each)(void *arg, const char *name), void *arg);
	/* Names of the types of one kind ('s', 'u', 'e') that match, each once. May be NULL. */
	void (*types)(struct facts *, char keyword, const char *pattern, void (*each)(void *arg, const char *name), void *arg);
	bool (*has)(struct facts *, enum feature);
	/* May a program there call the kernel's function? May be NULL: none may. */
	bool (*kfunc_allowed)(struct facts *, struct str name, const struct facts_place *);
	/* The file of a uprobe: does it lie at a fixed address? Its inode; false: no such file. May be NULL. */
	bool (*elf)(struct facts *, struct str path, bool *ret_fixed, uint64_t *ret_inode);
	bool (*switched_off)(struct facts *, enum feature); /* by the user, not by the kernel. May be NULL. */
	uint64_t (*kaddr)(struct facts *, struct str symbol); /* 0 if unknown */
	/* The id of the cgroup (a directory of cgroup v2), as `cgroup` gives it; 0 if there is none. May be NULL. */
	uint64_t (*cgroup)(struct facts *, struct str path);
	/* Number of the system call of sys_enter_<function>, or -1 when unknown. May be NULL. */
	int (*syscall)(struct facts *, struct str function);
	/* Can the function be traced at its entry? 1, 0, or -1 when the kernel does not tell. module: empty = any; *ret_module: empty = the
	 * kernel itself. May be NULL. */
	int (*traceable)(struct facts *, struct str module, struct str name, struct str *ret_module);
	/* Why the kernel takes no typed program (fentry, fexit) on the function, or NULL when it does. May be NULL. */
	const char *(*fentry_refusal)(struct facts *, const struct facts_func *, bool at_return);
	/* The functions of all BPF programs; 0 or -errno. All three may be NULL. */
	int (*programs)(struct facts *, void (*each)(void *arg, const struct facts_program *), void *arg);
	const struct facts_func *(*program_function)(struct facts *, const struct facts_program *);
	const char *(*program_refusal)(struct facts *, const struct facts_program *, bool at_return); /* as fentry_refusal */
};
struct facts {
	const struct facts_ops *ops;
	struct arena *arena;
	struct type *void_type; /* shared; for implementers */
	bool texts;             /* lists: declarations as the kernel's source has them, too */
};

#endif
