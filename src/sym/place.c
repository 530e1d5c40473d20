/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where in the source is this address, and which functions were inlined there? From DWARF, by libdw.
 *
 * A table of all compilation units' address ranges is made when the file is opened; .debug_aranges is not relied on, for some compilers leave
 * it out. The functions of a unit are listed when an address of it is asked for the first time. Within a function the tree of
 * inlined calls is walked down, and each inlined function is named by its own entry, while *where it was called* is the line that its
 * caller is at: the innermost has the line of the address itself.
 *
 * libdw keeps what it has parsed: after many units the file is opened anew. The sizes that sections claim are checked before libdw
 * sees them. What it makes of damaged ones is its own, which is why this runs in another process (line.c).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sym/dw.h"
#include "sym/elf.h"
#include "sym/line.h"

enum { PLACE_UNITS_MAX = 1 << 20, PLACE_RANGES_MAX = 8 << 20, PLACE_DEPTH = 32, PLACE_REOPEN = 1000, PLACE_FUNCTIONS_MAX = 1 << 20 };
#define PLACE_BYTES_MAX ((uint64_t)1 << 30)

struct range { uint64_t lo, hi, die; }; /* die: offset of the unit's, or the function's */
struct unit {
	uint64_t die;
	struct range *functions;
	uint32_t n, cap;
	bool listed;
};
struct places {
	struct dw *d;
	Elf *elf;
	Dwarf *dbg;
	int fd;
	bool demangle;
	uint64_t bias;
	struct unit *units;
	struct range *ranges; /* die: index of the unit */
	uint32_t n_units, cap_units, n_ranges, cap_ranges, n_read;
	struct buf text;
};

static int range_compare(const void *px, const void *py)
{
	const struct range *x = px, *y = py;
	return x->lo != y->lo ? (x->lo < y->lo ? -1 : 1) : x->hi != y->hi ? (x->hi > y->hi ? -1 : 1) : 0;
}

static bool range_add(struct range **v, uint32_t *n, uint32_t *cap, uint32_t max, struct range r)
{
	if (r.hi <= r.lo || !r.lo) /* what the linker threw away stays at 0 */
		return true;
	if (*n == *cap) {
		uint32_t want = *cap ? *cap * 2 : 64;
		struct range *p = want <= max ? realloc(*v, want * sizeof(*p)) : NULL;
		if (!p)
			return false;
		*v = p;
		*cap = want;
	}
	(*v)[(*n)++] = r;
	return true;
}

