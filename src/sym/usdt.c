/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Static probes (USDT, "user static tracing"). A program that has them was compiled with a macro at each place; it
 * leaves there an instruction that does nothing (nop), and a note in the section .note.stapsdt, which no program
 * loads:
 *
 *   owner "stapsdt", type 3; three addresses (the location, the place of .stapsdt.base, the semaphore or 0), then the texts
 *   PROVIDER \0 NAME \0 ARGUMENTS \0
 *
 * Prelinking moves a library's addresses but does not know this section. Therefore the link editor's .stapsdt.base
 * is noted, too: how far that section lies from where the note says is how far all the note's addresses are off.
 *
 * A semaphore is a 16-bit counter in the program's data: as long as it is 0 nobody looks, and the program may skip
 * making the arguments. The kernel counts it up and down for us in every process, by its offset in the file; so it
 * must lie in the part of a writable segment that comes from the file.
 *
 * Files may be of any origin. Invariants: every address of a note is believed only when it lies in a segment of the
 * right kind, names only when they are plain text, counts and sizes up to fixed bounds; a note that is not is left
 * out and counted. libelf reads and does not map, so that a file which shrinks is a short read.
 */
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/map.h"
#include "sym/sym.h"
#include "sym/usdt.h"

#define USDT_MAX_SECTIONS 100000u
#define USDT_MAX_SEGMENTS 4096u
#define USDT_MAX_SECTION (64u << 20)
#define USDT_MAX_NOTES 200000u
#define USDT_MAX_SYMBOLS 4000000u
enum { USDT_MAX_NAME = 200, USDT_NOTE = 3, USDT_WORDS = 3 * 8 };

#if defined(__x86_64__)
#define USDT_NATIVE EM_X86_64
#elif defined(__aarch64__)
#define USDT_NATIVE EM_AARCH64
#else
#define USDT_NATIVE EM_NONE
#endif

struct usdt_segment { uint64_t addr, offset, size; uint32_t flags; };
struct usdt_file {
	struct arena *a;
	int fd;
	Elf *elf;
	uint64_t size;
	struct usdt_segment *segs;
	uint32_t n_segs;
	struct sym_usdts *ret;
};

static int usdt_segments(struct usdt_file *f)
{
	size_t n = 0;
	if (elf_getphdrnum(f->elf, &n) != 0)
		return -ENOEXEC;
	n = n < USDT_MAX_SEGMENTS ? n : USDT_MAX_SEGMENTS;
	f->segs = arena_array(f->a, struct usdt_segment, n + 1);
	for (size_t i = 0; i < n; i++) {
		GElf_Phdr ph;
		if (!gelf_getphdr(f->elf, (int)i, &ph))
			break;
		if (ph.p_type != PT_LOAD || ph.p_offset >= f->size)
			continue;
		if (ph.p_filesz > f->size - ph.p_offset)
			ph.p_filesz = f->size - ph.p_offset;
		if (ph.p_vaddr + ph.p_filesz < ph.p_vaddr)
			continue;
		f->segs[f->n_segs++] = (struct usdt_segment){ ph.p_vaddr, ph.p_offset, ph.p_filesz, ph.p_flags };
	}
	return 0;
}

/* The place in the file of `len` bytes at an address, in a segment with these flags. */
static bool usdt_offset(const struct usdt_file *f, uint64_t addr, uint32_t len, uint32_t flags, uint64_t *ret)
{
	for (uint32_t i = 0; i < f->n_segs; i++) {
		const struct usdt_segment *s = &f->segs[i];
		if ((s->flags & flags) == flags && addr >= s->addr && addr - s->addr < s->size &&
		    len <= s->size - (addr - s->addr)) {
			*ret = s->offset + (addr - s->addr);
			return true;
		}
	}
	return false;
}

/* A no-operation as compilers and assemblers make them, of one or several bytes; on x86-64 0f 1f /0 with any address,
 * or xchg %ax,%ax. */
