/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Debug information of a program: which file has it, its units, and the functions in them. Types are made in type.c,
 * source lines looked up in source.c; libdw decodes (dw.h).
 *
 * A file that has been stripped of its debug information has it in a separate file, if at all (debug.c finds that).
 * What decides is the section .debug_info: a file may have lines or frames without it.
 *
 * A function is found by the address of its entry, since that is what a symbol tells and a probe needs. The unit is
 * found by its ranges; then all functions of the unit are noted by address, so that thousands of them cost one walk.
 *
 * Invariants: every walk asks dwarf_visit() at each step, and every chain of references has a bound, so that a
 * damaged file ends the search early and never hangs it. Files are read, not mapped: one that shrinks under us is a
 * short read and no signal.
 */
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sym/dwarf_priv.h"
#include "sym/sym.h"

/* -- small questions -- */

bool dwarf_visit(struct sym_dwarf *d)
{
	return d->visits < DWARF_VISITS && ++d->visits;
}

bool dwarf_next(struct sym_dwarf *d, Dwarf_Die *die)
{
	const void *at = die->addr;
	return dwarf_visit(d) && d->dw->dwarf_siblingof(die, die) == 0 && (uintptr_t)die->addr > (uintptr_t)at;
}

bool dwarf_number(struct sym_dwarf *d, Dwarf_Die *die, unsigned name, uint64_t *ret)
{
	Dwarf_Attribute at;
	Dwarf_Word v;
	if (!d->dw->dwarf_attr(die, name, &at) || d->dw->dwarf_formudata(&at, &v) != 0)
		return false;
	*ret = v;
	return true;
}

bool dwarf_flag(struct sym_dwarf *d, Dwarf_Die *die, unsigned name)
{
	Dwarf_Attribute at;
	bool v = false;
	return d->dw->dwarf_attr_integrate(die, name, &at) && d->dw->dwarf_formflag(&at, &v) == 0 && v;
}

bool dwarf_follow(struct sym_dwarf *d, Dwarf_Die *die, unsigned name, Dwarf_Die *ret)
{
	Dwarf_Attribute at;
	Dwarf_Die to;
	if (!d->dw->dwarf_attr(die, name, &at) || !d->dw->dwarf_formref_die(&at, &to))
		return false;
	*ret = to;
	return true;
}

const char *dwarf_name(struct sym_dwarf *d, Dwarf_Die *die)
{
	const char *s = d->dw->dwarf_diename(die);
	return s ? s : "";
}

/* -- the file -- */

/* Strings are read up to their NUL, by libdw too, which has not always looked where the section ends. */
static bool dwarf_is_terminated(Elf_Scn *scn, const GElf_Shdr *sh)
{
	if ((sh->sh_flags & SHF_COMPRESSED) && elf_compress(scn, 0, 0) < 0)
		return false;
	Elf_Data *data = elf_getdata(scn, NULL);
	return !data || !data->d_size || (data->d_buf && ((const char *)data->d_buf)[data->d_size - 1] == 0);
}

/* Its bytes are there: a stripped file's sections are gone, or marked as having none. */
static bool dwarf_has_info(Elf *elf)
{
	bool has = false;
	size_t names = 0;
	uint32_t n = 0;
	GElf_Shdr sh;
	if (elf_kind(elf) != ELF_K_ELF || elf_getshdrstrndx(elf, &names) != 0)
		return false;
	for (Elf_Scn *scn = NULL; (scn = elf_nextscn(elf, scn)) && n < DWARF_SECTIONS; n++) {
		const char *s = gelf_getshdr(scn, &sh) ? elf_strptr(elf, names, sh.sh_name) : NULL;
		if (!s || sh.sh_type == SHT_NOBITS)
			continue;
		has |= strcmp(s, ".debug_info") == 0 || strcmp(s, ".zdebug_info") == 0;
		if ((strcmp(s, ".debug_str") == 0 || strcmp(s, ".debug_line_str") == 0) && !dwarf_is_terminated(scn, &sh))
			return false;
	}
	return has;
}

/* Takes the descriptor. */
static bool dwarf_take(struct sym_dwarf *d, int fd)
{
	Elf *elf = fd >= 0 ? elf_begin(fd, ELF_C_READ, NULL) : NULL;
	if (elf && dwarf_has_info(elf)) {
		d->elf = elf;
		d->fd = fd;
		return true;
	}
	if (elf)
		elf_end(elf);
	if (fd >= 0)
		close(fd);
	return false;
}

