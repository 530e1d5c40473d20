/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which functions of the kernel can be traced at their entry: tracefs' list available_filter_functions, "name" or
 * "name [module]" a line, some 60,000 of them.
 *
 * The kernel takes tens of milliseconds to write it, so it is read when a wildcard, a function that BTF does not have, or a failure
 * asks for it, once; it stays as one text with an array of its names in order. A name may stand there more than once (static
 * functions of the same name in several files).
 */
#include "kern/kern_priv.h"

#include <errno.h>
#include <stdlib.h>

enum { FUNCTIONS_MAX_TEXT = 64 << 20, MODULES_MAX = 65535 };

static int kfunc_order(const void *x, const void *y)
{
	const struct kfunc *a = x, *b = y;
	int r = strcmp(a->name, b->name);
	return r ? r : a->module < b->module ? -1 : a->module > b->module;
}

static uint16_t kfuncs_module(struct kfuncs *f, const char *name)
{
	if (f->modules.n && strcmp(f->modules.v[f->modules.n - 1], name) == 0) /* they come in runs */
		return (uint16_t)(f->modules.n - 1);
	for (uint32_t i = 0; i < f->modules.n; i++)
		if (strcmp(f->modules.v[i], name) == 0)
			return (uint16_t)i;
	if (f->modules.n >= MODULES_MAX)
		return 0;
	vec_push(f->arena, &f->modules, name);
	return (uint16_t)(f->modules.n - 1);
}

/* The text is taken apart in place. */
struct kfuncs *kfuncs_parse(struct arena *a, char *s)
{
	struct kfuncs *f = arena_new(a, struct kfuncs);
	f->arena = a;
	vec_push(a, &f->modules, (const char *)"");
	while (*s) {
		char *line = s, *end = s + strcspn(s, "\n"), *stop = line;
		s = *end ? end + 1 : end;
		*end = 0;
		stop += strcspn(line, " \t");
		struct kfunc k = { .name = line };
		char *open = strchr(stop, '['), *close = open ? strchr(open, ']') : NULL;
		*stop = 0;
		if (close) {
			*close = 0;
			k.module = kfuncs_module(f, open + 1);
		}
		/* what the kernel calls functions whose text it has discarded */
		if (*line && strncmp(line, "__ftrace_invalid_address__", 26) != 0)
			vec_push(a, &f->list, k);
	}
	if (f->list.n > 1)
		qsort(f->list.v, f->list.n, sizeof(*f->list.v), kfunc_order);
	return f;
}

void kern_traceable(struct kern *k, const char *path)
{
	k->traceable = path;
}

const struct kfuncs *kern_functions(struct kern *k)
{
	if (!k->kfuncs_tried) {
		k->kfuncs_tried = true;
		if (k->fixture) {
			k->kfuncs = k->fixture->traceable.s ? kfuncs_parse(k->arena, arena_strndup(k->arena, k->fixture->traceable.s,
												  k->fixture->traceable.len)) : NULL;
			return k->kfuncs;
		}
		const char *why, *dir = kern_tracefs(k, &why);
		if (k->traceable)
			dir = NULL;
		const char *path = k->traceable ? k->traceable : dir ? arena_printf(k->arena, "%s/available_filter_functions", dir) : NULL;
		char *s = path ? kern_read_file(k->arena, path, FUNCTIONS_MAX_TEXT, NULL) : NULL;
		k->kfuncs = s && *s ? kfuncs_parse(k->arena, s) : NULL;
	}
	return k->kfuncs;
}

uint32_t kfuncs_find(const struct kfuncs *f, const char *name)
{
	uint32_t lo = 0, hi = f->list.n;
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		if (strcmp(f->list.v[mid].name, name) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < f->list.n && strcmp(f->list.v[lo].name, name) == 0 ? lo : f->list.n;
}

int facts_traceable(struct facts *facts, struct str module, struct str name, struct str *ret_module)
{
	struct kern *k = (struct kern *)facts;
	const struct kfuncs *f = kern_functions(k);
	if (!f)
		return -1;
	const char *s = arena_strndup(k->arena, name.s, name.len);
	for (uint32_t i = kfuncs_find(f, s); i < f->list.n && strcmp(f->list.v[i].name, s) == 0; i++) {
		const char *m = f->modules.v[f->list.v[i].module];
		if (module.len && !str_is(module, *m ? m : "vmlinux"))
			continue;
		if (ret_module)
			*ret_module = str_of(m);
		return 1;
	}
	return 0;
}

/* Names that match, or with ':' in the pattern "module:name" that match, the kernel itself being "vmlinux". False: there is no list. */
bool kern_functions_list(struct kern *k, const char *pattern, void (*each)(void *arg, const char *name), void *arg)
{
	const struct kfuncs *f = kern_functions(k);
	const char *colon = strchr(pattern, ':');
	if (!f)
		return false;
	const char *of_module = colon ? arena_strndup(k->arena, pattern, (size_t)(colon - pattern)) : NULL;
	const char *of_name = colon ? colon + 1 : pattern;
	bool *wanted = arena_array(k->arena, bool, f->modules.n);
	for (uint32_t i = 0; i < f->modules.n; i++)
		wanted[i] = !colon || str_match(of_module, *f->modules.v[i] ? f->modules.v[i] : "vmlinux");
	for (uint32_t i = 0; i < f->list.n; i++) {
		const struct kfunc *x = &f->list.v[i];
		if (!wanted[x->module] || (i && x->module == x[-1].module && strcmp(x->name, x[-1].name) == 0) || !str_match(of_name, x->name))
			continue;
		const char *m = f->modules.v[x->module];
		each(arg, colon ? arena_printf(k->arena, "%s:%s", *m ? m : "vmlinux", x->name) : x->name);
	}
	return true;
}
