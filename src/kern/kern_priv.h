/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of kern/ share. Each part can be opened from memory or from any path, so that tests need no kernel. */
#ifndef SONDE_KERN_PRIV_H
#define SONDE_KERN_PRIV_H

#include "base/map.h"
#include "kern/kern.h"

/* --- btf.c: BTF read in place --- */
enum kbtf_kind {
	KB_VOID, KB_INT, KB_PTR, KB_ARRAY, KB_STRUCT, KB_UNION, KB_ENUM, KB_FWD, KB_TYPEDEF, KB_VOLATILE, KB_CONST, KB_RESTRICT,
	KB_FUNC, KB_FUNC_PROTO, KB_VAR, KB_DATASEC, KB_FLOAT, KB_DECL_TAG, KB_TYPE_TAG, KB_ENUM64, KB_COUNT
};
struct kbtf_type { /* a record's head, as it lies in the blob */
	uint32_t name_off, info, size_or_type;
};
struct kbtf {
	struct arena *arena;
	struct facts *facts;        /* for its void_type */
	struct map *named;          /* "s:name", "e:name" -> types made by name before BTF was read; may be NULL */
	void *map;                  /* munmap() this, or NULL */
	size_t map_len;
	const unsigned char *types;
	const char *strs;
	uint32_t types_len, strs_len;
	uint32_t n;                 /* ids are 1 .. n-1 */
	uint32_t base_n, base_strs; /* of the kernel itself, before modules were appended */
	uint32_t *off;              /* places of some records: see kbtf_rec() */
	uint32_t *head, *next;      /* names: chains of ids by hash */
	uint32_t mask;
	bool has_functions;         /* functions are on the chains, too */
	VEC(uint32_t) enums;
	struct type **made;         /* id -> type, once made */
	struct type *func_type;
	struct map values;          /* enum_value's memory: name -> struct kbtf_value */
};
/* Read BTF that the caller keeps alive (8-byte alignment is not needed). NULL with *ret_why. */
struct kbtf *kbtf_open_mem(struct facts *f, struct map *named, const void *blob, size_t len, const char **ret_why);
struct kbtf *kbtf_open_path(struct facts *f, struct map *named, const char *path, const char **ret_why);
void kbtf_close(struct kbtf *b);
/* Words of BTF records, and the parts of their second one. */
static inline uint32_t rd32(const void *p)
{
	uint32_t v;
	memcpy(&v, p, 4);
	return v;
}
static inline uint32_t info_kind(uint32_t info)
{
	return (info >> 24) & 0x1f;
}
static inline uint32_t info_vlen(uint32_t info)
{
	return info & 0xffff;
}
static inline bool info_flag(uint32_t info)
{
	return info >> 31;
}
bool kbtf_rec(const struct kbtf *b, uint32_t id, struct kbtf_type *ret, const unsigned char **ret_more);
uint32_t kbtf_kind(const struct kbtf *b, uint32_t id);
const char *kbtf_name(const struct kbtf *b, uint32_t id); /* never NULL */
/* The first type of that name whose kind is in the set (1 << KB_...); 0 if there is none. */
uint32_t kbtf_find(struct kbtf *b, uint32_t kinds, struct str name);
uint32_t kbtf_find_in(struct kbtf *b, uint32_t kinds, struct str name, uint32_t first, uint32_t end); /* ids in [first, end) */
/* The type of an id: typedefs and qualifiers stripped, structs and enums incomplete. Never NULL. */
struct type *kbtf_make(struct kbtf *b, uint32_t id);
bool kbtf_complete(struct kbtf *b, struct type *t);
/* Names that match of the types whose kind is in the set, each once. */
void kbtf_names(struct kbtf *b, uint32_t kinds, const char *pattern, void (*each)(void *arg, const char *name), void *arg);
bool kbtf_enum_value(struct kbtf *b, struct str name, int64_t *ret, struct type **ret_enum);
/* The function prototype behind an id (FUNC, or typedef of a pointer to one), without its first `skip` parameters. Nameless
 * parameters are arg0, arg1, ... NULL if there is no prototype. */
struct facts_func *kbtf_func(struct kbtf *b, uint32_t id, uint32_t skip);
int64_t kbtf_extra(uint32_t info); /* bytes that follow a record's head; negative: no such kind */
bool kbtf_reindex(struct kbtf *b, const struct kbtf *before); /* types and strings have grown; false: damaged */

/* --- declare.c: types as C writes them --- */
const char *kbtf_declare(struct kbtf *b, uint32_t id, const char *name); /* "struct dentry *d", "char comm[16]" */
const char *kbtf_param(struct kbtf *b, uint32_t id, const char *name);   /* the type, a blank, the name: "struct dentry * d" */

/* --- split.c: modules --- */
/* The types of a module, or of BTF that is whole by itself, behind those that are there: their ids are its own plus *ret_shift. False: damaged. */
bool kbtf_append(struct kbtf *b, const void *blob, size_t len, bool by_itself, uint32_t *ret_shift);

/* --- program.c: BPF programs --- */
int facts_programs(struct facts *f, void (*each)(void *arg, const struct facts_program *), void *arg);
const struct facts_func *facts_program_function(struct facts *f, const struct facts_program *p);

