/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Symbols of files and processes that may be of any origin.
 *
 *   perfmap  what JIT compilers say of their code        name   mangled names
 *   note     notes, debug links, compressed tables, answers about lines of source
 *   lines    damaged DWARF, read by a process of its own: it may die, we may not
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fuzz.h"
#include "sym/elf.h"
#include "sym/jit.h"
#include "sym/line.h"

static void symbol_seeds(struct fuzz *f, uint32_t keep, const struct str *v, uint32_t n)
{
	struct str *all = calloc(keep + n, sizeof(struct str));
	if (!all)
		return;
	memcpy(all, f->seeds.v, keep * sizeof(*all));
	memcpy(all + keep, v, n * sizeof(*v));
	f->seeds = (struct seeds){ all, keep + n };
}

static void perfmap_setup(struct fuzz *f)
{
	static const struct str v[] = {
		STR("1000 20 one\n1010 20 two;x\n2000 100 LazyCompile:~f /a.js:1:2\n"), STR("7f0000001000 ffff x\nffffffffffff0000 ffff y\n"),
		STR("0 1 a\n0x10 0x10 b\n\n20 10\n 30 10 c\n40 10 d e f\n1 1"),
	};
	symbol_seeds(f, 0, v, sizeof(v) / sizeof(v[0]));
}

static void perfmap_run(struct fuzz *f, const uint8_t *p, size_t n)
{
	struct sym_jit *j = sym_jit_from(p, n);
	const char *name;
	uint64_t off;
	static const uint64_t at[] = { 0, 1, 0x1000, 0x101f, 0x2050, 0x7f0000001000, UINT64_MAX };
	for (size_t i = 0; j && i < sizeof(at) / sizeof(at[0]); i++) {
		if (!sym_jit_at(j, at[i], &name, &off))
			continue;
		f->n_accepted++;
		if (off > at[i] || strlen(name) > n)
			fuzz_fail(f, "a function behind its address");
	}
	sym_jit_close(j);
}

static void name_setup(struct fuzz *f)
{
	static const struct str v[] = {
		STR("_ZN5shape6circle4growEiPKc"), STR("_ZNSt3mapISsSt6vectorIiSaIiEESt4lessISsESaISt4pairIKSsS2_EEEixERS6_"),
		STR("_ZN4tree6branch4leaf17h05af221e174051e9E"), STR("_ZN50_$LT$T$u20$as$u20$core..convert..From$LT$U$GT$$GT$4from17h0123456789abcdefE"),
		STR("_RNvNtCs1234_7mycrate3foo3bar"), STR("_RINvNtC3std3mem8align_ofNtNtC3std3mem12DiscriminantE"),
		STR("_RNCNCNgCs6DXkGYLi8lr_2cc5spawn00B5_"), STR("_D4main3addFiiZi"), STR("_D3std5array8AppenderTAyaZQoQr3putMFNaNfQpZv"),
		STR("_Z1fIJidEEvDpT_@plt"), STR("_ZL3fooi.part.0.cold"), STR("_ZZ4mainENKUlT_E_clIiEEDaS_"),
	};
	symbol_seeds(f, 0, v, sizeof(v) / sizeof(v[0]));
}

static void name_run(struct fuzz *f, const uint8_t *p, size_t n)
{
	struct buf b = { 0 };
	char *s = malloc(n + 1);
	if (!s)
		return;
	memcpy(s, p, n);
	s[n] = 0;
	bool good = sym_demangle(s, &b);
	f->n_accepted += good;
	if (good != (b.len > 0) || b.len > (20 << 10))
		fuzz_fail(f, "%zu bytes of name", b.len);
	buf_fini(&b);
	free(s);
}

static void note_setup(struct fuzz *f)
{
	static const struct str v[] = {
		STR("\4\0\0\0\x14\0\0\0\3\0\0\0GNU\0" "01234567890123456789"),
		STR("\5\0\0\0\x10\0\0\0\1\0\0\0Xen!\0\0\0\0" "0123456789abcdef" "\4\0\0\0\x08\0\0\0\3\0\0\0GNU\0" "01234567"),
		STR("program.debug\0\0\0\x12\x34\x56\x78"), STR("a\0\0\0zzzz"),
		STR("12\0/a/b.c\0" "7\0f(int)\0/a/b.h\0" "9\0g\0\0"),
	};
	symbol_seeds(f, f->seeds.n, v, sizeof(v) / sizeof(v[0]));
}

static void note_run(struct fuzz *f, const uint8_t *p, size_t n)
{
	uint8_t id[SYM_ID_MAX], *copy = malloc(n + !n); /* of exactly that size */
	char name[256];
	uint32_t crc;
	void *out = NULL;
	size_t size = 0;
	struct sym_place at;
	if (!copy)
		return;
	memcpy(copy, p, n);
	for (uint32_t align = 4; align <= 8; align += 4) {
		uint32_t k = sym_note_id(copy, n, align, id);
		if (k > SYM_ID_MAX || k == 1)
			fuzz_fail(f, "a build id of %u bytes", k);
		f->n_accepted += k > 0;
	}
	if (sym_debug_link(copy, n, name, &crc) && (!*name || strchr(name, '/') || strlen(name) > 255))
		fuzz_fail(f, "a link to a path");
	if (xz_decode(copy, n, 1 << 20, &out, &size) == 0 && size > 1 << 20)
		fuzz_fail(f, "%zu bytes decompressed", size);
	free(out);
	if (place_unpack((const char *)copy, n, &at)) {
		size_t sum = at.file ? strlen(at.file) : 0;
		for (uint32_t i = 0; i < at.n; i++)
			sum += strlen(at.in[i].name) + (at.in[i].file ? strlen(at.in[i].file) : 0);
		if (sum > n || at.n > SYM_INLINES)
			fuzz_fail(f, "more text than there was");
	}
	free(copy);
}

static void lines_run(struct fuzz *f, const uint8_t *p, size_t n)
{
	struct sym_elf *e = NULL;
	struct sym_lines *l = NULL;
	struct sym_place at;
	struct sym s = { 0 };
	fuzz_temp(f, p, n);
	if (sym_elf_open(f->temp_path, &e))
		return;
	sym_elf_find(e, "main", &s);
	if (sym_lines_open(e, true, &l) == 0) {
		for (uint64_t k = 0; k < 4; k++)
			f->n_accepted += sym_lines_at(l, (s.addr ? s.addr : 0x1139) + k * 5, &at);
		sym_lines_close(l);
	}
	sym_elf_object(e, "main", &s);
	sym_elf_close(e);
}

const struct target fuzz_perfmap = { .name = "perfmap", .what = "maps of JIT compilers", .setup = perfmap_setup, .run = perfmap_run };
const struct target fuzz_name = { .name = "name", .what = "mangled names", .setup = name_setup, .run = name_run };
const struct target fuzz_note = { .name = "note", .what = "notes, links, compressed tables, lines", .setup = note_setup, .run = note_run };
const struct target fuzz_lines = { .name = "lines", .what = "damaged DWARF", .run = lines_run };
