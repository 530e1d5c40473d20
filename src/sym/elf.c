/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions of an ELF file. The file is read once when opened: its executable segments, and its function symbols, sorted by
 * address. All names lie in one block. Both symbol tables are read, .dynsym and .symtab; when the file has been stripped of the
 * second, a separate debug file found by its build id stands in (addresses are the same; only symbols are taken from it).
 *
 * What a uprobe needs is a *file offset*; symbols have *addresses*. The program headers relate the two, and only an address
 * inside the file part of an executable segment has an offset that the kernel can put a breakpoint on.
 *
 * Invariants: every count and size of the file is checked against the file's length or a fixed bound before it is used; libelf
 * is opened in read mode, not mapped, so that a file which shrinks under us is a short read and not a signal. The libelf
 * handle does not outlive sym_elf_open.
 */
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "sym/sym.h"

#define ELF_MAX_SECTIONS 100000u
#define ELF_MAX_SYMBOLS 20000000u
#define ELF_MAX_SEGMENTS 4096u
#define ELF_MAX_NAMES (1u << 31)

#if defined(__x86_64__)
#define ELF_NATIVE EM_X86_64
#elif defined(__aarch64__)
#define ELF_NATIVE EM_AARCH64
#else
#define ELF_NATIVE EM_NONE
#endif

struct segment { uint64_t addr, offset, size; };
struct entry {
	uint64_t addr, size;
	uint32_t name; /* offset in names */
	uint8_t ifunc, weak, local;
};
struct sym_elf {
	int fd;
	uint16_t type, machine;
	bool stripped, go;
	struct segment *segs;
	uint32_t n_segs;
	struct entry *syms;
	uint32_t n_syms, cap_syms;
	char *names;
	size_t n_names, cap_names;
};

static int elf_add_name(struct sym_elf *e, const char *name, uint32_t *ret)
{
	size_t n = strcspn(name, "@"); /* .symtab says "memcpy@@GLIBC_2.14" */
	if (e->n_names + n + 1 > ELF_MAX_NAMES)
		return -E2BIG;
	if (e->n_names + n + 1 > e->cap_names) {
		size_t cap = (e->cap_names ? e->cap_names * 2 : 1 << 14) + n + 1;
		char *p = realloc(e->names, cap);
		if (!p)
			return -ENOMEM;
		e->names = p;
		e->cap_names = cap;
	}
	*ret = (uint32_t)e->n_names;
	memcpy(e->names + e->n_names, name, n);
	e->names[e->n_names + n] = 0;
	e->n_names += n + 1;
	return 0;
}

static int elf_add_symbol(struct sym_elf *e, const GElf_Sym *s, const char *name)
{
	unsigned type = GELF_ST_TYPE(s->st_info), bind = GELF_ST_BIND(s->st_info);
	if ((type != STT_FUNC && type != STT_GNU_IFUNC) || s->st_shndx == SHN_UNDEF || !name || !*name || *name == '@')
		return 0;
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
	struct entry n = { .addr = s->st_value, .size = s->st_size, .ifunc = type == STT_GNU_IFUNC, .weak = bind == STB_WEAK,
			   .local = bind == STB_LOCAL };
	int r = elf_add_name(e, name, &n.name);
	if (r == 0)
		e->syms[e->n_syms++] = n;
	return r;
}

/* Function symbols of all tables of the given type. *ret_found: there is such a table. */
static int elf_read_symbols(struct sym_elf *e, Elf *elf, uint32_t sh_type, bool *ret_found)
{
	uint32_t n_scn = 0;
	for (Elf_Scn *scn = NULL; (scn = elf_nextscn(elf, scn)) && n_scn < ELF_MAX_SECTIONS; n_scn++) {
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
		for (uint64_t i = 1; i < n && i < ELF_MAX_SYMBOLS; i++) {
			GElf_Sym s;
			if (!gelf_getsym(data, (int)i, &s))
				break;
			unsigned type = GELF_ST_TYPE(s.st_info);
			if (type != STT_FUNC && type != STT_GNU_IFUNC)
				continue;
			int r = elf_add_symbol(e, &s, elf_strptr(elf, sh.sh_link, s.st_name));
			if (r < 0)
				return r;
		}
	}
	return 0;
}

static bool elf_has_section(Elf *elf, const char *name)
{
	size_t names = 0;
	uint32_t n_scn = 0;
	if (elf_getshdrstrndx(elf, &names) != 0)
		return false;
	for (Elf_Scn *scn = NULL; (scn = elf_nextscn(elf, scn)) && n_scn < ELF_MAX_SECTIONS; n_scn++) {
		GElf_Shdr sh;
		const char *s = gelf_getshdr(scn, &sh) ? elf_strptr(elf, names, sh.sh_name) : NULL;
		if (s && !strcmp(s, name))
			return true;
	}
	return false;
}

