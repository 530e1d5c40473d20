/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Targets that read files of the system, which may be of any origin.
 *
 *   format  tracefs descriptions of events        elf  symbols of damaged programs
 *   btf     damaged kernel type information       text kallsyms, mount tables, library caches, commands of -c
 *   usdt    notes of static probes, and the text of their arguments
 */
#include <stdio.h>
#include <stdlib.h>

#include "fuzz.h"
#include "kern/kern_priv.h"
#include "run/run.h"
#include "script.h"
#include "sym/sym.h"
#include "sym/usdt.h"

static struct type *format_named(void *arg, char keyword, struct str name)
{
	struct arena *a = arg;
	struct type *t = type_new(a, keyword == 'e' ? T_ENUM : T_STRUCT, 0, 1);
	t->name = name;
	return keyword == 't' && name.len % 2 ? NULL : t;
}

static void format_run(struct fuzz *f, const uint8_t *p, size_t n)
{
	struct arena a;
	struct facts facts = { 0 };
	uint64_t id;
	(void)f;
	arena_init(&a);
	facts.arena = &a;
	facts.void_type = type_new(&a, T_VOID, 0, 1);
	struct format_env e = { .arena = &a, .facts = &facts, .named = format_named, .arg = &a };
	struct type *t = format_parse(&e, (struct str){ (const char *)p, (uint32_t)n }, "tracepoint:x:y", &id);
	for (uint32_t i = 0; t && i < t->fields.n; i++) {
		const struct field *x = &t->fields.v[i];
		if (!x->type || !x->name.len)
			fuzz_fail(f, "a field without type or name");
	}
	arena_fini(&a);
}

/* Seeds: the descriptions of the fixture. */
static void format_setup(struct fuzz *f)
{
	struct seeds out = { calloc(4096, sizeof(struct str)), 0 };
	for (const char *p = f->fixture; (p = strstr(p, "\ntracepoint ")) && out.n < 4096;) {
		const char *open = strchr(p, '{'), *close = open ? strchr(open, '}') : NULL;
		if (!close)
			break;
		out.v[out.n++] = (struct str){ open + 1, (uint32_t)(close - open - 1) };
		p = close;
	}
	if (!out.n)
		out.v[out.n++] = STR("name: x\nID: 1\nformat:\n\tfield:int a;\toffset:8;\tsize:4;\tsigned:1;\n");
	f->seeds = out;
}

static bool elf_each(void *arg, const struct sym *s)
{
	uint64_t *n = arg;
	*n += strlen(s->name);
	return *n < 1 << 20;
}

static void elf_run(struct fuzz *f, const uint8_t *p, size_t n)
{
	struct sym_elf *e = NULL;
	struct sym s;
	uint64_t total = 0, off;
	uint8_t text[64];
	fuzz_temp(f, p, n);
	if (sym_elf_open(f->temp_path, &e))
		return;
	sym_elf_is_native(e);
	sym_elf_is_pie(e);
	sym_elf_is_stripped(e);
	if (sym_elf_find(e, "main", &s)) {
		sym_elf_offset(e, s.addr, &off);
		sym_elf_at(e, s.addr + 1, &s);
		uint32_t k = sym_elf_text(e, s.addr, text, sizeof(text));
		sym_insn_boundary(text, k, 7);
	}
	sym_elf_each(e, "*a*", elf_each, &total);
	sym_elf_close(e);
}

static void usdt_check(struct fuzz *f, const struct usdt_spec *s)
{
	if (s->n > USDT_MAX_ARGS)
		fuzz_fail(f, "%u arguments", s->n);
	for (uint32_t i = 0; i < s->n && i < USDT_MAX_ARGS; i++) {
		const struct usdt_arg *a = &s->args[i];
		bool sized = a->size == 1 || a->size == 2 || a->size == 4 || a->size == 8;
		if (!sized || a->base < USDT_NO_REG || a->base > 255 || a->index < USDT_NO_REG || a->index > 255 || a->shift > 4)
			fuzz_fail(f, "argument %u lies nowhere", i);
	}
}

static bool usdt_symbol(void *arg, struct str name, uint64_t *ret)
{
	(void)arg;
	*ret = name.len * 0x123456789abcdefULL;
	return name.len % 2 == 1;
}

