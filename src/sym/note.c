/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Build ids: the number that the linker gave a binary, which its debug file shares. It lies in a note, found through the program headers
 * (which every binary keeps) or the sections (which is where debug files have it).
 */
#include <string.h>

#include "sym/elf.h"

enum { NOTE_MAX = 1 << 20 };

uint32_t sym_note_id(const void *notes, size_t size, uint32_t align, uint8_t ret[SYM_ID_MAX])
{
	const uint8_t *p = notes;
	size_t mask = align == 8 ? 7 : 3;
	while (size >= 12) {
		uint32_t h[3]; /* length of the name, of the content, type */
		memcpy(h, p, sizeof(h));
		size_t name = ((size_t)h[0] + 3) & ~(size_t)3, at = (12 + name + mask) & ~mask;
		if (h[0] > size || h[1] > size || at > size || h[1] > size - at)
			return 0;
		if (h[2] == NT_GNU_BUILD_ID && h[0] == 4 && !memcmp(p + 12, "GNU", 4) && h[1] >= 2 && h[1] <= SYM_ID_MAX) {
			memcpy(ret, p + at, h[1]);
			return h[1];
		}
		size_t next = (at + h[1] + mask) & ~mask;
		if (next >= size)
			return 0;
		p += next;
		size -= next;
	}
	return 0;
}

uint32_t elf_build_id(Elf *elf, uint8_t ret[SYM_ID_MAX])
{
	size_t n = 0;
	uint32_t got, n_scn = 0;
	if (elf_getphdrnum(elf, &n) != 0 || n > ELF_MAX_SEGMENTS)
		n = 0;
	for (size_t i = 0; i < n; i++) {
		GElf_Phdr ph;
		if (!gelf_getphdr(elf, (int)i, &ph) || ph.p_type != PT_NOTE || ph.p_filesz > NOTE_MAX)
			continue;
		Elf_Data *data = elf_getdata_rawchunk(elf, (int64_t)ph.p_offset, ph.p_filesz, ELF_T_BYTE);
		if (data && data->d_buf && (got = sym_note_id(data->d_buf, data->d_size, ph.p_align == 8 ? 8 : 4, ret)))
			return got;
	}
	for (Elf_Scn *scn = NULL; (scn = elf_nextscn(elf, scn)) && n_scn < ELF_MAX_SECTIONS; n_scn++) {
		GElf_Shdr sh;
		if (!gelf_getshdr(scn, &sh) || sh.sh_type != SHT_NOTE || sh.sh_size > NOTE_MAX)
			continue;
		Elf_Data *data = elf_rawdata(scn, NULL);
		if (data && data->d_buf && (got = sym_note_id(data->d_buf, data->d_size, sh.sh_addralign == 8 ? 8 : 4, ret)))
			return got;
	}
	return 0;
}

uint32_t sym_file_id(int fd, uint8_t ret[SYM_ID_MAX])
{
	if (elf_version(EV_CURRENT) == EV_NONE)
		return 0;
	Elf *elf = elf_begin(fd, ELF_C_READ, NULL);
	uint32_t n = elf && elf_kind(elf) == ELF_K_ELF ? elf_build_id(elf, ret) : 0;
	if (elf)
		elf_end(elf);
	return n;
}
