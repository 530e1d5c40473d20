/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions of an ELF file. The file is read once when opened: its executable segments, and its function symbols, sorted by
 * address (table.c). They come from
 *
 *   .dynsym and .symtab            names that are exported; all names, unless the file has been stripped of them
 *   .gnu_debugdata                 a compressed ELF file with the symbol table only, in stripped binaries of some distributions
 *   a separate debug file          if all that gives no .symtab (debug.c)
 *   relocations                    stubs of procedure linkage, "puts@plt" (plt.c)
 *
 * What a uprobe needs is a *file offset*; symbols have *addresses*. The program headers relate the two, and only an address
 * inside the file part of an executable segment has an offset that the kernel can put a breakpoint on. A separate file's addresses are those
 * before the binary was moved (prelinked), if it was: the first loaded segment of both tells by how much.
 *
 * Invariants: every count and size of the file is checked against the file's length or a fixed bound before it is used; libelf
 * is opened in read mode, not mapped, so that a file which shrinks under us is a short read and not a signal. The libelf
 * handle does not outlive sym_elf_open.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "sym/elf.h"

enum { MINI_MAX_IN = 32 << 20, MINI_MAX = 256 << 20 };

#if defined(__x86_64__)
#define ELF_NATIVE EM_X86_64
#elif defined(__aarch64__)
#define ELF_NATIVE EM_AARCH64
#else
#define ELF_NATIVE EM_NONE
#endif

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

/* Symbols of another file for the same binary. */
static int elf_read_other(struct sym_elf *e, Elf *other, bool *ret_found)
{
	uint64_t load = e->first_load;
	if (!other || elf_kind(other) != ELF_K_ELF)
		return 0;
	elf_first_load(other, &load);
	return elf_read_symbols(e, other, SHT_SYMTAB, e->first_load - load, ret_found);
}

/* "Mini debug info". What is wrong with it is as if it were not there; no memory is an error. */
static int elf_read_mini(struct sym_elf *e, Elf *elf, bool *ret_found)
{
	GElf_Shdr sh;
	void *image = NULL;
	size_t n = 0;
	Elf_Scn *scn = elf_section(elf, ".gnu_debugdata", &sh);
	Elf_Data *data = scn && sh.sh_type == SHT_PROGBITS && sh.sh_size <= MINI_MAX_IN ? elf_rawdata(scn, NULL) : NULL;
	if (!data || !data->d_buf)
		return 0;
	int r = xz_decode(data->d_buf, data->d_size, MINI_MAX, &image, &n);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	Elf *mini = elf_memory(image, n);
	r = elf_read_other(e, mini, ret_found);
	if (mini)
		elf_end(mini);
	free(image);
	return r;
}

static int elf_read_debug(struct sym_elf *e, Elf *elf, bool *ret_found)
{
	e->debug_tried = true;
	if (e->debug_fd < 0)
		e->debug_fd = elf_find_debug(e, elf);
	if (e->debug_fd < 0)
		return 0;
	Elf *debug = elf_begin(e->debug_fd, ELF_C_READ, NULL);
	int r = elf_read_other(e, debug, ret_found);
	if (debug)
		elf_end(debug);
	return r;
}

static int elf_read(struct sym_elf *e, uint64_t file_size)
{
	GElf_Shdr sh;
	GElf_Ehdr eh;
	if (elf_version(EV_CURRENT) == EV_NONE)
		return -ENOSYS;
	Elf *elf = elf_begin(e->fd, ELF_C_READ, NULL);
	int r = -ENOEXEC;
	if (elf && elf_kind(elf) == ELF_K_ELF && gelf_getehdr(elf, &eh)) {
		e->type = eh.e_type;
		e->machine = gelf_getclass(elf) == ELFCLASS64 ? eh.e_machine : EM_NONE; /* x32, too, is not for us */
		/* stripped and position-independent Go programs do not have all of these */
		e->go = elf_section(elf, ".gopclntab", &sh) || elf_section(elf, ".go.buildinfo", &sh) || elf_section(elf, ".note.go.buildid", &sh);
		e->has_dwarf = elf_section(elf, ".debug_info", &sh) && sh.sh_type == SHT_PROGBITS;
		e->n_id = elf_build_id(elf, e->id);
		elf_first_load(elf, &e->first_load);
		bool has_dyn = false, has_sym = false;
		r = elf_read_segments(e, elf, file_size);
		r = r ? r : elf_read_symbols(e, elf, SHT_DYNSYM, 0, &has_dyn);
		r = r ? r : elf_read_symbols(e, elf, SHT_SYMTAB, 0, &has_sym);
		if (r == 0 && !has_sym)
			r = elf_read_debug(e, elf, &has_sym);
		if (r == 0 && !has_sym)
			r = elf_read_mini(e, elf, &has_sym);
		e->stripped = !has_sym;
		if (r == 0)
			elf_sort(e);
		r = r ? r : elf_read_plt(e, elf);
	}
	if (elf)
		elf_end(elf);
	return r;
}

