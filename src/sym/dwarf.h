/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions, types and source lines of programs, from their debug information (DWARF 2 to 5, also in a separate
 * file). Types are those of the language (sema/type.h): structs are made by name and size, and completed when
 * somebody looks inside.
 *
 * A file is opened once for a set and lives as long as the set. Nothing here trusts a file: damaged debug
 * information gives wrong types or none.
 */
#ifndef SONDE_SYM_DWARF_H
#define SONDE_SYM_DWARF_H

#include "sema/type.h"

struct sym_dwarfs; /* files with debug information, and the types that were made of them */
struct sym_dwarf;

/* Types go to the arena, which must outlive the set. NULL without memory. */
struct sym_dwarfs *sym_dwarfs_new(struct arena *a);
void sym_dwarfs_free(struct sym_dwarfs *s);
/* Debug information of the program or library at `path` (its own, or that of a separate file, looked for in `root` first). NULL:
 * there is none, *ret_why says why (a few words). */
struct sym_dwarf *sym_dwarf_open(struct sym_dwarfs *s, const char *root, const char *path, const char **ret_why);

enum sym_language { LANG_C, LANG_OTHER /* numbers and pointers are passed as in C */, LANG_GO };
struct sym_param {
	struct str name;    /* never empty: arg0, arg1, ... */
	struct type *type;  /* by reference in the machine code: a pointer */
	int reg;            /* DWARF's number of the register that holds it at the entry, -1: not told */
};
struct sym_func {
	struct str name;
	struct type *ret;   /* T_VOID: nothing */
	bool ret_by_memory; /* returned through a hidden first argument whatever its size (C++) */
	VEC(struct sym_param) params;
	bool variadic;
	bool changed;       /* the compiler says that it does not follow the calling convention */
	enum sym_language language;
};
/* The function that begins at `addr` (an address of the file, not of a process). `name`: of its symbol, for a choice between several.
 * NULL: none. */
const struct sym_func *sym_dwarf_function(struct sym_dwarf *d, uint64_t addr, const char *name);
/* A struct ('s'; classes, too), union ('u'), enum ('e') or typedef ('t') by name, 0: any. NULL: none. */
struct type *sym_dwarf_type(struct sym_dwarf *d, char keyword, struct str name);

/* A constant of one of its enums. */
bool sym_dwarf_constant(struct sym_dwarf *d, struct str name, int64_t *ret, struct type **ret_enum);

/* source.c: the addresses where the code of a source line begins: one for each function and each place where a function is inlined that has
 * some. `file`: a path, or the end of one ("io.c", "src/io.c"). column: 0 = any. */
struct sym_line {
	uint64_t addr;
	const char *file;   /* as the compiler names it */
	uint32_t line, column;
};
struct sym_lines {
	VEC(struct sym_line) list;
	bool has_file;            /* some code is of that file */
	uint32_t before, after;   /* nothing there: the nearest lines that have code; 0: none */
	VEC(const char *) files;  /* no such file: some that are similar */
};
bool sym_dwarf_lines(struct sym_dwarf *d, const char *file, uint32_t line, uint32_t column, struct sym_lines *ret);

#endif
