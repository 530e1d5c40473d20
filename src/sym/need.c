/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What does a program need to run: its interpreter (the dynamic linker), by path, and its libraries, by the names that the linker looks for. Read
 * from the program headers and the dynamic section; every offset is checked by reading.
 */
#include <elf.h>
#include <unistd.h>

#include "sym/sym.h"

enum { NEED_PHDRS = 64, NEED_DYNS = 4096, NEED_NAME = 256, NEED_MAX = 256 };

static bool need_read(int fd, uint64_t off, void *to, size_t n)
{
	return off < INT64_MAX && pread(fd, to, n, (off_t)off) == (ssize_t)n;
}

/* A string of the file, in the arena; NULL when it is too long, or not there. */
static const char *need_string(struct arena *a, int fd, uint64_t off)
{
	char text[NEED_NAME];
	ssize_t n = off < INT64_MAX ? pread(fd, text, sizeof(text), (off_t)off) : 0;
	const char *nul = n > 0 ? memchr(text, 0, (size_t)n) : NULL;
	return nul && nul > text ? arena_strndup(a, text, (uint32_t)(nul - text)) : NULL;
}

static bool need_offset(const Elf64_Phdr *ph, unsigned n, uint64_t addr, uint64_t *ret)
{
	for (unsigned i = 0; i < n; i++) {
		if (ph[i].p_type != PT_LOAD || addr < ph[i].p_vaddr || addr - ph[i].p_vaddr >= ph[i].p_filesz)
			continue;
		*ret = addr - ph[i].p_vaddr + ph[i].p_offset;
		return true;
	}
	return false;
}

void sym_needed(struct arena *a, int fd, struct sym_paths *ret)
{
	Elf64_Ehdr eh;
	Elf64_Phdr ph[NEED_PHDRS];
	if (!need_read(fd, 0, &eh, sizeof(eh)) || memcmp(eh.e_ident, ELFMAG, SELFMAG) || eh.e_ident[EI_CLASS] != ELFCLASS64 ||
	    eh.e_phentsize != sizeof(*ph) || eh.e_phnum > NEED_PHDRS || !need_read(fd, eh.e_phoff, ph, eh.e_phnum * sizeof(*ph)))
		return;
	for (unsigned i = 0; i < eh.e_phnum; i++) {
		const char *x = ph[i].p_type == PT_INTERP ? need_string(a, fd, ph[i].p_offset) : NULL;
		if (x && x[0] == '/')
			vec_push(a, &ret->list, x);
		if (ph[i].p_type != PT_DYNAMIC)
			continue;
		uint64_t names = 0;
		Elf64_Dyn d;
		for (int round = 0; round < 2; round++) /* first where the names are */
			for (unsigned k = 0; k < NEED_DYNS && k < ph[i].p_filesz / sizeof(d); k++) {
				if (!need_read(fd, ph[i].p_offset + k * sizeof(d), &d, sizeof(d)) || d.d_tag == DT_NULL)
					break;
				if (d.d_tag == DT_STRTAB && !need_offset(ph, eh.e_phnum, d.d_un.d_ptr, &names))
					return;
				x = round && names && d.d_tag == DT_NEEDED && ret->list.n < NEED_MAX ? need_string(a, fd, names + d.d_un.d_val) : NULL;
				if (x)
					vec_push(a, &ret->list, x);
			}
	}
}