/* Of one symbol table: the global of that name, or the first. */
static bool object_in(Elf *elf, uint32_t sh_type, const char *name, uint64_t bias, struct sym *ret)
{
	uint32_t n_scn = 0;
	bool found = false;
	for (Elf_Scn *scn = NULL; (scn = elf_nextscn(elf, scn)) && n_scn < ELF_MAX_SECTIONS; n_scn++) {
		GElf_Shdr sh;
		GElf_Sym s;
		Elf_Data *data = gelf_getshdr(scn, &sh) && sh.sh_type == sh_type ? elf_getdata(scn, NULL) : NULL;
		for (int i = 1; data && data->d_buf && i < (int)ELF_MAX_SYMBOLS && gelf_getsym(data, i, &s); i++) {
			unsigned type = GELF_ST_TYPE(s.st_info), bind = GELF_ST_BIND(s.st_info);
			const char *its = s.st_shndx == SHN_UNDEF || s.st_shndx == SHN_ABS || type == STT_SECTION || type == STT_FILE || type == STT_TLS ?
						  NULL : elf_strptr(elf, sh.sh_link, s.st_name);
			size_t n = its ? strcspn(its, "@") : 0;
			if (!n || strlen(name) != n || memcmp(its, name, n) || (found && bind == STB_LOCAL))
				continue;
			*ret = (struct sym){ .name = name, .addr = s.st_value + bias, .size = s.st_size, .is_ifunc = type == STT_GNU_IFUNC,
					     .is_weak = bind == STB_WEAK, .is_local = bind == STB_LOCAL };
			found = true;
			if (bind != STB_LOCAL)
				return true;
		}
	}
	return found;
}

bool sym_elf_object(struct sym_elf *e, const char *name, struct sym *ret)
{
	uint64_t load = e->first_load;
	Elf *elf = elf_begin(e->fd, ELF_C_READ, NULL), *debug = e->debug_fd >= 0 ? elf_begin(e->debug_fd, ELF_C_READ, NULL) : NULL;
	bool found = elf && (object_in(elf, SHT_SYMTAB, name, 0, ret) || object_in(elf, SHT_DYNSYM, name, 0, ret));
	if (!found && debug) {
		elf_first_load(debug, &load);
		found = object_in(debug, SHT_SYMTAB, name, e->first_load - load, ret);
	}
	if (elf)
		elf_end(elf);
	if (debug)
		elf_end(debug);
	return found;
}

int sym_elf_open_file(const struct sym_file *f, struct sym_elf **ret)
{
	struct stat st;
	struct sym_elf *e = NULL;
	int r = fstat(f->fd, &st) != 0 || !S_ISREG(st.st_mode) ? -ENOEXEC : 0;
	if (r == 0 && !(e = calloc(1, sizeof(*e))))
		r = -ENOMEM;
	if (r < 0) {
		close(f->fd);
		if (f->debug_fd >= 0)
			close(f->debug_fd);
		return r;
	}
	e->fd = f->fd;
	e->debug_fd = f->debug_fd;
	e->fetch = f->fetch;
	e->root = strdup(f->root ? f->root : "");
	e->path = strdup(f->path ? f->path : "");
	r = e->root && e->path ? elf_read(e, (uint64_t)st.st_size) : -ENOMEM;
	if (r < 0) {
		sym_elf_close(e);
		return r;
	}
	*ret = e;
	return 0;
}