static bool usdt_is_nop(const struct usdt_file *f, uint64_t offset, bool *ret_nop5)
{
	uint8_t b[16] = { 0 };
	ssize_t n = pread(f->fd, b, sizeof(b), (off_t)offset);
	if (f->ret->machine == EM_AARCH64)
		return n >= 4 && (offset & 3) == 0 && memcmp(b, "\x1f\x20\x03\xd5", 4) == 0;
	uint32_t i = 0;
	*ret_nop5 = n >= 5 && memcmp(b, "\x0f\x1f\x44\x00\x00", 5) == 0;
	while (i < 10 && (b[i] == 0x66 || b[i] == 0x2e))
		i++;
	return (ssize_t)i < n &&
	       (b[i] == 0x90 || ((ssize_t)i + 2 < n && b[i] == 0x0f && b[i + 1] == 0x1f && (b[i + 2] & 0x38) == 0));
}

static bool usdt_is_plain(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (s[i] <= ' ' || s[i] > '~' || s[i] == ':' || s[i] == '"')
			return false;
	return n > 0 && n <= USDT_MAX_NAME;
}

/* The description of one note; false: damaged, or of another place than this program. */
static bool usdt_note(struct usdt_file *f, const uint8_t *p, size_t n, uint64_t base)
{
	uint64_t w[3];
	const char *text[3];
	size_t at = USDT_WORDS, len[3];
	if (n < USDT_WORDS + 3)
		return false;
	memcpy(w, p, sizeof(w));
	for (int i = 0; i < 3; i++) {
		text[i] = (const char *)p + at;
		len[i] = strnlen(text[i], n - at);
		if (i == 2 && len[i] == n - at) /* some assemblers' macros leave out the last NUL */
			break;
		if (at + len[i] >= n)
			return false;
		at += len[i] + 1;
	}
	if (!usdt_is_plain(text[0], len[0]) || !usdt_is_plain(text[1], len[1]))
		return false;
	uint64_t moved = base && w[1] ? base - w[1] : 0;
	struct sym_usdt u = { .pc = w[0] + moved };
	if (!usdt_offset(f, u.pc, 1, PF_X, &u.offset))
		return false;
	if (w[2]) {
		u.sema_addr = w[2] + moved;
		if (!usdt_offset(f, u.sema_addr, 2, PF_W, &u.sema) || u.sema == 0)
			return false;
	}
	u.is_nop = usdt_is_nop(f, u.offset, &u.is_nop5);
	u.provider = arena_strndup(f->a, text[0], len[0]);
	u.name = arena_strndup(f->a, text[1], len[1]);
	u.args = arena_strndup(f->a, text[2], len[2]);
	vec_push(f->a, &f->ret->list, u);
	return true;
}

static void usdt_notes(struct usdt_file *f, Elf_Scn *scn, const GElf_Shdr *sh, uint64_t base)
{
	if (sh->sh_size > USDT_MAX_SECTION || sh->sh_size > f->size || (sh->sh_flags & SHF_COMPRESSED)) {
		f->ret->n_bad++;
		return;
	}
	Elf_Data *data = elf_rawdata(scn, NULL);
	size_t off = 0;
	while (data && data->d_buf && off + sizeof(GElf_Nhdr) <= data->d_size && f->ret->list.n < USDT_MAX_NOTES) {
		const uint8_t *p = (const uint8_t *)data->d_buf + off;
		size_t left = data->d_size - off - sizeof(GElf_Nhdr);
		GElf_Nhdr nh;
		memcpy(&nh, p, sizeof(nh));
		p += sizeof(nh);
		size_t name = ((size_t)nh.n_namesz + 3) & ~(size_t)3, desc = ((size_t)nh.n_descsz + 3) & ~(size_t)3;
		if (name > left || nh.n_descsz > left - name) {
			f->ret->n_bad++;
			return;
		}
		if (nh.n_type == USDT_NOTE && nh.n_namesz == 8 && !memcmp(p, "stapsdt", 8))
			f->ret->n_bad += !usdt_note(f, p + name, nh.n_descsz, base);
		off += sizeof(nh) + name + (desc > left - name ? left - name : desc);
	}
}