static int elf_read_segments(struct sym_elf *e, Elf *elf, uint64_t file_size)
{
	size_t n = 0;
	if (elf_getphdrnum(elf, &n) != 0)
		return -ENOEXEC;
	if (n > ELF_MAX_SEGMENTS)
		n = ELF_MAX_SEGMENTS;
	e->segs = calloc(n ? n : 1, sizeof(*e->segs));
	if (!e->segs)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		GElf_Phdr ph;
		if (!gelf_getphdr(elf, (int)i, &ph))
			break;
		if (ph.p_type != PT_LOAD || !(ph.p_flags & PF_X) || ph.p_offset >= file_size)
			continue;
		if (ph.p_filesz > file_size - ph.p_offset)
			ph.p_filesz = file_size - ph.p_offset;
		if (ph.p_vaddr + ph.p_filesz < ph.p_vaddr)
			continue;
		e->segs[e->n_segs++] = (struct segment){ ph.p_vaddr, ph.p_offset, ph.p_filesz };
	}
	return 0;
}

/* The build id, from the notes in the program headers or sections: where its bytes are, and how many; 0 without one. */
static size_t elf_build_id(Elf *elf, uint8_t *ret, size_t room)
{
	uint32_t n_scn = 0;
	for (Elf_Scn *scn = NULL; (scn = elf_nextscn(elf, scn)) && n_scn < ELF_MAX_SECTIONS; n_scn++) {
		GElf_Shdr sh;
		if (!gelf_getshdr(scn, &sh) || sh.sh_type != SHT_NOTE)
			continue;
		Elf_Data *data = elf_getdata(scn, NULL);
		if (!data || !data->d_buf)
			continue;
		GElf_Nhdr nh;
		size_t off = 0, next, name_off, desc_off;
		while (off < data->d_size && (next = gelf_getnote(data, off, &nh, &name_off, &desc_off)) > off) {
			if (nh.n_type == NT_GNU_BUILD_ID && nh.n_namesz == 4 && nh.n_descsz >= 2 && nh.n_descsz <= room &&
			    name_off + 4 <= data->d_size && desc_off + nh.n_descsz <= data->d_size &&
			    !memcmp((const char *)data->d_buf + name_off, "GNU", 4)) {
				memcpy(ret, (const char *)data->d_buf + desc_off, nh.n_descsz);
				return nh.n_descsz;
			}
			off = next;
		}
	}
	return 0;
}

/* Symbols from /usr/lib/debug/.build-id, when there. It must carry the same build id. */
static int elf_read_debug(struct sym_elf *e, Elf *elf, bool *ret_found)
{
	uint8_t id[64], other[64];
	size_t n = elf_build_id(elf, id, sizeof(id));
	if (n < 2)
		return 0;
	char path[256];
	int len = snprintf(path, sizeof(path), "/usr/lib/debug/.build-id/%02x/", id[0]);
	for (size_t i = 1; i < n; i++)
		len += snprintf(path + len, sizeof(path) - (size_t)len, "%02x", id[i]);
	snprintf(path + len, sizeof(path) - (size_t)len, ".debug");
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	int r = 0;
	Elf *debug = elf_begin(fd, ELF_C_READ, NULL);
	if (debug && elf_kind(debug) == ELF_K_ELF && elf_build_id(debug, other, sizeof(other)) == n && !memcmp(id, other, n))
		r = elf_read_symbols(e, debug, SHT_SYMTAB, ret_found);
	if (debug)
		elf_end(debug);
	close(fd);
	return r;
}

/* Names that people use come first: global, not weak, few leading underscores, short. */
static int elf_rank(const struct sym_elf *e, const struct entry *s)
{
	const char *name = e->names + s->name;
	size_t under = strspn(name, "_");
	return (s->local ? 1 << 20 : 0) + (int)(under > 100 ? 100 : under) * 4096 + (s->weak ? 2048 : 0) +
	       (int)(strlen(name) > 2000 ? 2000 : strlen(name));
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

static int elf_read(struct sym_elf *e, uint64_t file_size)
{
	if (elf_version(EV_CURRENT) == EV_NONE)
		return -ENOSYS;
	Elf *elf = elf_begin(e->fd, ELF_C_READ, NULL);
	GElf_Ehdr eh;
	int r = -ENOEXEC;
	if (elf && elf_kind(elf) == ELF_K_ELF && gelf_getehdr(elf, &eh)) {
		e->type = eh.e_type;
		e->machine = eh.e_machine;
		e->go = elf_has_section(elf, ".gopclntab");
		bool has_dyn = false, has_sym = false;
		r = elf_read_segments(e, elf, file_size);
		r = r ? r : elf_read_symbols(e, elf, SHT_DYNSYM, &has_dyn);
		r = r ? r : elf_read_symbols(e, elf, SHT_SYMTAB, &has_sym);
		e->stripped = !has_sym;
		if (r == 0 && !has_sym) {
			r = elf_read_debug(e, elf, &has_sym);
			e->stripped = !has_sym;
		}
	}
	if (elf)
		elf_end(elf);
	if (r == 0 && e->n_syms)
		qsort_r(e->syms, e->n_syms, sizeof(*e->syms), elf_compare, e);
	return r;
}

int sym_elf_open(const char *path, struct sym_elf **ret)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return -ENOEXEC;
	}
	struct sym_elf *e = calloc(1, sizeof(*e));
	if (!e) {
		close(fd);
		return -ENOMEM;
	}
	e->fd = fd;
	int r = elf_read(e, (uint64_t)st.st_size);
	if (r < 0) {
		sym_elf_close(e);
		return r;
	}
	*ret = e;
	return 0;
}