static bool dwarf_find(struct sym_dwarf *d, const char *root, const char *path)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		d->why = "the file cannot be read";
		if (fd >= 0)
			close(fd);
		return false;
	}
	int again = fcntl(fd, F_DUPFD_CLOEXEC, 0), separate = -1;
	bool own = dwarf_take(d, fd);
	if (!own && again >= 0)
		separate = sym_debug_open(again, root, path + strlen(root));
	if (again >= 0)
		close(again);
	return own || dwarf_take(d, separate);
}

static void dwarf_begin_file(struct sym_dwarf *d, const char *root, const char *path)
{
	if (elf_version(EV_CURRENT) == EV_NONE || d->set->dw_err) {
		d->why = "libdw is not installed";
		return;
	}
	if (!dwarf_find(d, root, path)) {
		d->why = d->why ? d->why : "it has no debug information, and no separate file that has it was found";
		return;
	}
	d->dbg = d->dw->dwarf_begin_elf(d->elf, DWARF_C_READ, NULL);
	if (!d->dbg)
		d->why = "its debug information cannot be read";
}

struct sym_dwarfs *sym_dwarfs_new(struct arena *a)
{
	struct sym_dwarfs *s = calloc(1, sizeof(*s));
	if (s)
		s->a = a;
	return s;
}

void sym_dwarfs_free(struct sym_dwarfs *s)
{
	for (uint32_t i = 0; s && i < s->list.n; i++) {
		struct sym_dwarf *d = s->list.v[i];
		if (d->dbg)
			d->dw->dwarf_end(d->dbg);
		if (d->elf)
			elf_end(d->elf);
		if (d->fd >= 0)
			close(d->fd);
	}
	if (s)
		dw_close(s->dw);
	free(s);
}

struct sym_dwarf *sym_dwarf_open(struct sym_dwarfs *s, const char *root, const char *path, const char **ret_why)
{
	for (uint32_t i = 0; i < s->list.n; i++) {
		if (!str_is(s->list.v[i]->key, path))
			continue;
		*ret_why = s->list.v[i]->why;
		return s->list.v[i]->why ? NULL : s->list.v[i];
	}
	if (!s->dw && !s->dw_err)
		s->dw_err = dw_open(&s->dw);
	struct sym_dwarf *d = arena_new(s->a, struct sym_dwarf);
	d->maker.complete = dwarf_complete;
	d->set = s;
	d->a = s->a;
	d->dw = s->dw;
	d->fd = -1;
	d->key = str_of(arena_strdup(s->a, path));
	vec_push(s->a, &s->list, d);
	dwarf_begin_file(d, root, path);
	*ret_why = d->why;
	return d->why ? NULL : d;
}

/* -- units -- */

void dwarf_read_units(struct sym_dwarf *d)
{
	Dwarf_CU *cu = NULL, *next;
	Dwarf_Half version;
	uint8_t kind;
	Dwarf_Die die, split;
	if (d->units_read)
		return;
	d->units_read = true;
	while (d->units.n < DWARF_UNITS && d->dw->dwarf_get_units(d->dbg, cu, &next, &version, &kind, &die, &split) == 0) {
		struct dwarf_unit u = { .die = die, .place = die };
		if (kind == DW_UT_skeleton && split.addr)
			u.die = split;
		cu = next;
		if (kind != DW_UT_type && kind != DW_UT_split_type && d->dw->dwarf_tag(&u.die) >= 0)
			vec_push(d->a, &d->units, u);
	}
}

/* The table of ranges knows most units; some compilers make none. */
struct dwarf_unit *dwarf_unit_at(struct sym_dwarf *d, uint64_t addr)
{
	Dwarf_Die cu;
	dwarf_read_units(d);
	if (d->dw->dwarf_addrdie(d->dbg, addr, &cu))
		for (uint32_t i = 0; i < d->units.n; i++)
			if (d->units.v[i].place.addr == cu.addr)
				return &d->units.v[i];
	for (uint32_t i = 0; i < d->units.n && dwarf_visit(d); i++)
		if (d->dw->dwarf_haspc(&d->units.v[i].place, addr) == 1)
			return &d->units.v[i];
	return NULL;
}

