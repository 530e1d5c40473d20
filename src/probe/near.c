/* SPDX-License-Identifier: Apache-2.0 */
/*
 * No function of that name: what could have been meant? Names that differ in a letter or two, variants that the
 * compiler has made of the function (f.isra.0), a C++ function whose plain name it is. If there is nothing like it,
 * what can be done with such a file at all: a stripped one still has its exported functions, addresses, and what a
 * separate file with symbols adds.
 */
#include "probe/site.h"

enum { NEAR_SHOWN = 4 };

struct near {
	struct site *u;
	size_t len;
	const char *variants[NEAR_SHOWN], *names[NEAR_SHOWN], *cpp[NEAR_SHOWN];
	int edits[NEAR_SHOWN];
	uint32_t n_variants, n_names, n_cpp;
	const char *bare; /* SITE_CPP: the name without parameters */
	struct buf shown;
};

static void near_add_name(struct near *x, const char *name, int edits)
{
	uint32_t i = x->n_names;
	while (i > 0 && x->edits[i - 1] > edits)
		i--;
	if (i == NEAR_SHOWN)
		return;
	if (x->n_names < NEAR_SHOWN)
		x->n_names++;
	memmove(x->names + i + 1, x->names + i, (x->n_names - i - 1) * sizeof(*x->names));
	memmove(x->edits + i + 1, x->edits + i, (x->n_names - i - 1) * sizeof(*x->edits));
	x->names[i] = name;
	x->edits[i] = edits;
}

static bool near_consider(void *arg, const struct sym *s)
{
	struct near *x = arg;
	const char *want = x->u->func;
	int most = (int)(1 + x->len / 4), d;
	if (x->u->kind == SITE_CPP) { /* of that name, with other parameters */
		if (x->n_cpp < NEAR_SHOWN && strncmp(s->name, "_Z", 2) == 0 && sym_demangle(s->name, &x->shown) && x->shown.len &&
		    cpp_matches(x->bare, x->shown.s))
			x->cpp[x->n_cpp++] = arena_strdup(x->u->env->arena, x->shown.s);
		return true;
	}
	if (strncmp(s->name, want, x->len) == 0 && s->name[x->len] == '.' && x->n_variants < NEAR_SHOWN)
		x->variants[x->n_variants++] = s->name;
	else if (strncmp(s->name, "_Z", 2) == 0 && strstr(s->name, want) && x->n_cpp < NEAR_SHOWN && sym_demangle(s->name, &x->shown) &&
		 x->shown.len && cpp_matches(arena_printf(x->u->env->arena, "*%s", want), x->shown.s))
		x->cpp[x->n_cpp++] = arena_strdup(x->u->env->arena, x->shown.s);
	else if (x->len > 2 && (d = str_distance(s->name, want, most)) <= most)
		near_add_name(x, s->name, d);
	return true;
}

static const char *near_list(struct arena *a, const char *const *v, uint32_t n)
{
	const char *s = v[0];
	for (uint32_t i = 1; i < n; i++)
		s = arena_printf(a, "%s, %s", s, v[i]);
	return s;
}

void near_hint(struct site *u)
{
	struct arena *a = u->env->arena;
	struct diags *d = u->env->diags;
	struct near x = { .u = u, .len = strlen(u->func ? u->func : "") };
	if (u->n_ifunc) {
		diag_hint(d, "the functions that match are chosen when a program is loaded (indirect functions)");
		return;
	}
	x.bare = u->func ? arena_strndup(a, u->func, cpp_params(u->func)) : NULL;
	if (u->func && (u->kind == SITE_NAME || u->kind == SITE_CPP))
		sym_elf_each(u->elf, "*", near_consider, &x);
	buf_fini(&x.shown);
	if (x.n_variants)
		diag_hint(d, "the compiler has made variants of it, whose arguments may differ: %s", near_list(a, x.variants, x.n_variants));
	else if (x.n_cpp && u->kind == SITE_CPP)
		diag_hint(d, "of that name there is %s", near_list(a, x.cpp, x.n_cpp));
	else if (x.n_cpp)
		diag_hint(d, "it is a name in C++: %s:%s:cpp:%s means %s", u->p->name, u->file->shown, u->func, near_list(a, x.cpp, x.n_cpp));
	else if (x.n_names)
		diag_hint(d, "did you mean %s?", near_list(a, x.names, x.n_names));
	else if (sym_elf_is_stripped(u->elf))
		diag_hint(d, "'%s' has no symbol table (it is stripped); only exported functions are known. Its debug symbols are used "
			  "when they are installed, and addresses are taken as they are: %s:%s:0x...", u->file->shown, u->p->name, u->file->shown);
	else if (u->kind == SITE_NAME)
		diag_hint(d, "a function that the compiler has inlined everywhere is none any more; its lines can be probed: %s:%s@FILE:LINE",
			  u->p->name, u->file->shown);
}
