/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of source and inlined functions: place.c reads the DWARF, line.c has that done in a process of its own. */
#ifndef SONDE_SYM_LINE_H
#define SONDE_SYM_LINE_H

#include "sym/sym.h"

struct places;
/* Of the file with DWARF, `bias` being what its addresses are less than those asked for. Takes the descriptor. */
int places_open(int fd, uint64_t bias, bool demangle, struct places **ret);
void places_close(struct places *p);
/* false: not known. Strings live until the next call. */
bool places_at(struct places *p, uint64_t addr, struct sym_place *ret);

struct sym_lines;
int sym_lines_open(struct sym_elf *e, bool demangle, struct sym_lines **ret);
void sym_lines_close(struct sym_lines *l);
bool sym_lines_at(struct sym_lines *l, uint64_t addr, struct sym_place *ret);

/* A place as bytes and back, for tests too. false: the bytes are none. */
void place_pack(const struct sym_place *p, struct buf *ret);
bool place_unpack(const char *s, size_t n, struct sym_place *ret);

#endif