/* -- functions -- */

static bool func_entry(struct sym_dwarf *d, Dwarf_Die *die, uint64_t *ret)
{
	Dwarf_Addr addr, base, end;
	if (d->dw->dwarf_entrypc(die, &addr) != 0 && d->dw->dwarf_lowpc(die, &addr) != 0 &&
	    d->dw->dwarf_ranges(die, 0, &base, &addr, &end) <= 0)
		return false;
	*ret = addr;
	return addr != 0; /* 0: discarded by the linker */
}

static void func_note(struct sym_dwarf *d, struct dwarf_unit *u, Dwarf_Die *scope, unsigned depth)
{
	Dwarf_Die die;
	if (depth > DWARF_DEPTH || d->dw->dwarf_child(scope, &die) != 0)
		return;
	do {
		struct dwarf_entry e = { .die = die };
		switch (d->dw->dwarf_tag(&die)) {
		case DW_TAG_subprogram:
			if (func_entry(d, &die, &e.addr))
				vec_push(d->a, &u->funcs, e);
			break;
		case DW_TAG_namespace: case DW_TAG_module: case DW_TAG_class_type: case DW_TAG_structure_type: case DW_TAG_union_type:
			func_note(d, u, &die, depth + 1);
			break;
		default:
			break;
		}
	} while (dwarf_next(d, &die));
}

static int func_order(const void *x, const void *y)
{
	const struct dwarf_entry *p = x, *q = y;
	return p->addr < q->addr ? -1 : p->addr > q->addr;
}

static bool func_is_named(struct sym_dwarf *d, Dwarf_Die *die, const char *name)
{
	Dwarf_Attribute at;
	const char *s = d->dw->dwarf_attr_integrate(die, DW_AT_linkage_name, &at) ? d->dw->dwarf_formstring(&at) : NULL;
	return strcmp(s ? s : dwarf_name(d, die), name) == 0;
}

static Dwarf_Die *func_find(struct sym_dwarf *d, struct dwarf_unit *u, uint64_t addr, const char *name)
{
	Dwarf_Die *best = NULL;
	if (!u->indexed) {
		u->indexed = true;
		func_note(d, u, &u->die, 0);
		if (u->funcs.n)
			qsort(u->funcs.v, u->funcs.n, sizeof(*u->funcs.v), func_order);
	}
	uint32_t lo = 0, hi = u->funcs.n;
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		if (u->funcs.v[mid].addr < addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < u->funcs.n && u->funcs.v[lo].addr == addr; lo++)
		if (!best || func_is_named(d, &u->funcs.v[lo].die, name))
			best = &u->funcs.v[lo].die;
	return best;
}

/* Where the parameter is when the function is entered, if that is told: by a list of places for ranges of addresses. One place for the whole
 * function is not true before its prologue has put the parameter there. */
static void func_place(struct sym_dwarf *d, Dwarf_Die *die, uint64_t entry, struct sym_param *p)
{
	Dwarf_Attribute at;
	Dwarf_Op *op;
	size_t n = 0;
	p->reg = -1;
	if (!d->dw->dwarf_attr(die, DW_AT_location, &at))
		return;
	unsigned form = d->dw->dwarf_whatform(&at);
	if ((form != DW_FORM_loclistx && form != DW_FORM_sec_offset && form != DW_FORM_data4 && form != DW_FORM_data8) || d->dw->dwarf_getlocation_addr(&at, entry, &op, &n, 1) != 1 || n != 1)
		return;
	if (op->atom >= DW_OP_reg0 && op->atom <= DW_OP_reg31)
		p->reg = op->atom - DW_OP_reg0;
	else if (op->atom == DW_OP_regx && op->number < 256)
		p->reg = (int)op->number;
}

