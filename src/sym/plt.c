/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stubs through which a file calls functions of others. They have no symbols of their own; a sample in one would be named after
 * whatever stands before. A stub jumps through a slot of the global offset table, and a relocation says whose address the loader puts into that
 * slot: so the code of the stub is read, and the name of its slot is the name of the stub, "puts@plt". This needs no
 * knowledge of the many forms of these sections (lazy or not, with or without landing pads for indirect branches).
 *
 * A slot for a function of the same file that is chosen when loaded (an ifunc) has no name but the resolver's address; that one has.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sym/elf.h"

enum { PLT_MAX_BYTES = 64 << 20, PLT_MAX_SLOTS = 4 << 20 };

struct slot {
	uint64_t addr;
	uint64_t resolver; /* where `name` is NULL */
	const char *name;  /* in the file's strings */
};
struct slots {
	struct slot *v;
	uint32_t n, cap;
};

static int slot_compare(const void *px, const void *py)
{
	const struct slot *x = px, *y = py;
	return x->addr < y->addr ? -1 : x->addr > y->addr;
}

static const struct slot *slot_at(const struct slots *s, uint64_t addr)
{
	uint32_t lo = 0, hi = s->n;
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		if (s->v[mid].addr < addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < s->n && s->v[lo].addr == addr ? &s->v[lo] : NULL;
}

#if defined(__x86_64__)

enum { REL_SLOT = R_X86_64_JUMP_SLOT, REL_DATA = R_X86_64_GLOB_DAT, REL_RESOLVER = R_X86_64_IRELATIVE, STUB_STEP = 8 };

/* The slot through which the code at p (address `addr`) jumps; 0: it is no stub. */
static uint64_t stub_slot(const uint8_t *p, size_t n, uint64_t addr)
{
	size_t at = n >= 4 && !memcmp(p, "\xf3\x0f\x1e\xfa", 4) ? 4 : 0; /* endbr64 */
	at += at < n && p[at] == 0xf2;                                     /* bnd */
	int32_t rel;
	if (at + 6 > n || p[at] != 0xff || p[at + 1] != 0x25)
		return 0;
	memcpy(&rel, p + at + 2, sizeof(rel));
	return addr + at + 6 + (uint64_t)(int64_t)rel;
}

#elif defined(__aarch64__)

enum { REL_SLOT = R_AARCH64_JUMP_SLOT, REL_DATA = R_AARCH64_GLOB_DAT, REL_RESOLVER = R_AARCH64_IRELATIVE, STUB_STEP = 4 };

static uint64_t stub_slot(const uint8_t *p, size_t n, uint64_t addr)
{
	uint32_t i[3];
	if (n < sizeof(i))
		return 0;
	memcpy(i, p, sizeof(i));
	uint32_t at = i[0] == 0xd503245f; /* bti c */
	/* adrp x16, PAGE; ldr x17, [x16, #OFFSET] */
	if ((i[at] & 0x9f00001f) != 0x90000010 || (i[at + 1] & 0xffc003ff) != 0xf9400211)
		return 0;
	uint64_t page = (uint64_t)(i[at] >> 5 & 0x7ffff) << 2 | (i[at] >> 29 & 3);
	page = (page ^ 1ull << 20) - (1ull << 20); /* 21 bits with sign */
	return ((addr + 4 * at) & ~0xfffull) + (page << 12) + (i[at + 1] >> 10 & 0xfff) * 8;
}

#else

enum { REL_SLOT = -1, REL_DATA = -1, REL_RESOLVER = -1, STUB_STEP = 16 };

static uint64_t stub_slot(const uint8_t *p, size_t n, uint64_t addr)
{
	return 0;
}

#endif

static int slot_add(struct slots *s, struct slot x)
{
	if (s->n >= PLT_MAX_SLOTS)
		return -E2BIG;
	if (s->n == s->cap) {
		uint32_t cap = s->cap ? s->cap * 2 : 256;
		struct slot *p = realloc(s->v, cap * sizeof(*p));
		if (!p)
			return -ENOMEM;
		s->v = p;
		s->cap = cap;
	}
	s->v[s->n++] = x;
	return 0;
}

static int plt_read_slots(Elf *elf, struct slots *s)
{
	uint32_t n_scn = 0;
	int r = 0;
	for (Elf_Scn *scn = NULL; r == 0 && (scn = elf_nextscn(elf, scn)) && n_scn < ELF_MAX_SECTIONS; n_scn++) {
		GElf_Shdr sh, syms_sh;
		if (!gelf_getshdr(scn, &sh) || sh.sh_type != SHT_RELA || !sh.sh_entsize || !(sh.sh_flags & SHF_ALLOC) ||
		    sh.sh_size > PLT_MAX_BYTES)
			continue;
		Elf_Scn *syms_scn = sh.sh_link ? elf_getscn(elf, sh.sh_link) : NULL;
		Elf_Data *data = elf_getdata(scn, NULL), *syms = NULL;
		if (syms_scn && gelf_getshdr(syms_scn, &syms_sh) && syms_sh.sh_type == SHT_DYNSYM)
			syms = elf_getdata(syms_scn, NULL);
		uint64_t n = data && data->d_buf ? data->d_size / sizeof(Elf64_Rela) : 0;
		for (uint64_t i = 0; i < n && r == 0; i++) {
			GElf_Rela rel;
			GElf_Sym sym;
			if (!gelf_getrela(data, (int)i, &rel))
				break;
			int type = (int)GELF_R_TYPE(rel.r_info), index = (int)GELF_R_SYM(rel.r_info);
			struct slot x = { .addr = rel.r_offset };
			if (type == REL_RESOLVER)
				x.resolver = (uint64_t)rel.r_addend;
			else if ((type == REL_SLOT || type == REL_DATA) && syms && syms->d_buf && gelf_getsym(syms, index, &sym))
				x.name = elf_strptr(elf, syms_sh.sh_link, sym.st_name);
			if (x.resolver || (x.name && *x.name && *x.name != '@'))
				r = slot_add(s, x);
		}
	}
	if (s->n)
		qsort(s->v, s->n, sizeof(*s->v), slot_compare);
	return r;
}

static int plt_read_stubs(struct sym_elf *e, Elf_Scn *scn, const GElf_Shdr *sh, const struct slots *s)
{
	Elf_Data *data = elf_rawdata(scn, NULL);
	if (!data || !data->d_buf)
		return 0;
	uint64_t step = sh->sh_entsize >= 8 && sh->sh_entsize <= 32 ? sh->sh_entsize : 16;
	int r = 0;
	for (size_t at = 0; at < data->d_size && r == 0; at += STUB_STEP) {
		uint64_t addr = sh->sh_addr + at, to = stub_slot((const uint8_t *)data->d_buf + at, data->d_size - at, addr);
		const struct slot *x = to ? slot_at(s, to) : NULL;
		if (!x)
			continue;
		struct sym sym;
		char name[1024];
		if (!x->name && (!sym_elf_at(e, x->resolver, &sym) || sym.addr != x->resolver))
			continue;
		/* the table of names may move while it is added to: copied out of it */
		size_t n = strlen(x->name ? x->name : sym.name);
		if (n >= sizeof(name))
			continue;
		memcpy(name, x->name ? x->name : sym.name, n + 1);
		r = elf_add_symbol(e, addr, step, ELF_PLT | ELF_LOCAL, name, "@plt");
		at += step - STUB_STEP;
	}
	return r;
}

int elf_read_plt(struct sym_elf *e, Elf *elf)
{
	struct slots s = { 0 };
	size_t names = 0;
	uint32_t n_scn = 0, had = e->n_syms;
	int r = elf_getshdrstrndx(elf, &names) == 0 && gelf_getclass(elf) == ELFCLASS64 && sym_elf_is_native(e) ? plt_read_slots(elf, &s) : 0;
	for (Elf_Scn *scn = NULL; r == 0 && s.n && (scn = elf_nextscn(elf, scn)) && n_scn < ELF_MAX_SECTIONS; n_scn++) {
		GElf_Shdr sh;
		const char *name = gelf_getshdr(scn, &sh) ? elf_strptr(elf, names, sh.sh_name) : NULL;
		if (name && !strncmp(name, ".plt", 4) && sh.sh_flags & SHF_EXECINSTR && sh.sh_type == SHT_PROGBITS &&
		    sh.sh_size <= PLT_MAX_BYTES)
			r = plt_read_stubs(e, scn, &sh, &s);
	}
	free(s.v);
	if (e->n_syms > had)
		elf_sort(e);
	return r;
}
