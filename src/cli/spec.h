/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The probe specifications of bcc's multi-tools (trace, argdist, funccount, ...), as text of our language.
 *
 * There they are pieces of C between colons and blanks; here they are read into parts (spec.c) and expressions of C become expressions
 * of the language (cexpr.c). Nothing is checked that the compiler checks better: an unknown function or field is reported by it.
 */
#ifndef SONDE_CLI_SPEC_H
#define SONDE_CLI_SPEC_H

#include "base/arena.h"
#include "base/str.h"
#include "base/vec.h"

enum spec_kind { SPEC_ENTRY, SPEC_RETURN, SPEC_TRACEPOINT, SPEC_USDT };
struct spec_param { struct str name, type; }; /* as in C: "int", "const char *" */
struct spec {
	enum spec_kind kind;
	struct str lib;       /* "": the kernel; of a static probe: the file */
	struct str func;      /* function[+offset], event, or name of the static probe */
	struct str category;  /* of a tracepoint; the provider of a static probe, or "" */
	const char *syscall;  /* the function is a system call: attached to its tracepoint; or NULL */
	VEC(const char *) syscall_args; /* the tracepoint's fields, in order */
	bool has_signature;
	VEC(struct spec_param) params;
	/* trace: */
	struct str predicate, format;
	VEC(struct str) exprs;
};

struct spec_reader {
	struct arena *arena;
	int pid;           /* whose libraries are meant, or 0 */
	const char *error; /* arena; what is wrong; NULL: nothing */
	const char *at;    /* where, in the text that was read; NULL: nowhere in particular */
};
/* NULL-terminated text of a spec each; false with r->error. */
bool spec_trace(struct spec_reader *r, const char *text, struct spec *ret);   /* location [signature] [predicate] [action] */
bool spec_pattern(struct spec_reader *r, const char *text, struct spec *ret); /* [p:|t:category:|u:][lib:]pattern */
struct argdist {
	struct spec spec;
	VEC(struct str) types, exprs;
	struct str filter, label; /* "" when not given */
};
bool spec_argdist(struct spec_reader *r, const char *text, struct argdist *ret);

/* The attach point: "kprobe:vfs_read", "uretprobe:/bin/bash:readline", "tracepoint:syscalls:sys_enter_openat"; `entry`: of a return probe its entry. */
const char *spec_attach(struct spec_reader *r, const struct spec *s, bool entry);
/* Parts of `s` between the commas (or whatever `sep` is) outside of parentheses and quotes, without blanks around them. */
struct spec_parts { VEC(struct str) v; };
void spec_split(struct arena *a, struct str s, char sep, struct spec_parts *ret);
struct str spec_trim(struct str s);

/* -- cexpr.c -- */
struct cexpr {
	struct arena *arena;
	const struct spec *spec;
	bool at_entry;       /* of a return probe: what is kept for $entry() */
	const char *(*other)(void *arg, struct str name); /* `$latency`: their text, or NULL */
	const char *(*call)(void *arg, struct str name, struct str args); /* `$entry(x)`, or NULL */
	void *arg;
	uint32_t string_size;
	unsigned depth;      /* of calls within calls */
	bool bin_cmp;        /* STRCMP's text is a list of bytes, "{0x6C, 0x00}" */
	const char *error;   /* arena */
	const char *at;      /* as in struct spec_reader */
};
/* The expression in our language, in parentheses; NULL with c->error. */
const char *cexpr_text(struct cexpr *c, struct str e);
/* The same, as a value of a C type: "u64", "char *" (a string), "int". */
const char *cexpr_as(struct cexpr *c, struct str e, struct str type);
/* A C type in our language: "int" -> "int32", "struct file *" as it is; NULL: not known. */
const char *cexpr_type(struct arena *a, struct str type);
bool cexpr_is_string(struct str type); /* char *, const char * */

#endif
