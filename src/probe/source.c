/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TARGET@FILE:LINE[:COLUMN]: where the code of a source line begins, by the line table of the debug information.
 * There may be several places: one in each function, and in each inlined copy of one, that has code of the line.
 * Each is an address of the file like any other, and checked like any other: that debug information says so does not
 * prove that an instruction begins there.
 */
#include <errno.h>

#include "probe/site.h"
#include "sym/dwarf.h"

static void source_hint(struct site *u, const struct sym_lines *found)
{
	struct diags *d = u->env->diags;
	if (found->before && found->after)
		diag_hint(d, "the nearest lines with code are %u and %u", found->before, found->after);
	else if (found->before || found->after)
		diag_hint(d, "the nearest line with code is %u", found->before ? found->before : found->after);
	else if (found->files.n)
		diag_hint(d, "did you mean %s?", found->files.v[0]);
}

static int source_none(struct site *u, const struct sym_lines *found)
{
	struct provider_env *env = u->env;
	if (u->many || env->missing_probes)
		return 0;
	if (!found->has_file)
		parts_bad(env, u->span, "No code of '%s' comes from a file '%s'", u->file->shown, u->source);
	else if (u->column)
		parts_bad(env, u->span, "No code of '%s' begins at %s:%u:%u", u->file->shown, u->source, u->line, u->column);
	else
		parts_bad(env, u->span, "No code of '%s' comes from %s:%u", u->file->shown, u->source, u->line);
	source_hint(u, found);
	return -ENOENT;
}

int source_places(struct site *u)
{
	struct arena *a = u->env->arena;
	struct sym_lines found;
	const char *why, *root = arena_strndup(a, u->file->path, u->file->root_len);
	struct sym_dwarf *d = debug_open(u->env, root, u->file->path, &why);
	if (!d) {
		if (u->many || u->env->missing_probes)
			return 0;
		parts_bad(u->env, u->span, "No DWARF debug info found for '%s', cannot attach by source code location.", u->file->shown);
		diag_hint(u->env->diags, "%s", why);
		return -ENOENT;
	}
	if (!sym_dwarf_lines(d, u->source, u->line, u->column, &found))
		return source_none(u, &found);
	const char *part = u->column ? arena_printf(a, "%s:%u:%u", u->source, u->line, u->column) : arena_printf(a, "%s:%u", u->source, u->line);
	for (uint32_t i = 0; i < found.list.n; i++) {
		uint64_t addr = found.list.v[i].addr;
		struct sym s;
		bool known = sym_elf_at(u->elf, addr, &s);
		int r = known ? site_boundary(u, &s, addr - s.addr, arena_printf(a, "%s (%s+%llu)", part, s.name,
										     (unsigned long long)(addr - s.addr))) :
				site_doubt(u, arena_printf(a, "Could not determine where instructions begin: %s is in no known function", part));
		if (r < 0)
			return r;
		u->offset = known ? addr - s.addr : 1;
		site_emit(u, addr, known && addr == s.addr, known ? s.name : NULL, part);
	}
	return 0;
}
