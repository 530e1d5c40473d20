/* SPDX-License-Identifier: Apache-2.0 */
/* What dwarf.c, type.c and source.c share. */
#ifndef SONDE_SYM_DWARF_PRIV_H
#define SONDE_SYM_DWARF_PRIV_H

#include "base/map.h"
#include "sym/dw.h"
#include "sym/dwarf.h"

enum {
	DWARF_DEPTH = 32,          /* of types made of types, and of scopes in scopes */
	DWARF_PEEL = 64,           /* qualifiers and typedefs on one type */
	DWARF_VISITS = 40000000,   /* entries looked at for one file, in all: some seconds */
	DWARF_MEMBERS = 100000,    /* of one struct, at any depth by value */
	DWARF_UNITS = 1000000, DWARF_SECTIONS = 100000,
	DWARF_SIZE = 1 << 28,      /* of one type */
};

struct dwarf_entry { uint64_t addr; Dwarf_Die die; };
struct dwarf_unit {
	Dwarf_Die die;             /* of the unit: of a skeleton, the split one */
	Dwarf_Die place;           /* where its addresses and lines are: the skeleton */
	bool indexed;
	VEC(struct dwarf_entry) funcs; /* by address, once indexed */
};
struct sym_dwarf {
	struct type_maker maker;   /* first: a struct type_maker * of ours is a struct sym_dwarf * */
	struct sym_dwarfs *set;
	struct arena *a;
	struct dw *dw;
	struct str key;
	const char *why;           /* there is none */
	int fd;
	Elf *elf;
	Dwarf *dbg;
	uint32_t visits;
	bool units_read, names_read;
	VEC(struct dwarf_unit) units;
	struct map made;           /* address of a DIE (8 bytes) -> struct type */
	struct map named;          /* keyword, name, size, place of declaration -> struct type */
	struct map names;          /* keyword, name -> Dwarf_Die of a definition */
	struct map funcs;          /* address -> struct sym_func, or a NULL one */
};
struct dwarf_made { struct sym_dwarf *d; Dwarf_Die die; };
struct sym_dwarfs {
	struct arena *a;
	struct dw *dw;
	int dw_err;
	VEC(struct sym_dwarf *) list;
	VEC(struct dwarf_made) types; /* by origin - TYPE_ORIGIN_DEBUG */
};

/* dwarf.c */
bool dwarf_visit(struct sym_dwarf *d);                                   /* false: enough has been looked at */
bool dwarf_next(struct sym_dwarf *d, Dwarf_Die *die);                    /* to the next of its siblings, which lies behind it; counts as a visit */
void dwarf_read_units(struct sym_dwarf *d);
struct dwarf_unit *dwarf_unit_at(struct sym_dwarf *d, uint64_t addr);
bool dwarf_number(struct sym_dwarf *d, Dwarf_Die *die, unsigned name, uint64_t *ret); /* a constant attribute */
bool dwarf_flag(struct sym_dwarf *d, Dwarf_Die *die, unsigned name);
bool dwarf_follow(struct sym_dwarf *d, Dwarf_Die *die, unsigned name, Dwarf_Die *ret); /* a reference */
const char *dwarf_name(struct sym_dwarf *d, Dwarf_Die *die);             /* "" without one */

/* type.c */
struct type *dwarf_type(struct sym_dwarf *d, Dwarf_Die *die, unsigned depth);    /* never NULL */
struct type *dwarf_type_of(struct sym_dwarf *d, Dwarf_Die *die, unsigned depth); /* of its DW_AT_type; T_VOID without */
bool dwarf_by_reference(struct sym_dwarf *d, Dwarf_Die *type, unsigned depth);   /* C++: not to be copied bit by bit */
bool dwarf_complete(struct type_maker *m, struct type *t);

#endif