int sym_elf_open(const char *path, struct sym_elf **ret)
{
	int pid, at = 0;
	char root[64] = "", real[4096];
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	/* "/proc/PID/root/usr/bin/x" is /usr/bin/x in another file system, with debug files of its own */
	if (sscanf(path, "/proc/%d/root%n", &pid, &at) == 1 && at && path[at] == '/' && at < (int)sizeof(root))
		snprintf(root, sizeof(root), "%.*s", at, path);
	else
		at = 0;
	if (!at && realpath(path, real)) /* debug files lie beside the file, not beside a link to it */
		path = real;
	return sym_elf_open_file(&(struct sym_file){ .fd = fd, .debug_fd = -1, .root = root, .path = path + at, .fetch = true }, ret);
}

/* The debug file alone, while its root is there; -1. */
int sym_debug_open(int fd, const char *root, const char *path)
{
	struct sym_elf e = { .fd = fd, .root = (char *)root, .path = (char *)path };
	if (elf_version(EV_CURRENT) == EV_NONE)
		return -1;
	Elf *elf = elf_begin(fd, ELF_C_READ, NULL);
	int r = -1;
	if (elf && elf_kind(elf) == ELF_K_ELF) {
		e.n_id = elf_build_id(elf, e.id);
		r = elf_find_debug(&e, elf);
	}
	if (elf)
		elf_end(elf);
	return r < 0 ? -1 : r;
}

int sym_elf_dwarf(struct sym_elf *e)
{
	if (e->has_dwarf)
		return fcntl(e->fd, F_DUPFD_CLOEXEC, 0);
	if (!e->debug_tried) {
		Elf *elf = elf_begin(e->fd, ELF_C_READ, NULL);
		e->debug_tried = true;
		if (elf && e->debug_fd < 0)
			e->debug_fd = elf_find_debug(e, elf);
		if (elf)
			elf_end(elf);
	}
	return e->debug_fd >= 0 ? fcntl(e->debug_fd, F_DUPFD_CLOEXEC, 0) : -ENOENT;
}

void sym_elf_close(struct sym_elf *e)
{
	if (!e)
		return;
	if (e->fd >= 0)
		close(e->fd);
	if (e->debug_fd >= 0)
		close(e->debug_fd);
	free(e->root);
	free(e->path);
	free(e->segs);
	free(e->syms);
	free(e->names);
	free(e);
}

int sym_elf_let_go(struct sym_elf *e, int *ret_debug_fd)
{
	int fd = e->fd;
	*ret_debug_fd = e->debug_fd;
	e->fd = e->debug_fd = -1;
	sym_elf_close(e);
	return fd;
}

bool sym_elf_gave_up(const struct sym_elf *e)
{
	return e->gave_up;
}

size_t sym_elf_bytes(const struct sym_elf *e)
{
	return sizeof(*e) + e->cap_syms * sizeof(*e->syms) + e->cap_names;
}

uint32_t sym_elf_id(const struct sym_elf *e, const uint8_t **ret)
{
	*ret = e->id;
	return e->n_id;
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
	unsigned flags = elf_flags(e, s);
	return (struct sym){ .name = e->names + s->name, .addr = s->addr, .size = flags & ELF_SIZELESS ? 0 : s->size,
			     .is_ifunc = flags & ELF_IFUNC, .is_weak = flags & ELF_WEAK, .is_local = flags & ELF_LOCAL };
}

bool sym_elf_find(const struct sym_elf *e, const char *name, struct sym *ret)
{
	const struct entry *best = NULL;
	for (uint32_t i = 0; i < e->n_syms; i++) {
		const struct entry *s = &e->syms[i];
		if (strcmp(e->names + s->name, name) == 0 && !(elf_flags(e, s) & ELF_LABEL) &&
		    (!best || (elf_flags(e, best) & ~elf_flags(e, s) & ELF_LOCAL)))
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
		if ((n && s->addr == last) || elf_flags(e, s) & (ELF_LABEL | ELF_PLT) || !str_match(pattern, e->names + s->name))
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