/* A file, and a list of arguments. */
static void usdt_run(struct fuzz *f, const uint8_t *p, size_t n)
{
	struct arena a;
	struct sym_usdts u;
	arena_init(&a);
	if (n < 512) {
		const char *text = arena_strndup(&a, (const char *)p, n);
		usdt_check(f, sym_usdt_parse(&a, 62, text, 0x1000, usdt_symbol, NULL));
		usdt_check(f, sym_usdt_parse(&a, 183, text, 0x1000, usdt_symbol, NULL));
	}
	fuzz_temp(f, p, n);
	struct sym_paths needed = { 0 };
	sym_startup(&a, "", f->temp_path, &needed);
	int r = n > 4 ? sym_usdt_read(&a, f->temp_path, &u) : -1;
	for (uint32_t i = 0; r == 0 && i < u.list.n; i++) {
		const struct sym_usdt *s = &u.list.v[i];
		if (s->offset >= n || (s->sema && s->sema + 2 > n))
			fuzz_fail(f, "a place outside the file");
		if (!*s->provider || !*s->name || strpbrk(s->provider, " :\"\n\33") || strpbrk(s->name, " :\"\n\33"))
			fuzz_fail(f, "a name that is none");
		usdt_check(f, sym_usdt_args(&a, &u, s));
	}
	f->n_accepted += r == 0 && u.list.n;
	arena_fini(&a);
}

/* Mostly where it matters: in the notes, the headers and the table of sections. */
static void usdt_make(struct fuzz *f, struct buf *b)
{
	struct str s = f->seeds.v[rng_below(&f->rng, f->seeds.n)];
	buf_add(b, s.s, s.len);
	const char *note = s.len > 4096 ? memmem(s.s, s.len, "stapsdt\0", 8) : NULL;
	if (!note || b->oom || rng_one_in(&f->rng, 4)) {
		mutate_bytes(&f->rng, &f->seeds, b);
		return;
	}
	for (uint32_t k = 1 + rng_below(&f->rng, 4); k > 0; k--) {
		uint32_t where = rng_below(&f->rng, 4), at = (uint32_t)(note - s.s) - 12 + rng_below(&f->rng, 320);
		if (where == 0)
			at = rng_below(&f->rng, 1024);
		else if (where == 1)
			at = s.len - 1 - rng_below(&f->rng, 2600);
		if (at < s.len)
			b->s[at] = rng_one_in(&f->rng, 2) ? (char)rng_next(&f->rng) : (char)(b->s[at] ^ 1 << rng_below(&f->rng, 8));
	}
}

/* Seeds: programs with notes, and arguments. */
static void usdt_setup(struct fuzz *f)
{
	static const struct str v[] = { STR("-4@%edi 8@%rsi 1@%ah"), STR("8@16(%rsp,%rbx,8) -8@$-5 2@$0x1f"), STR("-4@data+8(%rip) 8@$abc 8f@%xmm0"),
					STR("-4@[sp, 12] 8@[x1, x2, lsl 3] 4@w0"), STR("4@[x0, w1, sxtw 2] 8@-1 8@%fs:40") };
	uint32_t n = f->seeds.n, k = sizeof(v) / sizeof(v[0]);
	struct str *all = calloc(n + k, sizeof(struct str));
	if (!all)
		return;
	memcpy(all, f->seeds.v, n * sizeof(*all));
	memcpy(all + n, v, sizeof(v));
	f->seeds = (struct seeds){ all, n + k };
}

static void btf_run(struct fuzz *f, const uint8_t *p, size_t n)
{
	struct arena a;
	struct facts facts = { 0 };
	const char *why;
	struct type *et;
	int64_t v;
	(void)f;
	arena_init(&a);
	facts.arena = &a;
	facts.void_type = type_new(&a, T_VOID, 0, 1);
	struct kbtf *b = kbtf_open_mem(&facts, NULL, p, n, &why);
	for (uint32_t id = 0; b && id < b->n + 2 && id < 2000; id++) {
		struct buf out = { 0 };
		struct type *t = kbtf_make(b, id);
		if (t->kind == T_STRUCT || t->kind == T_ENUM)
			kbtf_complete(b, t);
		type_print(t, &out);
		buf_fini(&out);
		kbtf_func(b, id, id & 1);
		kbtf_find(b, ~0U, str_of(kbtf_name(b, id)));
	}
	if (b) {
		kbtf_enum_value(b, STR("GREEN"), &v, &et);
		kbtf_close(b);
	}
	arena_fini(&a);
}

