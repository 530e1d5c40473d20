/* SPDX-License-Identifier: Apache-2.0 */
/* Static probes of programs and libraries (USDT): what their ELF notes say. See usdt.c and usdt_arg.c. */
#ifndef SONDE_SYM_USDT_H
#define SONDE_SYM_USDT_H

#include "base/str.h"
#include "base/vec.h"
#include "sema/provider.h"

/* One location of a probe. Names are plain: printable, without blanks, ':' and '"'. */
struct sym_usdt {
	const char *provider, *name;
	const char *args;    /* as the note has them: "-4@%edi 8@16(%rsp)" */
	uint64_t pc;         /* its address in the file's own terms, after the adjustment for prelinking */
	uint64_t offset;     /* where that is in the file */
	uint64_t sema;       /* file offset of the semaphore; 0: none */
	uint64_t sema_addr;
	bool is_nop5;        /* the one of five bytes: see probe/redzone.c */
	bool is_nop;         /* the instruction there does nothing, as the macros make it: a breakpoint is safe */
};
enum sym_usdt_state {
	SYM_USDT_OK,
	SYM_USDT_32_BIT,     /* a 32-bit program: its notes are not read */
	SYM_USDT_FOREIGN,    /* of another processor: its notes are read, but mean nothing here */
};
struct sym_usdts {
	VEC(struct sym_usdt) list;   /* sorted by provider, name, address; each location once */
	enum sym_usdt_state state;
	uint16_t machine;
	bool has_section;            /* there is a .note.stapsdt */
	uint32_t n_bad;              /* notes that are damaged or lie outside the program */
	struct sym_usdt_symbols *symbols; /* read when an argument first asks for one */
	const char *path;
	const char *root; /* the reader's: how `path` begins, where the file's own separate debug file may be; NULL: not
			     looked for */
};
/* The static probes of a file; everything in the arena. 0, or -errno (-ENOEXEC: not an ELF file, or damaged beyond
 * use). */
int sym_usdt_read(struct arena *a, const char *path, struct sym_usdts *ret);
/* The arguments of a location. Never fails: an argument that cannot be understood says why. */
struct usdt_spec *sym_usdt_args(struct arena *a, struct sym_usdts *u, const struct sym_usdt *at);

/* -- usdt_arg.c: the text of arguments -- */
/* The address of a symbol in the file's terms; false: unknown. */
typedef bool sym_usdt_symbol(void *arg, struct str name, uint64_t *ret);
/* machine: EM_X86_64 or EM_AARCH64. `pc` is the location's address, to which symbols are made relative. */
struct usdt_spec *sym_usdt_parse(struct arena *a, uint16_t machine, const char *text, uint64_t pc,
				 sym_usdt_symbol *symbol, void *arg);

#endif
