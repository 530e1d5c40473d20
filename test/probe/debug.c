/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sym/: names that are not in the symbol table of the file itself: stubs, files split off, files moved since, compressed tables; functions
 * without a size; mangled names. Argument: the folder with what test/probe/run made of stubs.c:
 *
 *   stubs, stubs.plt   the program, and "address name" of its stubs as objdump says
 *   moved.so           a stripped library whose debug file is of the same library at another address (as prelink leaves them)
 *   moved.said         "address" of its function moved_hidden
 *   mini               stubs, stripped, with .gnu_debugdata
 */
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "../check.h"
#include "sym/elf.h"
#include "sym/line.h"

static const char *dir;
static struct check c = { .suite = "probe/debug" };

static struct sym_elf *open_in(struct arena *a, const char *name)
{
	struct sym_elf *e = NULL;
	check_true(&c, arena_printf(a, "%s opens", name), sym_elf_open(arena_printf(a, "%s/%s", dir, name), &e) == 0);
	return e;
}

static void test_stubs(struct arena *a)
{
	struct sym_elf *e = open_in(a, "stubs");
	FILE *f = fopen(arena_printf(a, "%s/stubs.plt", dir), "re");
	char name[128];
	unsigned long addr;
	uint32_t n = 0, n_listed = 0;
	struct sym s;
	while (e && f && fscanf(f, "%lx %127s", &addr, name) == 2) {
		n++;
		check_true(&c, arena_printf(a, "stub %s", name), sym_elf_at(e, addr, &s) && !strcmp(s.name, name));
		check_true(&c, arena_printf(a, "stub %s, its last byte", name), sym_elf_at(e, addr + 7, &s) && !strcmp(s.name, name));
		n_listed += sym_elf_find(e, name, &s) && s.addr == addr;
	}
#if defined(__x86_64__)
	CHECK(&c, n >= 3 && n_listed == n);
#endif
	/* none of them is a function of this file */
	CHECK(&c, e && sym_elf_each(e, "*@plt", NULL, NULL) == 0);
	if (f)
		fclose(f);
	sym_elf_close(e);
}

static void test_sizeless(struct arena *a)
{
	struct sym_elf *e = open_in(a, "stubs");
	struct sym s, at;
	if (!e)
		return;
	CHECK(&c, sym_elf_find(e, "bare", &s) && s.size == 0);
	CHECK(&c, sym_elf_at(e, s.addr + 3, &at) && !strcmp(at.name, "bare"));
	CHECK(&c, sym_elf_at(e, s.addr + 4, &at) && !strcmp(at.name, "bare_label")); /* no function, but a name */
	CHECK(&c, !sym_elf_find(e, "bare_label", &at));
	CHECK(&c, sym_elf_at(e, s.addr + 9, &at) && !strcmp(at.name, "bare_label"));
	/* _init has no size either, and is the only one in its section */
	CHECK(&c, sym_elf_find(e, "_init", &s) && (!sym_elf_at(e, s.addr + 0x100, &at) || strcmp(at.name, "_init")));
	/* variables are found by name, and never taken for code */
	CHECK(&c, sym_elf_object(e, "stubs_data", &s) && s.size == 8 && !sym_elf_at(e, s.addr, &at));
	CHECK(&c, sym_elf_object(e, "main", &s) && !sym_elf_object(e, "stubs_thread", &s) && !sym_elf_object(e, "puts", &s));
	sym_elf_close(e);
}

static void test_elsewhere(struct arena *a)
{
	struct sym_elf *e = open_in(a, "moved.so");
	FILE *f = fopen(arena_printf(a, "%s/moved.said", dir), "re");
	unsigned long addr = 0;
	struct sym s;
	CHECK(&c, f && fscanf(f, "%lx", &addr) == 1);
	CHECK(&c, e && sym_elf_find(e, "moved_hidden", &s) && s.addr == addr && !sym_elf_is_stripped(e));
	CHECK(&c, e && sym_elf_at(e, addr + 1, &s) && !strcmp(s.name, "moved_hidden"));
	int fd = e ? sym_elf_dwarf(e) : -1;
	CHECK(&c, fd >= 0);
	close(fd);
	struct sym_lines *l = NULL;
	struct sym_place at;
	if (CHECK(&c, e && sym_lines_open(e, true, &l) == 0))
		CHECK(&c, sym_lines_at(l, addr + 1, &at) && at.file && strstr(at.file, "stubs.c") && at.line > 0 && at.n == 0 &&
				  !sym_lines_at(l, 0x10, &at) && sym_lines_at(l, addr + 1, &at));
	sym_lines_close(l);
	sym_elf_close(e);
	if (f)
		fclose(f);
	if (access(arena_printf(a, "%s/mini", dir), F_OK) == 0 && (e = open_in(a, "mini"))) {
		CHECK(&c, sym_elf_find(e, "stubs_hidden", &s) && s.is_local && s.size);
		CHECK(&c, sym_elf_dwarf(e) < 0);
		sym_elf_close(e);
	}
}

