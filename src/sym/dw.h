/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libdw, loaded when first needed: struct dw has a member for each function of dw.def, of the library's own type and name.
 *
 *	struct dw *d;
 *	int r = dw_open(&d);
 *	if (r < 0) ...                        -ENOSYS: there is no libdw here, or one that is too old
 *	Dwarf *dbg = d->dwarf_begin_elf(elf, DWARF_C_READ, NULL);
 *
 * Its Elf handles are those of our libelf (elf_begin and so on are called directly). Include it only where DWARF is read.
 */
#ifndef SONDE_SYM_DW_H
#define SONDE_SYM_DW_H

#include <dwarf.h>
#include <elfutils/libdw.h>

struct dw {
	void *library; /* NULL where it is linked in */
#define DW_FN(name) __typeof__(name) *name;
#include "sym/dw.def"
#undef DW_FN
};
int dw_open(struct dw **ret);
void dw_close(struct dw *d); /* every Dwarf of it must have ended */

#endif
