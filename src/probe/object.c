/* SPDX-License-Identifier: Apache-2.0 */
/*
 * uaddr(): where a variable of the probed program is. The file says where it lies and where the probe lies; both move together when the
 * file is loaded somewhere, and where the probe is then, its program knows. So no list of mappings is needed, and it is right in
 * every process, also in those that start later.
 */
#include "probe/probe_priv.h"
#include "sym/sym.h"

bool object_find(const struct provider *p, struct provider_env *env, const struct attach_point *ap, struct str name, struct provider_symbol *ret)
{
	struct sym_elf *e;
	struct sym s;
	if (sym_elf_open(arena_strndup(env->arena, ap->target.s, ap->target.len), &e) < 0)
		return false;
	bool found = sym_elf_addr(e, ap->address, &ret->place) && sym_elf_object(e, arena_strndup(env->arena, name.s, name.len), &s);
	if (found) {
		ret->addr = s.addr;
		ret->size = s.size;
		ret->moves = sym_elf_is_pie(e);
	}
	sym_elf_close(e);
	return found;
}
