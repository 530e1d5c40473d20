/* SPDX-License-Identifier: Apache-2.0 */
/* Unwind tables of a file, from its .eh_frame. */
#ifndef SONDE_SYM_CFI_H
#define SONDE_SYM_CFI_H

#include <stddef.h>

#include "ir/unwind.h"

struct cfi_table {
	struct unwind_row *rows; /* by offset in the file, each once; rule: index in `rules` + 1, or 0 */
	uint32_t n_rows;
	struct unwind_rule *rules; /* different ones */
	uint32_t n_rules;
};
/* 0; -ENOEXEC: not an ELF file of this processor, -ENODATA: it has no table; -EBADMSG: damaged; -E2BIG, -ENOMEM. What is damaged in parts gives the
 * rest. */
int sym_cfi_file(int fd, struct cfi_table *ret);
int sym_cfi_image(const void *image, size_t size, struct cfi_table *ret);
void sym_cfi_free(struct cfi_table *t);

#endif
