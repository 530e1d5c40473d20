/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load: programs, mutated or generated, compiled for the running kernel and loaded into it. What sema accepts the kernel's verifier
 * must accept, too, but for programs that are too large for it. Nothing is attached. Needs root; the driver's script knows.
 */
#include <stdio.h>
#include <stdlib.h>

#include "fuzz.h"
#include "run/run.h"
#include "script.h"

struct loader {
	struct arena a;
	struct kern *k;
	unsigned used;
};

static struct kern *load_kern(struct fuzz *f)
{
	struct loader *l = f->state;
	if (l && l->used++ < 200)
		return l->k;
	if (l) {
		kern_close(l->k);
		arena_fini(&l->a);
	} else {
		f->state = l = calloc(1, sizeof(*l));
	}
	arena_init(&l->a);
	l->used = 0;
	l->k = kern_open(&l->a);
	return l->k;
}

static void load_finish(struct fuzz *f)
{
	struct loader *l = f->state;
	if (!l)
		return;
	kern_close(l->k);
	arena_fini(&l->a);
	free(l);
}

static void load_judge(struct fuzz *f, struct session *s)
{
	for (uint32_t i = 0; i < s->diags.list.n; i++) {
		const struct diag *d = &s->diags.list.v[i];
		if (d->id == D_LOAD_SIZE || d->id == D_LOAD_LOOP || d->id == D_LOAD_MAP)
			continue;
		fuzz_fail(f, "%s%s%s", d->text, d->hints.n ? "; " : "", d->hints.n ? d->hints.v[0] : "");
		struct buf b = { 0 };
		diag_render(&s->diags, &b, false, true);
		for (uint32_t p = 0; f->show && p < s->module.progs.n; p++)
			if (s->codes[p])
				bpf_disassemble(s->codes[p], s->module.funcs.v, &s->diags, NULL, NULL, &b);
		if (f->show)
			fputs(b.s, stdout);
		buf_fini(&b);
	}
}

static void load_run(struct fuzz *f, const uint8_t *p, size_t n)
{
	struct session_options o = { .err_fd = f->show ? 2 : -1, .out_fd = -1, .verbose = f->show };
	struct kern *k = load_kern(f);
	struct script c;
	if (!script_lower(f, &c, p, n, kern_facts(k))) {
		script_close(&c);
		return;
	}
	struct session *s = calloc(1, sizeof(*s));
	const char *why = NULL;
	bool ok = true;
	s->o = &o;
	s->kern = k;
	s->sema = c.sema;
	s->diags = c.d;
	s->diags.list.n = s->diags.n_errors = 0;
	s->module = c.m;
	s->ncpus = (uint32_t)sys_possible_cpus();
	arena_init(&s->arena);
	s->diags.arena = &s->arena;
	s->target = (struct bpf_target){ .alu32 = true, .cpu_v4 = kern_has(k, FEAT_CPU_V4), .atomics = true };
	s->codes = arena_array(&s->arena, struct bpf_code *, c.m.progs.n + 1);
	for (uint32_t i = 0; ok && i < c.m.progs.n; i++)
		ok = (s->codes[i] = bpf_compile(&s->arena, c.m.funcs.v, c.m.funcs.n, c.m.progs.v[i].fn, &s->target, &why)) != NULL;
	if (ok && !probe_plan(&s->arena, k, &s->module, 0, &s->plan)) {
		if (session_load(s))
			load_judge(f, s);
		else
			f->n_accepted++;
		session_unload(s);
	}
	arena_fini(&s->arena);
	free(s);
	script_close(&c);
}

const struct target fuzz_load = { .name = "load", .what = "programs into the running kernel", .make = script_make, .run = load_run,
				  .finish = load_finish };

static void typed_make(struct fuzz *f, struct buf *b)
{
	typed_program(&f->rng, b);
}

const struct target fuzz_typed = { .name = "typed", .what = "well-typed programs into the running kernel", .make = typed_make, .run = load_run,
				   .finish = load_finish, .patience = 60 };

static void pure_make(struct fuzz *f, struct buf *b)
{
	pure_program(&f->rng, b);
}

const struct target fuzz_pure = { .name = "pure", .what = "programs that depend on themselves alone, into the running kernel", .make = pure_make,
				  .run = load_run, .finish = load_finish, .patience = 60 };
