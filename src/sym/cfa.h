/* SPDX-License-Identifier: Apache-2.0 */
/* Call-frame information, as its two files share it: cfi.c finds the entries of a file, cfa.c runs their programs. */
#ifndef SONDE_SYM_CFA_H
#define SONDE_SYM_CFA_H

#include <elf.h>
#include <stdbool.h>

#include "sym/cfi.h"

/* The numbers of registers in DWARF. */
#if defined(__aarch64__)
enum { CFI_MACHINE = EM_AARCH64, CFI_SP = 31, CFI_FP = 29, CFI_BX = 1000, CFI_R10 = 1001, CFI_DI = 1002, CFI_RA = 30, CFI_IP = 1003 };
#else
enum { CFI_MACHINE = EM_X86_64, CFI_SP = 7, CFI_FP = 6, CFI_BX = 3, CFI_R10 = 10, CFI_DI = 5, CFI_RA = 16, CFI_IP = 16 };
#endif

struct cursor {
	const uint8_t *p, *end;
	bool bad; /* it came to the end too early */
};
uint64_t cursor_int(struct cursor *c, unsigned n);
uint64_t cursor_uleb(struct cursor *c);
int64_t cursor_sleb(struct cursor *c);
void cursor_skip(struct cursor *c, uint64_t n);
/* A pointer as DW_EH_PE_* says; `at`: the address of its first byte. */
uint64_t cursor_pointer(struct cursor *c, uint8_t encoding, uint64_t at);

struct cie {
	uint32_t at;      /* ~0: none */
	uint64_t code_align;
	int64_t data_align;
	uint64_t ra;
	uint8_t encoding; /* of addresses in its FDEs */
	bool is_signal, has_augmentation;
	uint32_t program, end;
};

enum { CFI_STATES = 16 };
struct machine {
	struct unwind_rule now, first; /* first: what the CIE says, for DW_CFA_restore */
	struct unwind_rule saved[CFI_STATES];
	unsigned n_saved;
};
/* One instruction that does not move on to a later address; false: unknown, the rest cannot be read. */
bool machine_step(struct machine *m, const struct cie *cie, uint8_t op, struct cursor *c);

#endif
