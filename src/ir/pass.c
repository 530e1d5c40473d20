/* SPDX-License-Identifier: Apache-2.0 */
/* The pipeline: the table of pass.def, run in order, verified after each. */
#include "ir/pass.h"

const struct pass passes[] = {
#define PASS(name, doc) { #name, doc, pass_##name },
#include "ir/pass.def"
#undef PASS
};
const uint32_t n_passes = sizeof(passes) / sizeof(*passes);

static bool pass_listed(const char *list, const char *name)
{
	size_t n = strlen(name);
	for (const char *p = list; p && *p;) {
		const char *e = strchrnul(p, ',');
		if ((size_t)(e - p) == n && !memcmp(p, name, n))
			return true;
		p = *e ? e + 1 : e;
	}
	return false;
}

const char *ir_optimise(struct func *f, const struct pass_options *o)
{
	for (uint32_t i = 0; i < n_passes; i++) {
		struct pass_ctx c = { .f = f };
		bool needed = i == 0 && !f->is_ssa && !(o && o->only);
		if (o && o->only && !pass_listed(o->only, passes[i].name))
			continue;
		if (o && o->skip && !needed && pass_listed(o->skip, passes[i].name))
			continue;
		passes[i].run(&c);
		const char *bad = ir_verify(f);
		if (bad)
			return arena_printf(f->arena, "after pass %s: %s", passes[i].name, bad);
		if (o && o->dump)
			o->dump(o->dump_arg, passes[i].name, f);
		if (o && o->stop && pass_listed(o->stop, passes[i].name))
			break;
	}
	return NULL;
}
