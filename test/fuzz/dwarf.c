/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Damaged debug information: functions with their arguments, types and what is in them, lines. Damage is done within the debug
 * sections, where it matters. At worst nothing is known; types that are told must make sense: no member outside of its struct.
 */
#include <elf.h>
#include <stdlib.h>

#include "fuzz.h"
#include "kern/kern_priv.h"
#include "probe/probe_priv.h"
#include "sym/dw.h"
#include "sym/dwarf.h"
#include "sym/sym.h"

enum { DWARF_TYPES = 400 };

struct ranges { uint32_t n, lo[32], hi[32]; };
struct dwarf_state {
	struct ranges *v; /* of each seed: its debug sections */
	struct dw *dw;    /* keeps the library loaded */
};

struct looking {
	struct fuzz *f;
	struct arena *a;
	struct facts *facts;
	struct sym_dwarf *d;
	uint32_t types;
};

/* Everything below a type. */
static void damage_look(struct looking *x, struct type *t, unsigned depth)
{
	struct buf b = { 0 };
	if (++x->types > DWARF_TYPES || depth > 20)
		return;
	type_print(t, &b);
	buf_fini(&b);
	if (t->kind == T_PTR || t->kind == T_ARRAY)
		damage_look(x, t->elem, depth + 1);
	if (t->kind != T_STRUCT || t->complete || !x->facts->ops->complete(x->facts, t))
		return;
	for (uint32_t i = 0; i < t->fields.n; i++) {
		const struct field *f = &t->fields.v[i];
		if ((uint64_t)f->offset + f->type->size > t->size)
			fuzz_fail(x->f, "a member outside of its struct");
		if (f->bit_offset + f->bit_size > 64)
			fuzz_fail(x->f, "a bit-field outside of its unit");
		damage_look(x, f->type, depth + 1);
	}
	type_field(t, STR("nothing"), NULL);
}

static bool damage_function(void *arg, const struct sym *s)
{
	struct looking *x = arg;
	const char *why;
	const struct sym_func *f = sym_dwarf_function(x->d, s->addr, s->name);
	if (!f)
		return true;
	x->f->n_accepted++;
	struct type *args = abi_args(x->a, x->facts, f);
	abi_retval(x->a, x->facts, f, &why);
	for (uint32_t i = 0; i < args->fields.n; i++)
		damage_look(x, args->fields.v[i].type, 0);
	damage_look(x, f->ret, 0);
	return true;
}

static void damage_run(struct fuzz *f, const uint8_t *p, size_t n)
{
	struct arena a;
	struct sym_elf *e = NULL;
	const char *why;
	struct sym_lines lines;
	arena_init(&a);
	struct facts *facts = facts_fixture(&a, "", &why);
	struct sym_dwarfs *set = sym_dwarfs_new(&a);
	fuzz_temp(f, p, n);
	struct sym_dwarf *d = sym_dwarf_open(set, "", f->temp_path, &why);
	struct looking x = { .f = f, .a = &a, .facts = facts, .d = d };
	if (d && facts && sym_elf_open(f->temp_path, &e) == 0) {
		sym_elf_each(e, "*", damage_function, &x);
		sym_elf_close(e);
	}
	if (d && facts) {
		struct type *t = sym_dwarf_type(d, 0, STR("node"));
		if (t)
			damage_look(&x, t, 0);
		sym_dwarf_lines(d, "w_args.c", 60, 0, &lines);
		sym_dwarf_lines(d, "cpp.cc", 30, 5, &lines);
	}
	sym_dwarfs_free(set);
	arena_fini(&a);
}

static void damage_ranges(struct str s, struct ranges *r)
{
	const Elf64_Ehdr *eh = (const void *)s.s;
	if (s.len < sizeof(*eh) || eh->e_shoff > s.len || (s.len - eh->e_shoff) / sizeof(Elf64_Shdr) < eh->e_shnum || eh->e_shstrndx >= eh->e_shnum)
		return;
	const Elf64_Shdr *sh = (const void *)(s.s + eh->e_shoff);
	for (uint32_t i = 0; i < eh->e_shnum && r->n < 32; i++) {
		const char *name = s.s + sh[eh->e_shstrndx].sh_offset + sh[i].sh_name;
		if (strncmp(name, ".debug_", 7) != 0 || sh[i].sh_offset + sh[i].sh_size > s.len || !sh[i].sh_size)
			continue;
		r->lo[r->n] = (uint32_t)sh[i].sh_offset;
		r->hi[r->n++] = (uint32_t)(sh[i].sh_offset + sh[i].sh_size);
	}
}

static void damage_setup(struct fuzz *f)
{
	struct dwarf_state *st = calloc(1, sizeof(*st));
	st->v = calloc(f->seeds.n, sizeof(*st->v));
	for (uint32_t i = 0; i < f->seeds.n; i++)
		damage_ranges(f->seeds.v[i], &st->v[i]);
	if (dw_open(&st->dw) < 0)
		st->dw = NULL;
	f->state = st;
}

static void damage_make(struct fuzz *f, struct buf *b)
{
	struct dwarf_state *st = f->state;
	uint32_t i = rng_below(&f->rng, f->seeds.n);
	const struct ranges *r = &st->v[i];
	buf_add(b, f->seeds.v[i].s, f->seeds.v[i].len);
	if (!r->n || b->oom || rng_one_in(&f->rng, 20)) {
		mutate_bytes(&f->rng, &f->seeds, b);
		return;
	}
	for (uint32_t k = 1 + rng_below(&f->rng, 8); k > 0; k--) {
		uint32_t s = rng_below(&f->rng, r->n), at = r->lo[s] + rng_below(&f->rng, r->hi[s] - r->lo[s]);
		uint32_t from = r->lo[s] + rng_below(&f->rng, r->hi[s] - r->lo[s]), n = 1 + rng_below(&f->rng, 8);
		if (n > r->hi[s] - at)
			n = r->hi[s] - at;
		if (n > r->hi[s] - from)
			n = r->hi[s] - from;
		switch (rng_below(&f->rng, 4)) {
		case 0: b->s[at] = (char)rng_next(&f->rng); break;
		case 1: b->s[at] = (char)(b->s[at] ^ 1 << rng_below(&f->rng, 8)); break;
		case 2: memmove(b->s + at, b->s + from, n); break;
		default: b->s[at] = (char)(rng_one_in(&f->rng, 2) ? 0xff : b->s[at] + 1);
		}
	}
}

static void damage_finish(struct fuzz *f)
{
	struct dwarf_state *st = f->state;
	dw_close(st->dw);
	free(st->v);
	free(st);
}

const struct target fuzz_dwarf = { .name = "dwarf", .what = "damaged debug information", .setup = damage_setup, .make = damage_make,
				   .run = damage_run, .finish = damage_finish };
