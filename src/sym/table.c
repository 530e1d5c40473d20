/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of an ELF file's functions, from whatever symbol tables there are: 16 bytes each and one block of names, each behind a byte of
 * flags, sorted by address and then by how good the name is.
 *
 * Functions in assembly often have no size. Such a one reaches to the next symbol, and never over the end of its section: without that
 * bound `_init` would be the name of all that is linked behind it. Symbols without a type in code (labels of assembly) name
 * addresses in the same way, but come after everything that is a function.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sym/elf.h"

static int elf_add_name(struct sym_elf *e, const char *name, const char *suffix, unsigned flags, uint32_t *ret)
{
	size_t n = strcspn(name, "@"), n_suffix = strlen(suffix); /* .symtab says "memcpy@@GLIBC_2.14" */
	if (e->n_names + n + n_suffix + 2 > ELF_MAX_NAMES)
		return -E2BIG;
	if (e->n_names + n + n_suffix + 2 > e->cap_names) {
		size_t cap = (e->cap_names ? e->cap_names * 2 : 1 << 14) + n + n_suffix + 2;
		char *p = realloc(e->names, cap);
		if (!p)
			return -ENOMEM;
		e->names = p;
		e->cap_names = cap;
	}
	e->names[e->n_names++] = (char)flags;
	*ret = (uint32_t)e->n_names;
	memcpy(e->names + e->n_names, name, n);
	memcpy(e->names + e->n_names + n, suffix, n_suffix + 1);
	e->n_names += n + n_suffix + 1;
	return 0;
}

int elf_add_symbol(struct sym_elf *e, uint64_t addr, uint64_t size, unsigned flags, const char *name, const char *suffix)
{
	if (e->n_syms >= ELF_MAX_SYMBOLS)
		return -E2BIG;
	if (e->n_syms == e->cap_syms) {
		uint32_t cap = e->cap_syms ? e->cap_syms * 2 : 256;
		struct entry *p = realloc(e->syms, cap * sizeof(*p));
		if (!p)
			return -ENOMEM;
		e->syms = p;
		e->cap_syms = cap;
	}
	struct entry n = { .addr = addr, .size = size < UINT32_MAX ? (uint32_t)size : UINT32_MAX };
	int r = elf_add_name(e, name, suffix, flags, &n.name);
	if (r == 0)
		e->syms[e->n_syms++] = n;
	return r;
}

/* Sections of code: where they end. By index; 0: not code. */
static uint64_t *elf_code_ends(Elf *elf, uint32_t *ret_n)
{
	size_t n = 0;
	uint64_t *ends = NULL;
	if (elf_getshdrnum(elf, &n) == 0 && n && n <= ELF_MAX_SECTIONS)
		ends = calloc(n, sizeof(*ends));
	*ret_n = ends ? (uint32_t)n : 0;
	Elf_Scn *scn = NULL;
	while (ends && (scn = elf_nextscn(elf, scn))) {
		GElf_Shdr sh;
		size_t i = elf_ndxscn(scn);
		if (i < n && gelf_getshdr(scn, &sh) && sh.sh_flags & SHF_EXECINSTR && sh.sh_addr + sh.sh_size > sh.sh_addr)
			ends[i] = sh.sh_addr + sh.sh_size;
	}
	return ends;
}

static int elf_take_symbol(struct sym_elf *e, Elf *elf, const GElf_Sym *s, uint64_t bias, uint32_t strings, const uint64_t *ends,
			   uint32_t n_ends)
{
	unsigned type = GELF_ST_TYPE(s->st_info), bind = GELF_ST_BIND(s->st_info), flags = 0;
	uint64_t end = s->st_shndx < n_ends ? ends[s->st_shndx] : 0, size = s->st_size;
	if ((type != STT_FUNC && type != STT_GNU_IFUNC && (type != STT_NOTYPE || !end)) || s->st_shndx == SHN_UNDEF)
		return 0;
	const char *name = elf_strptr(elf, strings, s->st_name);
	if (!name || !*name || *name == '@')
		return 0;
	if (type == STT_NOTYPE) {
		if (*name == '$' || *name == '.') /* of the assembler itself */
			return 0;
		flags |= ELF_LABEL;
	}
	if (!size) {
		flags |= ELF_SIZELESS;
		size = end > s->st_value ? end - s->st_value : 0;
	}
	flags |= type == STT_GNU_IFUNC ? ELF_IFUNC : 0;
	flags |= bind == STB_WEAK ? ELF_WEAK : bind == STB_LOCAL ? ELF_LOCAL : 0;
	return elf_add_symbol(e, s->st_value + bias, size, flags, name, "");
}

