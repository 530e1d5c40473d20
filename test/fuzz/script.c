/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Targets of the compile side.
 *
 *   parse    bytes through the lexer and parser, and all that prints of a tree and its diagnostics
 *   compile  programs (mutated by tokens, or generated) through everything up to BPF instructions, on the pinned kernel. A program that sema
 *            accepts must be lowered to IR that the verifier of the IR accepts after each pass.
 *   ir       the text form: what parses prints as what parses to the same; valid IR stays valid through the passes
 */
#include <stdio.h>
#include <stdlib.h>

#include "fuzz.h"
#include "script.h"

static void script_render(const struct fuzz *f, struct script *s)
{
	struct buf b = { 0 };
	diag_render(&s->d, &b, !f->show, true);
	if (f->show && b.len)
		fputs(b.s, stdout);
	buf_fini(&b);
}

void script_open(struct script *s, const void *p, size_t n)
{
	memset(s, 0, sizeof(*s));
	arena_init(&s->a);
	diags_init(&s->d, &s->a);
	s->source = diags_add_source(&s->d, STR("fuzz"), (struct str){ p, (uint32_t)n });
}

void script_close(struct script *s)
{
	buf_fini(&s->m.rodata);
	arena_fini(&s->a);
}

static void parse_run(struct fuzz *f, const uint8_t *p, size_t n)
{
	struct script s;
	struct buf b = { 0 };
	script_open(&s, p, n);
	struct node *tree = parse_program(&s.a, &s.d, s.source);
	ast_print(tree, &b, true);
	script_render(f, &s);
	buf_clear(&b);
	lex_dump(&s.a, &s.d, s.source, &b);
	buf_fini(&b);
	script_close(&s);
}

void script_make(struct fuzz *f, struct buf *b)
{
	if (rng_one_in(&f->rng, 3)) {
		gen_program(&f->rng, b);
		if (rng_one_in(&f->rng, 3))
			mutate_tokens(&f->rng, &f->seeds, b);
		return;
	}
	struct str s = f->seeds.v[rng_below(&f->rng, f->seeds.n)];
	buf_add(b, s.s, s.len);
	if (rng_one_in(&f->rng, 2))
		mutate_words(&f->rng, &f->seeds, b);
	else if (rng_one_in(&f->rng, 4))
		mutate_bytes(&f->rng, &f->seeds, b);
	else
		mutate_tokens(&f->rng, &f->seeds, b);
}

/* The kernel of the fixture, made anew now and then: completed types stay in its memory. */
struct facts *script_facts(struct fuzz *f)
{
	struct kernel { struct arena a; struct facts *facts; unsigned used; } *k = f->state;
	const char *why = "?";
	if (k && k->used++ < 500)
		return k->facts;
	if (k)
		arena_fini(&k->a);
	else
		f->state = k = calloc(1, sizeof(*k));
	arena_init(&k->a);
	k->used = 0;
	k->facts = facts_fixture(&k->a, f->fixture, &why);
	if (!k->facts) {
		fprintf(stderr, "fixture: %s\n", why);
		exit(2);
	}
	return k->facts;
}

void script_finish(struct fuzz *f)
{
	struct kernel { struct arena a; } *k = f->state;
	if (k)
		arena_fini(&k->a);
	free(k);
}

static bool script_optimise(struct fuzz *f, struct script *s)
{
	for (uint32_t i = 1; i < s->m.funcs.n; i++) {
		const char *bad = ir_verify(s->m.funcs.v[i]);
		if (bad) {
			fuzz_fail(f, "lowering made bad IR in %s: %s", s->m.funcs.v[i]->name, bad);
			return false;
		}
		bad = ir_optimise(s->m.funcs.v[i], NULL);
		if (bad) {
			fuzz_fail(f, "%s: %s", s->m.funcs.v[i]->name, bad);
			return false;
		}
	}
	return true;
}

bool script_lower(struct fuzz *f, struct script *s, const void *p, size_t n, struct facts *facts)
{
	script_open(s, p, n);
	struct sema_env *e = &s->env;
	*e = (struct sema_env){ .arena = &s->a, .diags = &s->d, .facts = facts, .providers = &probe_providers, .ncpus = 4, .name = "fuzz" };
	e->prov = (struct provider_env){ .facts = facts, .diags = &s->d, .arena = &s->a };
	vec_push(&s->a, &e->params, STR("12"));
	vec_push(&s->a, &e->params, STR("word"));
	if (memmem(p, n, "getopt", 6))
		vec_push(&s->a, &e->named, STR("--level=9"));
	struct node *tree = parse_program(&s->a, &s->d, s->source);
	if (s->d.n_errors || sema_run(e, tree, &s->sema)) {
		script_render(f, s);
		return false;
	}
	struct buf b = { 0 };
	sema_print(&s->sema, &b);
	buf_fini(&b);
	struct lower_options lo = { .ncpus = 4, .report_reads = n & 1, .pid_filter = n & 2 };
	if (lower_module(e, &s->sema, &lo, &s->m)) {
		if (!s->d.n_errors)
			fuzz_fail(f, "lowering failed without a diagnostic");
		script_render(f, s);
		return false;
	}
	return script_optimise(f, s);
}