/* The narrowest that contains the address: ranges of functions do not overlap but for nested ones. */
static const struct range *range_at(const struct range *v, uint32_t n, uint64_t addr)
{
	uint32_t lo = 0, hi = n;
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		if (v[mid].lo <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (uint32_t back = 0; lo > 0 && back < 64; back++)
		if (addr < v[--lo].hi)
			return &v[lo];
	return NULL;
}

/* Sections that claim more than there can be are not shown to libdw. */
static bool place_sane(Elf *elf)
{
	uint64_t sum = 0;
	uint32_t n_scn = 0;
	for (Elf_Scn *scn = NULL; (scn = elf_nextscn(elf, scn)) && n_scn < ELF_MAX_SECTIONS; n_scn++) {
		GElf_Shdr sh;
		GElf_Chdr ch;
		if (!gelf_getshdr(scn, &sh) || sh.sh_type == SHT_NOBITS)
			continue;
		uint64_t size = sh.sh_size;
		if (sh.sh_flags & SHF_COMPRESSED)
			size = gelf_getchdr(scn, &ch) ? ch.ch_size : PLACE_BYTES_MAX;
		if (size > PLACE_BYTES_MAX || (sum += size) > PLACE_BYTES_MAX)
			return false;
	}
	return true;
}

static int place_begin(struct places *p)
{
	p->elf = elf_begin(p->fd, ELF_C_READ, NULL);
	if (!p->elf || elf_kind(p->elf) != ELF_K_ELF || !place_sane(p->elf))
		return -ENOEXEC;
	p->dbg = p->d->dwarf_begin_elf(p->elf, DWARF_C_READ, NULL);
	return p->dbg ? 0 : -ENOENT;
}

static void place_end(struct places *p)
{
	if (p->dbg)
		p->d->dwarf_end(p->dbg);
	if (p->elf)
		elf_end(p->elf);
	p->dbg = NULL;
	p->elf = NULL;
}

static int place_list_units(struct places *p)
{
	Dwarf_CU *cu = NULL;
	Dwarf_Die die, sub;
	uint8_t type;
	while (p->n_units < PLACE_UNITS_MAX && p->d->dwarf_get_units(p->dbg, cu, &cu, NULL, &type, &die, &sub) == 0) {
		if (type != DW_UT_compile && type != DW_UT_skeleton)
			continue;
		if (p->n_units == p->cap_units) {
			uint32_t cap = p->cap_units ? p->cap_units * 2 : 64;
			struct unit *u = realloc(p->units, cap * sizeof(*u));
			if (!u)
				return -ENOMEM;
			p->units = u;
			p->cap_units = cap;
		}
		Dwarf_Addr base, lo, hi;
		ptrdiff_t off = 0;
		while ((off = p->d->dwarf_ranges(&die, off, &base, &lo, &hi)) > 0)
			if (!range_add(&p->ranges, &p->n_ranges, &p->cap_ranges, PLACE_RANGES_MAX, (struct range){ lo, hi, p->n_units }))
				return -ENOMEM;
		p->units[p->n_units++] = (struct unit){ .die = p->d->dwarf_dieoffset(&die) };
	}
	if (p->n_ranges)
		qsort(p->ranges, p->n_ranges, sizeof(*p->ranges), range_compare);
	return 0;
}

int places_open(int fd, uint64_t bias, bool demangle, struct places **ret)
{
	struct places *p = calloc(1, sizeof(*p));
	int r = p ? 0 : -ENOMEM;
	if (!p) {
		close(fd);
		return r;
	}
	p->fd = fd;
	p->bias = bias;
	p->demangle = demangle;
	if (elf_version(EV_CURRENT) == EV_NONE)
		r = -ENOSYS;
	r = r ? r : dw_open(&p->d);
	r = r ? r : place_begin(p);
	r = r ? r : place_list_units(p);
	if (r < 0) {
		places_close(p);
		return r;
	}
	*ret = p;
	return 0;
}

void places_close(struct places *p)
{
	if (!p)
		return;
	place_end(p);
	dw_close(p->d);
	close(p->fd);
	for (uint32_t i = 0; i < p->n_units; i++)
		free(p->units[i].functions);
	free(p->units);
	free(p->ranges);
	buf_fini(&p->text);
	free(p);
}

/* The functions below a unit's or a scope's entry: compilers put them into namespaces and types. */
static bool unit_list(struct places *p, struct unit *u, Dwarf_Die *parent, int depth)
{
	Dwarf_Die die;
	if (depth > PLACE_DEPTH || p->d->dwarf_child(parent, &die) != 0)
		return true;
	do {
		Dwarf_Addr base, lo, hi;
		ptrdiff_t off = 0;
		switch (p->d->dwarf_tag(&die)) {
		case DW_TAG_subprogram:
			while ((off = p->d->dwarf_ranges(&die, off, &base, &lo, &hi)) > 0)
				if (!range_add(&u->functions, &u->n, &u->cap, PLACE_FUNCTIONS_MAX,
					       (struct range){ lo, hi, p->d->dwarf_dieoffset(&die) }))
					return false;
			if (p->d->dwarf_haschildren(&die) > 0 && !unit_list(p, u, &die, depth + 8)) /* nested functions */
				return false;
			break;
		case DW_TAG_namespace:
		case DW_TAG_module:
		case DW_TAG_structure_type:
		case DW_TAG_class_type:
		case DW_TAG_union_type:
		case DW_TAG_enumeration_type:
			if (!unit_list(p, u, &die, depth + 1))
				return false;
			break;
		}
	} while (p->d->dwarf_siblingof(&die, &die) == 0);
	return true;
}

/* -- one address -- */

/* Texts are put into one buffer, which moves while it grows: by offset until all are there. */
static const char *text_keep(struct places *p, const char *s)
{
	uintptr_t at = p->text.len;
	buf_add(&p->text, s, strlen(s) + 1);
	return (const char *)(at + 1);
}

static const char *text_at(const struct places *p, const char *offset)
{
	return offset ? p->text.s + ((uintptr_t)offset - 1) : NULL;
}

static const char *place_name(struct places *p, Dwarf_Die *die)
{
	Dwarf_Attribute attr;
	struct buf b = { 0 };
	const char *s = NULL, *kept = NULL;
	static const unsigned names[] = { DW_AT_linkage_name, DW_AT_MIPS_linkage_name };
	for (int i = 0; i < 2 && !s; i++)
		if (p->d->dwarf_attr_integrate(die, names[i], &attr))
			s = p->d->dwarf_formstring(&attr);
	if (!s)
		s = p->d->dwarf_diename(die);
	if (s && p->demangle && sym_demangle(s, &b))
		kept = text_keep(p, b.s);
	else if (s)
		kept = text_keep(p, s);
	buf_fini(&b);
	return kept;
}

static const char *place_file(struct places *p, Dwarf_Die *unit, const char *s)
{
	Dwarf_Attribute attr;
	const char *dir = s && s[0] != '/' && p->d->dwarf_attr(unit, DW_AT_comp_dir, &attr) ? p->d->dwarf_formstring(&attr) : NULL;
	if (!s)
		return NULL;
	const char *kept = text_keep(p, dir ? dir : s);
	if (dir) {
		p->text.len--; /* on, in place of its end */
		buf_addc(&p->text, '/');
		buf_add(&p->text, s, strlen(s) + 1);
	}
	return kept;
}

static uint32_t place_number(struct places *p, Dwarf_Die *die, unsigned name)
{
	Dwarf_Attribute attr;
	Dwarf_Word v;
	return p->d->dwarf_attr(die, name, &attr) && p->d->dwarf_formudata(&attr, &v) == 0 && v <= UINT32_MAX ? (uint32_t)v : 0;
}

struct call { const char *name, *file; uint32_t line; }; /* an inlined function, and where it was called */

/* The inlined calls at the address below `parent`, outermost first. */
static uint32_t place_inlined(struct places *p, Dwarf_Die *unit, Dwarf_Die *parent, uint64_t addr, struct call *v)
{
	Dwarf_Die die, at = *parent;
	Dwarf_Files *files;
	size_t n_files = 0;
	uint32_t n = 0;
	if (p->d->dwarf_getsrcfiles(unit, &files, &n_files) != 0)
		n_files = 0;
	for (int depth = 0; depth < 4 * PLACE_DEPTH && p->d->dwarf_child(&at, &die) == 0; depth++) {
		bool found = false;
		do {
			int tag = p->d->dwarf_tag(&die);
			if ((tag != DW_TAG_inlined_subroutine && tag != DW_TAG_lexical_block) || p->d->dwarf_haspc(&die, addr) <= 0)
				continue;
			found = true;
			if (tag == DW_TAG_inlined_subroutine && n < SYM_INLINES) {
				uint32_t file = place_number(p, &die, DW_AT_call_file);
				v[n++] = (struct call){ place_name(p, &die),
							place_file(p, unit, file && file < n_files ? p->d->dwarf_filesrc(files, file, NULL, NULL) : NULL),
							place_number(p, &die, DW_AT_call_line) };
			}
			break;
		} while (p->d->dwarf_siblingof(&die, &die) == 0);
		if (!found)
			break;
		at = die;
	}
	return n;
}

static bool place_reopen(struct places *p)
{
	if (p->n_read++ < PLACE_REOPEN)
		return true;
	place_end(p);
	p->n_read = 0;
	for (uint32_t i = 0; i < p->n_units; i++) {
		free(p->units[i].functions);
		p->units[i] = (struct unit){ .die = p->units[i].die };
	}
	return place_begin(p) == 0;
}

bool places_at(struct places *p, uint64_t addr, struct sym_place *ret)
{
	struct call calls[SYM_INLINES];
	Dwarf_Die cu, function;
	addr -= p->bias;
	const struct range *r = range_at(p->ranges, p->n_ranges, addr);
	struct unit *u = r ? &p->units[r->die] : NULL;
	*ret = (struct sym_place){ 0 };
	buf_clear(&p->text);
	if (!u || !p->dbg || (!u->listed && !place_reopen(p)) || !p->d->dwarf_offdie(p->dbg, u->die, &cu))
		return false;
	if (!u->listed) {
		u->listed = true;
		unit_list(p, u, &cu, 0);
		if (u->n)
			qsort(u->functions, u->n, sizeof(*u->functions), range_compare);
	}
	Dwarf_Line *line = p->d->dwarf_getsrc_die(&cu, addr);
	int number = 0;
	const char *file = line ? p->d->dwarf_linesrc(line, NULL, NULL) : NULL;
	if (!file || p->d->dwarf_lineno(line, &number) != 0 || number <= 0)
		return false;
	file = place_file(p, &cu, file);
	const struct range *f = range_at(u->functions, u->n, addr);
	uint32_t n = f && p->d->dwarf_offdie(p->dbg, f->die, &function) ? place_inlined(p, &cu, &function, addr, calls) : 0;
	if (p->text.oom)
		return false;
	/* Each is where the one within it was called; the innermost is at the address. */
	for (uint32_t i = n; i-- > 0;) {
		struct sym_inline *in = &ret->in[ret->n++];
		*in = (struct sym_inline){ text_at(p, calls[i].name), text_at(p, file), (uint32_t)number };
		if (!in->name)
			in->name = "?";
		file = calls[i].file;
		number = (int)calls[i].line;
	}
	ret->file = text_at(p, file);
	ret->line = (uint32_t)number;
	return ret->file || ret->n;
}
