/* SPDX-License-Identifier: Apache-2.0 */
/* What the files about ELF share; everybody else includes sym.h. */
#ifndef SONDE_SYM_ELF_H
#define SONDE_SYM_ELF_H

#include <gelf.h>
#include <libelf.h>

#include "sym/sym.h"

/* No file has more than this and means it. */
#define ELF_MAX_SECTIONS 100000u
#define ELF_MAX_SYMBOLS 20000000u
#define ELF_MAX_SEGMENTS 4096u
#define ELF_MAX_NAMES (1u << 31)

enum elf_flag {
	ELF_IFUNC = 1, ELF_WEAK = 2, ELF_LOCAL = 4,
	ELF_SIZELESS = 8, /* `size` is how far it reaches at most: to the next symbol, to the end of its section */
	ELF_LABEL = 16,   /* not said to be a function: names an address, but cannot be asked for */
	ELF_PLT = 32,     /* a stub that jumps to the function of another file: "puts@plt" */
};
struct entry {
	uint64_t addr;
	uint32_t size;
	uint32_t name; /* offset in names, behind its byte of flags */
};
struct segment { uint64_t addr, offset, size; };
struct sym_elf {
	int fd;
	int debug_fd;        /* the separate debug file, once it has been found; -1 */
	bool debug_tried, fetch, gave_up;
	uint16_t type, machine;
	bool stripped, go, has_dwarf;
	char *root, *path;   /* where the file is: the root that its path means, and the path in there; may be "" */
	uint8_t id[SYM_ID_MAX];
	uint32_t n_id;       /* 0: it has no build id */
	uint64_t first_load; /* address of the first loaded segment */
	struct segment *segs;
	uint32_t n_segs;
	struct entry *syms;
	uint32_t n_syms, cap_syms;
	char *names;
	size_t n_names, cap_names;
};

/* table.c */
int elf_add_symbol(struct sym_elf *e, uint64_t addr, uint64_t size, unsigned flags, const char *name, const char *suffix);
/* The functions of all symbol tables of that type, their addresses moved by `bias`. *ret_found: there is one. */
int elf_read_symbols(struct sym_elf *e, Elf *elf, uint32_t sh_type, uint64_t bias, bool *ret_found);
void elf_sort(struct sym_elf *e);
/* The section of that name; NULL. */
Elf_Scn *elf_section(Elf *elf, const char *name, GElf_Shdr *ret);
bool elf_first_load(Elf *elf, uint64_t *ret);
static inline unsigned elf_flags(const struct sym_elf *e, const struct entry *s) { return (uint8_t)e->names[s->name - 1]; }

/* plt.c: the stubs of procedure linkage */
int elf_read_plt(struct sym_elf *e, Elf *elf);

/* note.c */
uint32_t elf_build_id(Elf *elf, uint8_t ret[SYM_ID_MAX]);

/* debug.c: the file that was split off this one: a descriptor, or -errno */
int elf_find_debug(struct sym_elf *e, Elf *elf);
/* fetch.c: the same from the servers of DEBUGINFOD_URLS */
int elf_fetch_debug(const uint8_t *id, uint32_t n);

/* xz.c: at most `max` bytes; *ret is the caller's to free. -ENOSYS: no liblzma here. */
int xz_decode(const void *in, size_t n, size_t max, void **ret, size_t *ret_n);

#endif