bool script_compile(struct fuzz *f, struct script *s, const void *p, size_t n)
{
	static const struct bpf_target target = { .alu32 = true, .cpu_v4 = true, .atomics = true };
	struct buf b = { 0 };
	if (!script_lower(f, s, p, n, script_facts(f)))
		return false;
	for (uint32_t i = 0; i < s->m.progs.n; i++) {
		const char *why = NULL;
		struct bpf_code *c = bpf_compile(&s->a, s->m.funcs.v, s->m.funcs.n, s->m.progs.v[i].fn, &target, &why);
		if (!c && !why)
			fuzz_fail(f, "bpf_compile failed without a reason");
		if (!c)
			return false;
		struct bpf_btf btf;
		bpf_disassemble(c, s->m.funcs.v, &s->d, NULL, NULL, &b);
		bpf_make_btf(&s->a, c, s->m.funcs.v, &s->d, &btf);
		buf_fini(&b);
	}
	return true;
}

static void compile_run(struct fuzz *f, const uint8_t *p, size_t n)
{
	struct script s;
	f->n_accepted += script_compile(f, &s, p, n);
	script_close(&s);
}

/* Seeds for the text form: the IR of the corpus, before and after the passes. */
static void ir_setup(struct fuzz *f)
{
	struct seeds out = { calloc(f->seeds.n * 64UL, sizeof(struct str)), 0 };
	for (uint32_t i = 0; i < f->seeds.n; i++) {
		struct script s;
		if (script_compile(f, &s, f->seeds.v[i].s, f->seeds.v[i].len))
			for (uint32_t k = 1; k < s.m.funcs.n && out.n < f->seeds.n * 64; k++) {
				struct buf b = { 0 };
				ir_print(s.m.funcs.v[k], &b);
				out.v[out.n++] = (struct str){ b.s, (uint32_t)b.len };
			}
		script_close(&s);
	}
	if (!out.n)
		out.v[out.n++] = STR("func @f(ctx) {\n}\n");
	f->seeds = out;
	f->failure = NULL;
}

static void ir_make(struct fuzz *f, struct buf *b)
{
	struct str s = f->seeds.v[rng_below(&f->rng, f->seeds.n)];
	buf_add(b, s.s, s.len);
	if (rng_one_in(&f->rng, 4))
		mutate_bytes(&f->rng, &f->seeds, b);
	else
		mutate_words(&f->rng, &f->seeds, b);
}

static void ir_run(struct fuzz *f, const uint8_t *p, size_t n)
{
	static const struct bpf_target target = { .alu32 = true, .cpu_v4 = true, .atomics = true };
	struct arena a;
	struct buf one = { 0 }, two = { 0 };
	const char *why = NULL, *bad;
	arena_init(&a);
	struct func *fn = ir_parse(&a, arena_strndup(&a, (const char *)p, n), &why);
	if (!fn && !why)
		fuzz_fail(f, "ir_parse failed without a reason");
	if (!fn)
		goto out;
	ir_print(fn, &one);
	struct func *again = ir_parse(&a, one.s, &why);
	if (!again) {
		fuzz_fail(f, "what was printed does not parse: %s", why);
		goto out;
	}
	ir_print(again, &two);
	if (one.len != two.len || memcmp(one.s, two.s, one.len)) {
		fuzz_fail(f, "printed, parsed and printed again it differs");
		goto out;
	}
	if (ir_verify(fn))
		goto out;
	f->n_accepted++;
	bad = ir_optimise(fn, NULL);
	if (bad)
		fuzz_fail(f, "valid IR becomes invalid: %s", bad);
	else if (!fn->is_callback && fn->n_args == 1)
		bpf_compile(&a, &(struct func *const[]){ NULL, fn }[0], 2, 1, &target, &why);
out:
	buf_fini(&one);
	buf_fini(&two);
	arena_fini(&a);
}

const struct target fuzz_parse = { .name = "parse", .what = "bytes to tree", .run = parse_run };
const struct target fuzz_compile = { .name = "compile", .what = "programs to BPF", .make = script_make, .run = compile_run,
				     .finish = script_finish };
const struct target fuzz_ir = { .name = "ir", .what = "text form of the IR", .setup = ir_setup, .make = ir_make, .run = ir_run,
				.finish = script_finish };