static int usdt_compare(const void *px, const void *py)
{
	const struct sym_usdt *x = px, *y = py;
	int c = strcmp(x->provider, y->provider);
	c = c ? c : strcmp(x->name, y->name);
	return c ? c : x->pc < y->pc ? -1 : x->pc > y->pc;
}

/* In order, and each place once: the same function in several objects may have left its notes as often. */
static void usdt_sort(struct sym_usdts *u)
{
	uint32_t n = 0;
	if (u->list.n > 1)
		qsort(u->list.v, u->list.n, sizeof(*u->list.v), usdt_compare);
	for (uint32_t i = 0; i < u->list.n; i++)
		if (n == 0 || usdt_compare(&u->list.v[n - 1], &u->list.v[i]) != 0)
			u->list.v[n++] = u->list.v[i];
	u->list.n = n;
}

static int usdt_sections(struct usdt_file *f)
{
	size_t names = 0;
	uint64_t base = 0;
	if (elf_getshdrstrndx(f->elf, &names) != 0)
		return 0;
	for (int pass = 0; pass < 2; pass++) {
		uint32_t n = 0;
		for (Elf_Scn *scn = NULL; (scn = elf_nextscn(f->elf, scn)) && n < USDT_MAX_SECTIONS; n++) {
			GElf_Shdr sh;
			const char *name = gelf_getshdr(scn, &sh) ? elf_strptr(f->elf, names, sh.sh_name) : NULL;
			if (!name)
				continue;
			if (pass == 0 && !strcmp(name, ".stapsdt.base")) {
				base = sh.sh_addr;
			} else if (pass == 1 && sh.sh_type == SHT_NOTE && !strcmp(name, ".note.stapsdt")) {
				f->ret->has_section = true;
				usdt_notes(f, scn, &sh, base);
			}
		}
	}
	return 0;
}

static int usdt_open(const char *path, struct usdt_file *f)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	f->fd = fd;
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || elf_version(EV_CURRENT) == EV_NONE)
		goto bad;
	f->size = (uint64_t)st.st_size;
	f->elf = elf_begin(fd, ELF_C_READ, NULL);
	if (!f->elf || elf_kind(f->elf) != ELF_K_ELF)
		goto bad;
	return 0;
bad:
	if (f->elf)
		elf_end(f->elf);
	close(fd);
	return -ENOEXEC;
}

static void usdt_close(struct usdt_file *f)
{
	elf_end(f->elf);
	close(f->fd);
}

int sym_usdt_read(struct arena *a, const char *path, struct sym_usdts *ret)
{
	struct usdt_file f = { .a = a, .ret = ret };
	GElf_Ehdr eh;
	*ret = (struct sym_usdts){ .path = path };
	int r = usdt_open(path, &f);
	if (r < 0)
		return r;
	r = gelf_getehdr(f.elf, &eh) ? 0 : -ENOEXEC;
	if (r == 0) {
		ret->machine = eh.e_machine;
		ret->state = eh.e_machine == USDT_NATIVE ? SYM_USDT_OK : SYM_USDT_FOREIGN;
		if (gelf_getclass(f.elf) != ELFCLASS64)
			ret->state = SYM_USDT_32_BIT;
		/* Addresses are read as they lie there. */
		bool same =
		    eh.e_ident[EI_DATA] == (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB);
		if (ret->state != SYM_USDT_32_BIT && same)
			r = usdt_segments(&f);
		if (r == 0 && ret->state != SYM_USDT_32_BIT && same)
			r = usdt_sections(&f);
	}
	usdt_close(&f);
	if (r == 0)
		usdt_sort(ret);
	return r;
}

/* -- symbols that arguments name -- */

struct sym_usdt_symbols { struct map by_name; };