void sym_elf_close(struct sym_elf *e)
{
	if (!e)
		return;
	close(e->fd);
	free(e->segs);
	free(e->syms);
	free(e->names);
	free(e);
}

bool sym_elf_is_native(const struct sym_elf *e)
{
	return e->machine == ELF_NATIVE;
}

bool sym_elf_is_pie(const struct sym_elf *e)
{
	return e->type == ET_DYN;
}

bool sym_elf_is_stripped(const struct sym_elf *e)
{
	return e->stripped;
}

bool sym_elf_is_go(const struct sym_elf *e)
{
	return e->go;
}

bool sym_elf_offset(const struct sym_elf *e, uint64_t addr, uint64_t *ret_offset)
{
	for (uint32_t i = 0; i < e->n_segs; i++) {
		const struct segment *s = &e->segs[i];
		if (addr >= s->addr && addr - s->addr < s->size) {
			*ret_offset = s->offset + (addr - s->addr);
			return true;
		}
	}
	return false;
}

bool sym_elf_addr(const struct sym_elf *e, uint64_t offset, uint64_t *ret_addr)
{
	for (uint32_t i = 0; i < e->n_segs; i++) {
		const struct segment *s = &e->segs[i];
		if (offset >= s->offset && offset - s->offset < s->size) {
			*ret_addr = s->addr + (offset - s->offset);
			return true;
		}
	}
	return false;
}

static struct sym elf_sym(const struct sym_elf *e, const struct entry *s)
{
	return (struct sym){ .name = e->names + s->name, .addr = s->addr, .size = s->size, .is_ifunc = s->ifunc,
			     .is_weak = s->weak, .is_local = s->local };
}

bool sym_elf_find(const struct sym_elf *e, const char *name, struct sym *ret)
{
	const struct entry *best = NULL;
	for (uint32_t i = 0; i < e->n_syms; i++) {
		const struct entry *s = &e->syms[i];
		if (strcmp(e->names + s->name, name) == 0 && (!best || (best->local && !s->local)))
			best = s;
	}
	if (best)
		*ret = elf_sym(e, best);
	return best != NULL;
}

bool sym_elf_at(const struct sym_elf *e, uint64_t addr, struct sym *ret)
{
	uint32_t lo = 0, hi = e->n_syms; /* the first symbol behind addr */
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		if (e->syms[mid].addr <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	/* A small function may lie inside a larger symbol; look back a little for one that reaches the address. */
	for (uint32_t back = 0; lo > 0 && back < 64; back++) {
		uint32_t i = --lo;
		const struct entry *s = &e->syms[i];
		if (addr - s->addr < s->size || addr == s->addr) {
			while (i > 0 && e->syms[i - 1].addr == s->addr)
				i--;
			if (addr - e->syms[i].addr < e->syms[i].size || addr == e->syms[i].addr)
				s = &e->syms[i];
			*ret = elf_sym(e, s);
			return true;
		}
	}
	return false;
}

uint32_t sym_elf_each(const struct sym_elf *e, const char *pattern, bool (*each)(void *arg, const struct sym *s), void *arg)
{
	uint32_t n = 0;
	uint64_t last = 0;
	for (uint32_t i = 0; i < e->n_syms; i++) {
		const struct entry *s = &e->syms[i];
		if ((n && s->addr == last) || !str_match(pattern, e->names + s->name))
			continue;
		last = s->addr;
		n++;
		struct sym out = elf_sym(e, s);
		if (!each(arg, &out))
			break;
	}
	return n;
}

uint32_t sym_elf_text(const struct sym_elf *e, uint64_t addr, uint8_t *ret, uint32_t n)
{
	for (uint32_t i = 0; i < e->n_segs; i++) {
		const struct segment *s = &e->segs[i];
		if (addr < s->addr || addr - s->addr >= s->size)
			continue;
		uint64_t left = s->size - (addr - s->addr);
		ssize_t got = pread(e->fd, ret, n < left ? n : (size_t)left, (off_t)(s->offset + (addr - s->addr)));
		return got > 0 ? (uint32_t)got : 0;
	}
	return 0;
}