static void test_names(struct arena *a)
{
	static const struct { const char *from, *to; } rows[] = {
		{ "_ZN5shape6circle4growEiPKc", "shape::circle::grow(int, char const*)" }, { "_ZN5shape6circle4growEiPKc@plt", "shape::circle::grow(int, char const*)@plt" },
		{ "_Z3addii.cold", "add(int, int) [clone .cold]" }, { "_ZN4tree6branch4leaf17h05af221e174051e9E", "tree::branch::leaf" },
		{ "_ZN50_$LT$T$u20$as$u20$core..convert..From$LT$U$GT$$GT$4from17h0123456789abcdefE", "<T as core::convert::From<U>>::from" },
		{ "_RNvNtCs1234_7mycrate3foo3bar", "mycrate::foo::bar" }, { "_D4main3addFiiZi", "main.add(int, int)" },
		{ "main", NULL }, { "_start", NULL }, { "_", NULL }, { "", NULL }, { "_Z", NULL }, { "_D", NULL }, { "_R", NULL }, { "_ZN_this_is_none", NULL },
		{ "_Dmitri", NULL }, { "_Return", NULL }, { "__Z3addii", NULL },
	};
	struct buf b = { 0 };
	for (uint32_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool good = sym_demangle(rows[i].from, &b);
		check_true(&c, arena_printf(a, "%s is %s (got %s)", rows[i].from, rows[i].to ? rows[i].to : "no mangled name", good ? b.s : "none"),
			   rows[i].to ? good && !strcmp(b.s, rows[i].to) : !good && b.len == 0);
	}
	/* Each type is a pair of the one before: sixty of them mean 2^60 words. The answer is no, and soon. */
	struct buf bomb = { 0 };
	clock_t begun = clock();
	buf_adds(&bomb, "_Z1f1AIiiE");
	for (int i = 0; i < 60; i++)
		buf_addf(&bomb, "1AIS%.*s_S%.*s_E", i > 0, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ" + (i > 35 ? 35 : i) - (i > 0), i > 0,
			 "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ" + (i > 35 ? 35 : i) - (i > 0));
	sym_demangle(bomb.s, &b);
	CHECK(&c, b.len < 32 << 10);
	buf_clear(&bomb);
	buf_adds(&bomb, "_D1fF");
	for (int i = 0; i < 200; i++)
		buf_adds(&bomb, "HQaQc");
	sym_demangle(bomb.s, &b);
	CHECK(&c, b.len < 32 << 10);
	CHECK(&c, (clock() - begun) / CLOCKS_PER_SEC < 2);
	buf_fini(&bomb);
	buf_fini(&b);
}

static void test_parts(void)
{
	static const uint8_t note[] = "\4\0\0\0\4\0\0\0\3\0\0\0GNU\0\xde\xad\xbe\xef";
	uint8_t id[SYM_ID_MAX];
	char name[256];
	uint32_t crc = 0;
	CHECK(&c, sym_note_id(note, 20, 4, id) == 4 && !memcmp(id, "\xde\xad\xbe\xef", 4));
	CHECK(&c, sym_note_id(note, 19, 4, id) == 0 && sym_note_id(note, 0, 4, id) == 0);
	CHECK(&c, sym_debug_link("x.debug\0\1\2\3\4", 12, name, &crc) && !strcmp(name, "x.debug") && crc != 0);
	CHECK(&c, !sym_debug_link("x.debug\0\1\2\3", 11, name, &crc));
	CHECK(&c, !sym_debug_link("../../x\0\1\2\3\4", 12, name, &crc) && !sym_debug_link("..\0\0\1\2\3\4", 8, name, &crc));
	CHECK(&c, !sym_debug_link("no end", 6, name, &crc) && !sym_debug_link("", 0, name, &crc));
	/* places of the source go from process to process as text */
	struct sym_place p = { "/a.c", 7, 2, { { "f(int)", "/b.h", 3 }, { "g", NULL, 0 } } }, q;
	struct buf b = { 0 };
	place_pack(&p, &b);
	CHECK(&c, place_unpack(b.s, b.len, &q) && q.line == 7 && !strcmp(q.file, "/a.c") && q.n == 2 && !strcmp(q.in[0].name, "f(int)") &&
			  !strcmp(q.in[0].file, "/b.h") && q.in[0].line == 3 && !strcmp(q.in[1].name, "g") && !q.in[1].file);
	bool sane = true;
	for (size_t n = 0; n < b.len; n++) /* cut off anywhere */
		sane &= !place_unpack(b.s, n, &q) || q.n < 2;
	CHECK(&c, sane);
	buf_fini(&b);
}

int main(int argc, char **argv)
{
	struct arena a;
	if (argc < 2)
		return 2;
	dir = argv[1];
	arena_init(&a);
	test_stubs(&a);
	test_sizeless(&a);
	test_elsewhere(&a);
	test_names(&a);
	test_parts();
	arena_fini(&a);
	return check_end(&c);
}
