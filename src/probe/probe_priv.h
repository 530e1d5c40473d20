/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of probe/ share. */
#ifndef SONDE_PROBE_PRIV_H
#define SONDE_PROBE_PRIV_H

#include <linux/bpf.h>

#include "probe/probe.h"

/* Newer than the oldest headers that we build with. */
enum { TYPE_TRACE_RAW_TP = 23, TYPE_TRACE_FENTRY = 24, TYPE_TRACE_FEXIT = 25, TYPE_TRACE_ITER = 28, TYPE_KPROBE_MULTI = 42,
       TYPE_UPROBE_MULTI = 48, TYPE_KPROBE_SESSION = 56 };

extern const struct provider provider_begin, provider_end, provider_self, provider_tracepoint, provider_rawtracepoint,
	provider_kprobe, provider_kretprobe, provider_fentry, provider_fexit, provider_uprobe, provider_uretprobe, provider_usdt,
	provider_profile, provider_interval, provider_software, provider_hardware, provider_watchpoint, provider_iter, provider_test,
	provider_bench;

/* -- parts.c: what providers do with the parts of an attach point -- */
/* The number of parts must be in [min, max], else it is reported. */
bool parts_count(const struct provider *p, struct provider_env *env, uint32_t n, uint32_t min, uint32_t max, struct span span);
/* Decimal, 0x hexadecimal, 0 octal, `_` between digits, exponents as in the language (1e6): the whole text, 64 bits. */
bool parts_number(struct str s, uint64_t *ret);
bool parts_has_wildcard(struct str s);
/* "hz:99", "ms:10", "10ms": the period in nanoseconds (or Hz), the name "unit:number". Reported when wrong. */
struct parts_timer { uint64_t period; bool is_freq; const char *name; };
bool parts_timer(const struct provider *p, struct provider_env *env, const struct str *parts, uint32_t n, struct span span,
		 struct parts_timer *ret);
/* `expand` of the timers: one place, named with its provider's full name. */
int parts_expand_timer(const struct provider *p, struct provider_env *env, const struct str *parts, uint32_t n, struct span span,
		       attach_each *each, void *arg);
int parts_bad(struct provider_env *env, struct span span, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void parts_warn(struct provider_env *env, struct span span, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
struct attach_point *parts_place(struct provider_env *env, const struct provider *p, struct span span);
/* Names of facts->list, sorted, each once. */
struct parts_names { struct arena *a; VEC(const char *) list; };
int parts_list(struct facts *f, struct arena *a, enum provider_id id, const char *pattern, struct parts_names *ret);
void parts_sort(struct parts_names *n);
/* The context of programs that get registers, or a perf event's. */
bool parts_load_regs(const struct provider *p, struct provider_env *env, struct attach_point *ap);
bool parts_load_perf(const struct provider *p, struct provider_env *env, struct attach_point *ap);

/* -- target.c: which files does a probe on programs mean? -- */
struct target_file {
	const char *shown; /* as the traced process knows it */
	const char *path;  /* to open, perhaps under /proc/PID/root, or in /proc/PID/map_files */
	uint32_t root_len; /* how much of `path` is the root that the process has; 0: none, or one that the file is no longer in */
	uint64_t dev, ino; /* of the file as its name leads to it */
};
struct target_files { VEC(struct target_file) list; };
/* A path, a program in PATH, a library's short name, a pattern of paths; "" or "*": whatever the process of -p (without it: any process)
 * has mapped. 0, or -errno when the target is wrong or named in full and not there (reported). Each file once. */
int target_find(const struct provider *p, struct provider_env *env, struct str target, struct span span, struct target_files *ret);
/* Says why the file cannot be probed: it is not ELF (-ENOEXEC), of 32 bits, for another processor, not readable. Returns -errno. */
int target_refuse(const struct provider *p, struct provider_env *env, struct span span, const struct target_file *file, int err);

/* -- abi.c: arguments of user functions -- */
struct sym_func;
/* `args`: a field for each parameter. Offsets are in words: the registers for arguments first, then the caller's stack above the return
 * address (ir/lower_user.c reads them so). What cannot be read has field.absent. */
struct type *abi_args(struct arena *a, struct facts *facts, const struct sym_func *fn);
/* The type of the register that holds the result: a number or pointer; of a struct that is returned in memory, a pointer to it. NULL:
 * none of these; *ret_why: what is in the register is not the result. */
struct type *abi_retval(struct arena *a, struct facts *facts, const struct sym_func *fn, const char **ret_why);

/* -- debug.c: what debug information says of a place in a program -- */
struct sym_dwarf;
struct sym_dwarf *debug_open(struct provider_env *env, const char *root, const char *path, const char **ret_why); /* NULL: none, and why */
struct type *debug_type(const struct provider *p, struct provider_env *env, const struct attach_point *ap, char keyword, struct str name);
bool debug_constant(const struct provider *p, struct provider_env *env, const struct attach_point *ap, struct str name, int64_t *ret,
		    struct type **ret_enum);
/* For listings: the parameters as a struct, NULL if nothing is known of them; *ret_retval: what is returned, NULL likewise. */
struct type *debug_describe(struct provider_env *env, struct attach_point *ap, struct type **ret_retval);
bool debug_load_args(const struct provider *p, struct provider_env *env, struct attach_point *ap);

/* -- redzone.c -- */
struct sym_elf;
/* Would this kernel, by a breakpoint at the address, overwrite variables of the traced function? */
bool redzone_is_unsafe(struct provider_env *env, struct sym_elf *elf, uint64_t addr);

/* -- function.c: functions of the kernel -- */
/* [MODULE:]FUNCTION[+OFFSET] or an address, with wildcards, to places; what cannot be traced is said. */
int function_expand(const struct provider *p, struct provider_env *env, const struct str *parts, uint32_t n, struct span span,
		    attach_each *each, void *arg);
const struct facts_func *function_of(struct facts *f, const struct attach_point *ap); /* by BTF; NULL: it has none */
/* `args` as the words of a typed program's context; *ret_words: how many words there are. */
struct type *function_args(struct arena *a, const struct facts_func *fn, bool typed, uint32_t max, uint32_t *ret_words);
const char *function_missing(struct arena *a, struct facts *f, const char *name, const char **ret_hint); /* why it cannot be traced */

/* -- program.c: functions of BPF programs -- */
int program_expand(const struct provider *p, struct provider_env *env, const struct str *parts, uint32_t n, struct span span,
		   attach_each *each, void *arg);
/* What fentry and fexit are at such a place; NULL at others. */
const struct provider *program_better(const struct provider *p, struct provider_env *env, struct attach_point *ap, const struct provider_use *u);

/* -- deny.c -- */
/* Why wildcards leave it out, or NULL; *ret_counts: there is something to be missed. */
const char *deny_reason(const char *function, bool *ret_counts);
bool deny_is_lock(const char *function);

/* -- event.c: software and hardware events -- */
struct perf_event_name { const char *name, *alias; uint32_t config; uint32_t period; };
extern const struct perf_event_name event_software[], event_hardware[]; /* up to name == NULL */

/* -- self.c -- */
extern const char *const self_signal_name[]; /* the signals that a probe may wait for, up to NULL */

/* object.c: provider.symbol of probes in files */
bool object_find(const struct provider *p, struct provider_env *env, const struct attach_point *ap, struct str name, struct provider_symbol *ret);

#endif