static void func_params(struct sym_dwarf *d, Dwarf_Die *die, uint64_t entry, struct sym_func *f)
{
	Dwarf_Die proto = *die, p, own;
	bool has_own;
	/* An inlined function has its parameters, all of them and in order, in the abstract one. */
	for (unsigned i = 0; i < DWARF_PEEL && dwarf_follow(d, &proto, DW_AT_abstract_origin, &proto); i++)
		;
	has_own = proto.addr != die->addr && d->dw->dwarf_child(die, &own) == 0;
	if (d->dw->dwarf_child(&proto, &p) != 0 &&
	    (!dwarf_follow(d, &proto, DW_AT_specification, &proto) || d->dw->dwarf_child(&proto, &p) != 0))
		return;
	do {
		int tag = d->dw->dwarf_tag(&p);
		if (tag == DW_TAG_unspecified_parameters)
			f->variadic = true;
		if (tag != DW_TAG_formal_parameter)
			continue;
		struct sym_param x = { .name = str_of(arena_strdup(d->a, dwarf_name(d, &p))) };
		Dwarf_Die type, place = p;
		if (!x.name.len)
			x.name = str_of(arena_printf(d->a, "arg%u", f->params.n));
		x.type = dwarf_type_of(d, &p, 0);
		if (x.type->kind == T_STRUCT && dwarf_follow(d, &p, DW_AT_type, &type) && dwarf_by_reference(d, &type, 0))
			x.type = type_ptr(d->a, x.type, AS_USER);
		/* The concrete function's own entries say where they are. */
		Dwarf_Die it = own, abstract;
		bool found = false;
		for (bool more = has_own; more; more = dwarf_next(d, &it))
			if (d->dw->dwarf_tag(&it) == DW_TAG_formal_parameter && dwarf_follow(d, &it, DW_AT_abstract_origin, &abstract) &&
			    abstract.addr == p.addr) {
				place = it;
				found = true;
			}
		/* What the compiler adds to constructors and destructors, not all variants of them take. */
		if (proto.addr != die->addr && !found && !str_is(x.name, "this") && dwarf_flag(d, &p, DW_AT_artificial))
			continue;
		func_place(d, &place, entry, &x);
		vec_push(d->a, &f->params, x);
	} while (f->params.n < 256 && dwarf_next(d, &p));
}

static enum sym_language func_language(struct sym_dwarf *d, struct dwarf_unit *u)
{
	switch (d->dw->dwarf_srclang(&u->die)) {
	case DW_LANG_Go:
		return LANG_GO;
	case DW_LANG_C89: case DW_LANG_C: case DW_LANG_C99: case DW_LANG_C11: case DW_LANG_C_plus_plus: case DW_LANG_C_plus_plus_03:
	case DW_LANG_C_plus_plus_11: case DW_LANG_C_plus_plus_14: case DW_LANG_ObjC: case DW_LANG_ObjC_plus_plus: case 0x2a /* C++17 */:
	case 0x2b /* C++20 */: case 0x2c /* C17 */: case 0x3a /* C++23 */: case 0x3e /* C23 */: case DW_LANG_Mips_Assembler:
		return LANG_C;
	default:
		return LANG_OTHER;
	}
}

static struct sym_func *func_make(struct sym_dwarf *d, struct dwarf_unit *u, Dwarf_Die *die, uint64_t addr)
{
	struct sym_func *f = arena_new(d->a, struct sym_func);
	Dwarf_Attribute at;
	Dwarf_Word cc;
	Dwarf_Die type;
	f->name = str_of(arena_strdup(d->a, dwarf_name(d, die)));
	f->language = func_language(d, u);
	f->ret = dwarf_type_of(d, die, 0);
	if (d->dw->dwarf_attr_integrate(die, DW_AT_type, &at) && d->dw->dwarf_formref_die(&at, &type))
		f->ret_by_memory = f->ret->kind == T_STRUCT && dwarf_by_reference(d, &type, 0);
	f->changed = d->dw->dwarf_attr_integrate(die, DW_AT_calling_convention, &at) && d->dw->dwarf_formudata(&at, &cc) == 0 && cc == DW_CC_nocall;
	func_params(d, die, addr, f);
	return f;
}

const struct sym_func *sym_dwarf_function(struct sym_dwarf *d, uint64_t addr, const char *name)
{
	struct str key = { arena_strndup(d->a, (const char *)&addr, sizeof(addr)), sizeof(addr) };
	struct sym_func **known = map_get(&d->funcs, key);
	if (known)
		return *known;
	struct dwarf_unit *u = dwarf_unit_at(d, addr);
	Dwarf_Die *die = u ? func_find(d, u, addr, name) : NULL;
	known = arena_new(d->a, struct sym_func *);
	*known = die ? func_make(d, u, die, addr) : NULL;
	map_put(d->a, &d->funcs, key, known);
	return *known;
}
