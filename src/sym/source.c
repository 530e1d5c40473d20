/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the code of a source line begins. The line table of a unit says for ranges of addresses which line they come
 * from; the code of one line is often in several pieces (the three parts of a `for`), and a line that is inlined has
 * code wherever that was done. A probe wants one place for each execution, as near as can be had: so of each
 * function, and of each inlined copy of one, the lowest address that begins a statement of the line is taken.
 *
 * A file is named by a path or the end of one ("io.c" means "../src/io.c"), since the table has the names with which
 * the compiler was called.
 */
#include <stdlib.h>

#include "sym/dwarf_priv.h"

enum { LINE_FOUND = 10000, LINE_FILES = 8 };

struct line_search {
	struct sym_dwarf *d;
	const char *file;
	size_t file_len;
	uint32_t line, column;
	struct sym_lines *ret;
	VEC(struct line_place) places;
};
struct line_place {
	struct sym_line line;
	uint64_t scope; /* the inlined copy or function that it is in: where its description lies; 0: none */
};

/* The whole path, or what stands behind a slash. */
static bool line_is_file(const struct line_search *x, const char *name)
{
	size_t n = strlen(name);
	return n >= x->file_len && memcmp(name + n - x->file_len, x->file, x->file_len) == 0 &&
	       (n == x->file_len || name[n - x->file_len - 1] == '/');
}

/* The innermost scope of code that has the address, below `die`. */
static void line_scope(struct sym_dwarf *d, Dwarf_Die *die, uint64_t addr, unsigned depth, uint64_t *ret)
{
	Dwarf_Die c;
	if (depth > DWARF_DEPTH || d->dw->dwarf_child(die, &c) != 0)
		return;
	do {
		int tag = d->dw->dwarf_tag(&c);
		bool code = tag == DW_TAG_subprogram || tag == DW_TAG_inlined_subroutine;
		if (!code && tag != DW_TAG_lexical_block && tag != DW_TAG_namespace && tag != DW_TAG_module && tag != DW_TAG_class_type &&
		    tag != DW_TAG_structure_type)
			continue;
		bool has = (code || tag == DW_TAG_lexical_block) && d->dw->dwarf_haspc(&c, addr) == 1;
		if (has && code)
			*ret = (uint64_t)(uintptr_t)c.addr;
		if (has || !code) {
			line_scope(d, &c, addr, depth + 1, ret);
			if (has)
				return;
		}
	} while (dwarf_next(d, &c));
}

static void line_found(struct line_search *x, struct dwarf_unit *u, const struct sym_line *l)
{
	struct line_place p = { .line = *l };
	line_scope(x->d, &u->die, l->addr, 0, &p.scope);
	for (uint32_t i = 0; i < x->places.n; i++) {
		struct line_place *q = &x->places.v[i];
		if (q->line.addr != l->addr && (!p.scope || q->scope != p.scope))
			continue;
		if (l->addr < q->line.addr)
			*q = p;
		return;
	}
	if (x->places.n < LINE_FOUND)
		vec_push(x->d->a, &x->places, p);
}

static void line_near(struct sym_lines *r, uint32_t want, uint32_t line)
{
	if (line < want && line > r->before)
		r->before = line;
	if (line > want && (!r->after || line < r->after))
		r->after = line;
}

static void line_similar(struct line_search *x, const char *name)
{
	const char *base = strrchr(name, '/'), *mine = strrchr(x->file, '/');
	base = base ? base + 1 : name;
	mine = mine ? mine + 1 : x->file;
	if (x->ret->files.n >= LINE_FILES || str_distance(base, mine, 2) > 2)
		return;
	for (uint32_t i = 0; i < x->ret->files.n; i++)
		if (strcmp(x->ret->files.v[i], name) == 0)
			return;
	vec_push(x->d->a, &x->ret->files, (const char *)arena_strdup(x->d->a, name));
}

static bool line_unit_has_file(struct line_search *x, struct dwarf_unit *u)
{
	struct dw *dw = x->d->dw;
	Dwarf_Files *files;
	size_t n;
	bool has = false;
	if (dw->dwarf_getsrcfiles(&u->place, &files, &n) != 0)
		return false;
	for (size_t i = 0; i < n && dwarf_visit(x->d) && !has; i++) {
		const char *name = dw->dwarf_filesrc(files, i, NULL, NULL);
		has = name && line_is_file(x, name);
		if (name && !has)
			line_similar(x, name);
	}
	return has;
}

static void line_unit(struct line_search *x, struct dwarf_unit *u)
{
	struct dw *dw = x->d->dw;
	Dwarf_Lines *lines;
	size_t n;
	if (!line_unit_has_file(x, u) || dw->dwarf_getsrclines(&u->place, &lines, &n) != 0)
		return;
	for (size_t i = 0; i < n && dwarf_visit(x->d); i++) {
		Dwarf_Line *row = dw->dwarf_onesrcline(lines, i);
		bool begins = false, end = false;
		int line = 0, column = 0;
		Dwarf_Addr addr = 0;
		const char *file;
		if (!row || dw->dwarf_linebeginstatement(row, &begins) != 0 || !begins || dw->dwarf_lineendsequence(row, &end) != 0 || end ||
		    dw->dwarf_lineno(row, &line) != 0 || line <= 0 || dw->dwarf_lineaddr(row, &addr) != 0 || !addr ||
		    !(file = dw->dwarf_linesrc(row, NULL, NULL)) || !line_is_file(x, file))
			continue;
		dw->dwarf_linecol(row, &column);
		x->ret->has_file = true;
		if ((uint32_t)line != x->line || (x->column && (uint32_t)column != x->column)) {
			line_near(x->ret, x->line, (uint32_t)line);
			continue;
		}
		struct sym_line l = { addr, arena_strdup(x->d->a, file), (uint32_t)line, column > 0 ? (uint32_t)column : 0 };
		line_found(x, u, &l);
	}
}

static int line_order(const void *p, const void *q)
{
	const struct sym_line *x = p, *y = q;
	return x->addr < y->addr ? -1 : x->addr > y->addr;
}

bool sym_dwarf_lines(struct sym_dwarf *d, const char *file, uint32_t line, uint32_t column, struct sym_lines *ret)
{
	struct line_search x = { .d = d, .file = file, .file_len = strlen(file), .line = line, .column = column, .ret = ret };
	*ret = (struct sym_lines){ 0 };
	dwarf_read_units(d);
	for (uint32_t i = 0; i < d->units.n && dwarf_visit(d); i++)
		line_unit(&x, &d->units.v[i]);
	for (uint32_t i = 0; i < x.places.n; i++)
		vec_push(d->a, &ret->list, x.places.v[i].line);
	if (ret->list.n)
		qsort(ret->list.v, ret->list.n, sizeof(*ret->list.v), line_order);
	return ret->list.n != 0;
}