/* --- function.c: functions that can be traced --- */
struct kfunc {
	const char *name;
	uint16_t module; /* in modules; 0: the kernel itself */
};
struct kfuncs {
	struct arena *arena;
	VEC(const char *) modules;
	VEC(struct kfunc) list; /* by name */
};
struct kfuncs *kfuncs_parse(struct arena *a, char *text);
uint32_t kfuncs_find(const struct kfuncs *f, const char *name); /* the first of that name, or list.n */
const struct kfuncs *kern_functions(struct kern *k);            /* NULL: the kernel does not tell */
bool kern_functions_list(struct kern *k, const char *pattern, void (*each)(void *arg, const char *name), void *arg);
int facts_traceable(struct facts *f, struct str module, struct str name, struct str *ret_module);

/* --- ctype.c: C type names that need no BTF --- */
struct type *ctype_base(struct arena *a, struct str name); /* "unsigned long", "u32", "pid_t"; NULL if unknown */
struct str ctype_btf_name(struct str name);               /* "unsigned long" as BTF spells it: "long unsigned int" */

/* --- format.c: tracefs' description of an event --- */
struct format_env {
	struct arena *arena;
	struct facts *facts;
	/* The type of "struct x" ('s'), "union x" ('u'), "enum x" ('e'), made by name without asking whether it exists, or of a
	 * typedef ('t'), which may be NULL. */
	struct type *(*named)(void *arg, char keyword, struct str name);
	void *arg;
};
/* NULL when the text describes no event. Lines that make no sense are left out. */
struct type *format_parse(const struct format_env *e, struct str text, const char *type_name, uint64_t *ret_id);

/* --- kallsyms.c --- */
struct ksyms;
struct ksyms *ksyms_open(const char *path); /* NULL: unreadable or no memory */
void ksyms_close(struct ksyms *s);
bool ksyms_restricted(const struct ksyms *s); /* every address is hidden (kptr_restrict) */
uint64_t ksyms_address(const struct ksyms *s, const char *name);
const char *ksyms_name(const struct ksyms *s, uint64_t addr, uint64_t *ret_offset, const char **ret_module);
/* Names of functions (type t, T, w, W), in order of address. */
int ksyms_functions(const struct ksyms *s, void (*each)(void *arg, const char *name), void *arg);

/* --- syscall.c --- */
int kern_syscall_number(struct str function); /* of sys_enter_<function>, or -1 */

/* --- tracefs.c --- */
/* The mount point of a file system type in a text like /proc/self/mounts, escapes undone; NULL if it is not mounted. */
const char *tracefs_find(struct arena *a, struct str mounts, const char *fstype);

/* --- fixture.c --- */
struct fixture {
	const void *btf;
	uint32_t btf_len;
	struct map events; /* "cat:event" -> struct str * */
	struct map kaddrs; /* name -> uint64_t * */
	struct str traceable; /* as tracefs would say it; empty: not known */
	bool has[FEAT_COUNT];
};
struct fixture *fixture_parse(struct arena *a, struct str text, const char **ret_err);

/* --- facts.c --- */
enum { FEATURE_OFF = -2 };
struct kern {
	struct facts facts; /* first: a struct facts * is a struct kern * */
	struct arena *arena;
	const struct fixture *fixture; /* instead of the running kernel */
	struct kbtf *btf;
	int fentry_err;        /* why FEAT_FENTRY is not there */
	const char *btf_why;
	bool btf_tried, tracefs_tried, syms_tried, kfuncs_tried;
	struct kfuncs *kfuncs;
	const char *traceable; /* the file to read instead of tracefs' list, or NULL */
	struct map programs; /* number of a BTF object -> struct kern_program */
	struct map modules; /* name -> struct kern_module, whose BTF has been appended or is not to be had */
	const char *tracefs, *tracefs_why;
	struct ksyms *syms;
	struct map named, events, raws, funcs;
	struct map allowed;    /* kfunc and kind of program -> 1 yes, 2 no */
	int8_t has[FEAT_COUNT]; /* 0 not probed, 1 yes, -1 no, FEATURE_OFF: the user does not want it */
};
void facts_init(struct kern *k, struct arena *a);
bool is_event_name(struct str s); /* it may be a folder in tracefs: no way out of there */
struct type *facts_iter(struct facts *f, struct str name, uint32_t *ret_btf_id);
/* Words in the BTF of a module that begin so, each with the rest of it: nothing is made of it, so it costs the reading of the file. */
void facts_words(struct kern *k, const char *module, const char *prefix, void (*each)(void *arg, const char *rest), void *arg);

/* --- names.c --- */
int facts_list(struct facts *f, int provider, const char *pattern, void (*each)(void *arg, const char *name), void *arg);

/* --- and of all of them --- */
struct kbtf *kern_btf(struct kern *k); /* opened on first use; NULL when the kernel has none */
bool feature_probe(struct kern *k, enum feature f);
bool redzone_is_overwritten(void);                                              /* redzone.c */
const char *fentry_refusal(struct kern *k);                                     /* feature.c: why there is none at all */
bool kfunc_trial(const struct facts_func *fn, const struct facts_place *p); /* feature.c: may such a program call it? */
const char *fentry_trial(const struct facts_func *fn, bool at_return); /* feature.c: NULL, or why not this function */

const char *program_trial(const struct facts_program *p, bool at_return); /* the same for a function of a BPF program */

/* A whole small file (procfs, sysfs, tracefs: no size known) into memory, NUL-terminated. NULL if unreadable or longer than max. */
char *kern_read_file(struct arena *a, const char *path, size_t max, size_t *ret_len);

#endif