/* Seeds: what we make ourselves for the programs of the corpus, and the fixture's. */
static void btf_setup(struct fuzz *f)
{
	static const struct bpf_target target = { .alu32 = true };
	struct seeds out = { calloc(f->seeds.n + 1, sizeof(struct str)), 0 };
	struct arena a;
	const char *why = NULL;
	arena_init(&a);
	struct fixture *fx = fixture_parse(&a, str_of(f->fixture), &why);
	if (fx) {
		char *copy = malloc(fx->btf_len);
		memcpy(copy, fx->btf, fx->btf_len);
		out.v[out.n++] = (struct str){ copy, fx->btf_len };
	}
	arena_fini(&a);
	for (uint32_t i = 0; i < f->seeds.n; i++) {
		struct script s;
		struct bpf_btf btf = { 0 };
		if (script_compile(f, &s, f->seeds.v[i].s, f->seeds.v[i].len) && s.m.progs.n) {
			struct bpf_code *c = bpf_compile(&s.a, s.m.funcs.v, s.m.funcs.n, s.m.progs.v[0].fn, &target, &why);
			if (c && !bpf_make_btf(&s.a, c, s.m.funcs.v, &s.d, &btf)) {
				char *copy = malloc(btf.btf_size);
				memcpy(copy, btf.btf, btf.btf_size);
				out.v[out.n++] = (struct str){ copy, btf.btf_size };
			}
		}
		script_close(&s);
	}
	if (!out.n)
		out.v[out.n++] = (struct str){ "\x9f\xeb\x01\0\x18\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0", 25 };
	f->seeds = out;
	f->failure = NULL;
}

static bool text_cache(void *arg, const char *soname, const char *path)
{
	uint64_t *n = arg;
	return (*n += strlen(soname) + strlen(path)) < 1 << 20;
}

static void text_setup(struct fuzz *f)
{
	static const struct str v[] = {
		STR("ffffffff81000000 T _text\nffffffff81000100 t foo\nffffffff81000200 W bar\t[mod]\nffffffffc0000000 d baz [m]\n"),
		STR("proc /proc proc rw 0 0\ntracefs /sys/kernel/tracing tracefs rw,nosuid 0 0\nx /a\\040b tracefs rw 0 0\n"),
		STR("sh -c 'echo \"a b\" $x' \"q\\\"r\" \\'s  t"),
		/* a library cache: magic, one entry, its two strings */
		STR("glibc-ld.so.cache1.1" "\1\0\0\0" "\x20\0\0\0" "\2\0\0\0" "\0\0\0\0\0\0\0\0\0\0\0\0" "\0\0\0\0"
		    "\3\3\0\0" "\x48\0\0\0" "\x52\0\0\0" "\0\0\0\0" "\0\0\0\0\0\0\0\0" "libc.so.6\0/lib/libc.so.6\0"),
	};
	f->seeds = (struct seeds){ calloc(4, sizeof(struct str)), 4 };
	memcpy(f->seeds.v, v, sizeof(v));
}

static void text_run(struct fuzz *f, const uint8_t *p, size_t n)
{
	struct arena a;
	const char *why;
	uint64_t off, total = 0;
	arena_init(&a);
	char *s = arena_strndup(&a, (const char *)p, n);
	fuzz_temp(f, p, n);
	struct ksyms *k = ksyms_open(f->temp_path);
	if (k) {
		const char *module;
		ksyms_restricted(k);
		ksyms_address(k, "foo");
		ksyms_name(k, 0xffffffff81000101, &off, &module);
		ksyms_name(k, 0, &off, &module);
		ksyms_name(k, ~0ULL, &off, &module);
		ksyms_close(k);
	}
	tracefs_find(&a, (struct str){ (const char *)p, (uint32_t)n }, "tracefs");
	sym_cache_each(p, n, text_cache, &total);
	child_split(&a, s, &why);
	for (uint32_t i = 0; i < n && i < 32; i++)
		sym_insn_length(p + i, (uint32_t)n - i);
	arena_fini(&a);
}

const struct target fuzz_format = { .name = "format", .what = "descriptions of tracepoints", .setup = format_setup, .run = format_run };
const struct target fuzz_elf = { .name = "elf", .what = "damaged programs", .run = elf_run };
const struct target fuzz_usdt = { .name = "usdt", .what = "notes of static probes", .setup = usdt_setup,
				  .make = usdt_make, .run = usdt_run };
const struct target fuzz_btf = { .name = "btf", .what = "damaged type information", .setup = btf_setup, .run = btf_run,
				 .finish = script_finish };
const struct target fuzz_text = { .name = "text", .what = "kallsyms, mounts, caches, commands", .setup = text_setup, .run = text_run };