static void usdt_read_symbols(struct usdt_file *f, Elf_Scn *scn, const GElf_Shdr *sh, struct sym_usdt_symbols *to)
{
	if (sh->sh_entsize == 0 || sh->sh_size > f->size)
		return;
	Elf_Data *data = elf_getdata(scn, NULL);
	uint64_t n = data && data->d_buf ? sh->sh_size / sh->sh_entsize : 0;
	if (data && n > data->d_size / sizeof(Elf64_Sym))
		n = data->d_size / sizeof(Elf64_Sym);
	for (uint64_t i = 1; i < n && to->by_name.n < USDT_MAX_SYMBOLS; i++) {
		GElf_Sym s;
		if (!gelf_getsym(data, (int)i, &s))
			break;
		unsigned type = GELF_ST_TYPE(s.st_info);
		if (s.st_shndx == SHN_UNDEF || s.st_shndx == SHN_ABS ||
		    (type != STT_OBJECT && type != STT_FUNC && type != STT_NOTYPE))
			continue;
		const char *name = elf_strptr(f->elf, sh->sh_link, s.st_name);
		if (!name || !*name)
			continue;
		struct str key = { name, (uint32_t)strcspn(name, "@") };
		uint64_t *old = map_get(&to->by_name, key), *at = old ? old : arena_new(f->a, uint64_t);
		if (old && *old != s.st_value) { /* two local variables of one name: neither can be meant */
			*old = 0;
		} else if (!old) {
			*at = s.st_value;
			map_put(f->a, &to->by_name, (struct str){ arena_strndup(f->a, key.s, key.len), key.len }, at);
		}
	}
}

/* True: there was a table of all symbols, with static variables, too. */
static bool usdt_read_tables(struct usdt_file *f, struct sym_usdt_symbols *to)
{
	uint32_t n = 0;
	bool whole = false;
	for (Elf_Scn *scn = NULL; (scn = elf_nextscn(f->elf, scn)) && n < USDT_MAX_SECTIONS; n++) {
		GElf_Shdr sh;
		if (!gelf_getshdr(scn, &sh) || (sh.sh_type != SHT_SYMTAB && sh.sh_type != SHT_DYNSYM))
			continue;
		whole |= sh.sh_type == SHT_SYMTAB;
		usdt_read_symbols(f, scn, &sh, to);
	}
	return whole;
}

/* The file's own tables; where it is stripped, those of its separate debug file: addresses are the same. */
static struct sym_usdt_symbols *usdt_symbols(struct arena *a, const struct sym_usdts *u)
{
	struct sym_usdt_symbols *to = arena_new(a, struct sym_usdt_symbols);
	struct usdt_file f = { .a = a };
	if (usdt_open(u->path, &f) < 0)
		return to;
	struct usdt_file debug = { .a = a, .fd = -1 };
	struct stat st;
	if (!usdt_read_tables(&f, to) && u->root)
		debug.fd = sym_debug_open(f.fd, u->root, u->path + strlen(u->root));
	usdt_close(&f);
	if (debug.fd < 0)
		return to;
	debug.elf = elf_begin(debug.fd, ELF_C_READ, NULL);
	if (fstat(debug.fd, &st) == 0 && debug.elf && elf_kind(debug.elf) == ELF_K_ELF) {
		debug.size = (uint64_t)st.st_size;
		usdt_read_tables(&debug, to);
	}
	usdt_close(&debug);
	return to;
}

struct usdt_asking { struct arena *a; struct sym_usdts *u; };

static bool usdt_symbol(void *arg, struct str name, uint64_t *ret)
{
	struct usdt_asking *x = arg;
	if (!x->u->symbols)
		x->u->symbols = usdt_symbols(x->a, x->u);
	const uint64_t *at = map_get(&x->u->symbols->by_name, name);
	if (!at || !*at)
		return false;
	*ret = *at;
	return true;
}

struct usdt_spec *sym_usdt_args(struct arena *a, struct sym_usdts *u, const struct sym_usdt *at)
{
	struct usdt_asking x = { a, u };
	return sym_usdt_parse(a, u->machine, at->args, at->pc, usdt_symbol, &x);
}
