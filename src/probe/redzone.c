/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Would a breakpoint here make the kernel overwrite the traced program's variables? On kernels that replace a probed
 * 5-byte nop by a call (kern/redzone.c) it would, in functions that keep variables below the stack pointer.
 * Compilers do that only in functions that call nobody; so a function that contains a call is safe, and so is a
 * function's entry, where nothing lies there yet.
 */
#include <stdlib.h>

#include "probe/probe_priv.h"
#include "sym/sym.h"

#define REDZONE_MAX_TEXT (1u << 20)

static bool redzone_is_nop5(struct sym_elf *elf, uint64_t addr)
{
	uint8_t b[5];
	return sym_elf_text(elf, addr, b, sizeof(b)) == sizeof(b) && memcmp(b, "\x0f\x1f\x44\x00\x00", sizeof(b)) == 0;
}

/* Does the function call another? A jump out of it, as its last step, is none: its frame is gone by then. */
static bool redzone_calls(struct sym_elf *elf, const struct sym *s)
{
	uint32_t size = s->size < REDZONE_MAX_TEXT ? (uint32_t)s->size : REDZONE_MAX_TEXT;
	uint8_t *text = malloc(size ? size : 1);
	uint32_t n = text ? sym_elf_text(elf, s->addr, text, size) : 0;
	bool calls = false;
	for (uint32_t at = 0, len; at < n && !calls && (len = sym_insn_length(text + at, n - at)); at += len) {
		uint32_t i = at; /* behind prefixes: call rel32, or call of a register or memory (ff /2) */
		while (i < at + len &&
		       (text[i] == 0x66 || text[i] == 0xf2 || text[i] == 0x3e || (text[i] & 0xf0) == 0x40))
			i++;
		calls = i < at + len &&
			(text[i] == 0xe8 || (text[i] == 0xff && i + 1 < at + len && (text[i + 1] & 0x38) == 0x10));
	}
	free(text);
	return calls;
}

bool redzone_is_unsafe(struct provider_env *env, struct sym_elf *elf, uint64_t addr)
{
	struct sym s;
	if (!redzone_is_nop5(elf, addr) || !env->facts->ops->has(env->facts, FEAT_UPROBE_CALL))
		return false;
	if (sym_elf_at(elf, addr, &s) && s.addr == addr && s.size) /* a function's entry, not a label */
		return false;
	/* A label may stand at the address itself; the function is what the byte before is in. */
	return !sym_elf_at(elf, addr - 1, &s) || addr - s.addr >= s.size || !redzone_calls(elf, &s);
}