int elf_read_symbols(struct sym_elf *e, Elf *elf, uint32_t sh_type, uint64_t bias, bool *ret_found)
{
	uint32_t n_scn = 0, n_ends;
	uint64_t *ends = elf_code_ends(elf, &n_ends);
	int r = 0;
	for (Elf_Scn *scn = NULL; r == 0 && (scn = elf_nextscn(elf, scn)) && n_scn < ELF_MAX_SECTIONS; n_scn++) {
		GElf_Shdr sh;
		if (!gelf_getshdr(scn, &sh) || sh.sh_type != sh_type || sh.sh_entsize == 0)
			continue;
		Elf_Data *data = elf_getdata(scn, NULL);
		if (!data || !data->d_buf)
			continue;
		*ret_found = true;
		uint64_t n = sh.sh_size / sh.sh_entsize;
		if (n > data->d_size / sizeof(Elf32_Sym))
			n = data->d_size / sizeof(Elf32_Sym);
		for (uint64_t i = 1; i < n && i < ELF_MAX_SYMBOLS && r == 0; i++) {
			GElf_Sym s;
			if (!gelf_getsym(data, (int)i, &s))
				break;
			r = elf_take_symbol(e, elf, &s, bias, sh.sh_link, ends, n_ends);
		}
	}
	free(ends);
	return r;
}

/* Names that people use come first: functions, global, not weak, few leading underscores, short. */
static int elf_rank(const struct sym_elf *e, const struct entry *s)
{
	const char *name = e->names + s->name;
	unsigned flags = elf_flags(e, s);
	size_t under = strspn(name, "_");
	return (flags & (ELF_LABEL | ELF_PLT) ? 1 << 22 : 0) + (flags & ELF_LOCAL ? 1 << 20 : 0) +
	       (int)(under > 100 ? 100 : under) * 4096 + (flags & ELF_WEAK ? 2048 : 0) + (int)(strlen(name) > 2000 ? 2000 : strlen(name));
}

static int elf_compare(const void *px, const void *py, void *arg)
{
	const struct sym_elf *e = arg;
	const struct entry *x = px, *y = py;
	if (x->addr != y->addr)
		return x->addr < y->addr ? -1 : 1;
	int rx = elf_rank(e, x), ry = elf_rank(e, y);
	return rx != ry ? rx - ry : strcmp(e->names + x->name, e->names + y->name);
}

void elf_sort(struct sym_elf *e)
{
	uint32_t n = 0;
	if (e->n_syms)
		qsort_r(e->syms, e->n_syms, sizeof(*e->syms), elf_compare, e);
	for (uint32_t i = 0; i < e->n_syms; i++) { /* most names stand in two tables */
		const struct entry *s = &e->syms[i], *last = n ? &e->syms[n - 1] : NULL;
		if (last && last->addr == s->addr && !strcmp(e->names + last->name, e->names + s->name))
			continue;
		e->syms[n++] = *s;
	}
	e->n_syms = n;
	uint64_t next = UINT64_MAX;
	for (uint32_t i = n; i-- > 0;) { /* what has no size reaches to the next address that has a name */
		struct entry *s = &e->syms[i];
		if (i + 1 < n && e->syms[i + 1].addr > s->addr)
			next = e->syms[i + 1].addr;
		if (elf_flags(e, s) & ELF_SIZELESS && s->size > next - s->addr)
			s->size = (uint32_t)(next - s->addr);
	}
	if (e->n_syms && e->n_syms < e->cap_syms) {
		struct entry *p = realloc(e->syms, e->n_syms * sizeof(*p));
		if (p) {
			e->syms = p;
			e->cap_syms = e->n_syms;
		}
	}
}

Elf_Scn *elf_section(Elf *elf, const char *name, GElf_Shdr *ret)
{
	size_t names = 0;
	uint32_t n_scn = 0;
	if (elf_getshdrstrndx(elf, &names) != 0)
		return NULL;
	for (Elf_Scn *scn = NULL; (scn = elf_nextscn(elf, scn)) && n_scn < ELF_MAX_SECTIONS; n_scn++) {
		const char *s = gelf_getshdr(scn, ret) ? elf_strptr(elf, names, ret->sh_name) : NULL;
		if (s && !strcmp(s, name))
			return scn;
	}
	return NULL;
}

bool elf_first_load(Elf *elf, uint64_t *ret)
{
	size_t n = 0;
	if (elf_getphdrnum(elf, &n) != 0)
		return false;
	for (size_t i = 0; i < n && i < ELF_MAX_SEGMENTS; i++) {
		GElf_Phdr ph;
		if (!gelf_getphdr(elf, (int)i, &ph) || ph.p_type != PT_LOAD)
			continue;
		*ret = ph.p_vaddr & ~(uint64_t)0xfff;
		return true;
	}
	return false;
}
