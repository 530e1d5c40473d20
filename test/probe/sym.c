/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sym/: functions of ELF files against what the program itself says (target.c), damaged files, the loader's cache, paths
 * inside a root, lengths of instructions. Arguments: a folder with the programs target (position-independent), target-exec
 * (not), target-stripped, and <name>.said, what target and target-exec said.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../check.h"
#include "sym/dw.h"
#include "sym/jit.h"
#include "sym/sym.h"

static const char *dir;
static struct check c = { .suite = "probe/sym" };

static const char *in_dir(struct arena *a, const char *name)
{
	return arena_printf(a, "%s/%s", dir, name);
}

/* -- symbols -- */

struct seen { char text[4096]; uint32_t n; };
static bool see(void *arg, const struct sym *s)
{
	struct seen *x = arg;
	size_t at = strlen(x->text);
	snprintf(x->text + at, sizeof(x->text) - at, "%s%s", x->n++ ? " " : "", s->name);
	return true;
}

static void test_said(struct arena *a, const char *name, bool pie)
{
	struct sym_elf *e;
	char sym[64];
	unsigned long addr, off;
	uint32_t n = 0;
	FILE *f = fopen(in_dir(a, arena_printf(a, "%s.said", name)), "r");
	if (!CHECK(&c, f != NULL) || !CHECK(&c, sym_elf_open(in_dir(a, name), &e) == 0))
		return;
	CHECK(&c, sym_elf_is_native(e));
	CHECK(&c, sym_elf_is_pie(e) == pie);
	CHECK(&c, !sym_elf_is_stripped(e));
	CHECK(&c, !sym_elf_is_go(e));
	while (fscanf(f, "%63s %lu %lu", sym, &addr, &off) == 3) {
		struct sym s, at;
		uint64_t got = 0;
		n++;
		check_true(&c, arena_printf(a, "%s: %s is found", name, sym), sym_elf_find(e, sym, &s));
		check_true(&c, arena_printf(a, "%s: address of %s", name, sym), s.addr == addr);
		check_true(&c, arena_printf(a, "%s: offset of %s", name, sym), sym_elf_offset(e, s.addr, &got) && got == off);
		check_true(&c, arena_printf(a, "%s: function at %s", name, sym), sym_elf_at(e, s.addr, &at) && at.addr == addr);
		if (s.size > 1)
			check_true(&c, arena_printf(a, "%s: function around %s", name, sym),
				   sym_elf_at(e, s.addr + s.size - 1, &at) && at.addr == addr);
	}
	CHECK(&c, n == 5);
	fclose(f);

	struct sym s;
	struct seen x = { { 0 }, 0 };
	uint64_t off2;
	/* Three names of one address: once, by the plainest. */
	CHECK(&c, sym_elf_each(e, "*alpha*", see, &x) == 1 && !strcmp(x.text, "alpha"));
	x = (struct seen){ { 0 }, 0 };
	CHECK(&c, sym_elf_each(e, "alpha_*", see, &x) == 1 && !strcmp(x.text, "alpha_again"));
	x = (struct seen){ { 0 }, 0 };
	CHECK(&c, sym_elf_each(e, "s?ed", see, &x) == 1 && !strcmp(x.text, "sled"));
	CHECK(&c, sym_elf_find(e, "alpha_again", &s) && s.is_weak && !s.is_local && s.size > 0);
	CHECK(&c, sym_elf_find(e, "hidden", &s) && s.is_local);
	/* A program at fixed addresses calls it through a stub, which then is the function for all. */
	CHECK(&c, sym_elf_find(e, "chosen", &s) && s.is_ifunc == pie);
	CHECK(&c, sym_elf_find(e, "sizeless", &s) && s.size == 0);
	CHECK(&c, !sym_elf_find(e, "nowhere", &s));
	CHECK(&c, !sym_elf_find(e, "printf", &s)); /* imported, not here */
	CHECK(&c, !sym_elf_offset(e, 1ull << 40, &off2));
	CHECK(&c, !sym_elf_at(e, 1ull << 40, &s));
#if defined(__x86_64__)
	uint8_t text[16];
	CHECK(&c, sym_elf_find(e, "sled", &s) && s.size == 9);
	CHECK(&c, sym_elf_text(e, s.addr, text, 9) == 9 && !memcmp(text, "\x90\x31\xc0\xb8\1\2\3\4\xc3", 9));
	static const int begins[9] = { 1, 1, 0, 1, 0, 0, 0, 0, 1 };
	for (uint32_t i = 0; i < 9; i++)
		check_true(&c, arena_printf(a, "instruction at sled+%u", i), sym_insn_boundary(text, 9, i) == begins[i]);
#endif
	sym_elf_close(e);
}

static void test_others(struct arena *a)
{
	struct sym_elf *e = NULL;
	struct sym s;
	if (CHECK(&c, sym_elf_open(in_dir(a, "target-stripped"), &e) == 0)) {
		CHECK(&c, sym_elf_is_stripped(e));
		CHECK(&c, sym_elf_find(e, "alpha", &s)); /* exported */
		CHECK(&c, !sym_elf_find(e, "hidden", &s));
		sym_elf_close(e);
	}
	CHECK(&c, sym_elf_open(in_dir(a, "target.said"), &e) == -ENOEXEC);
	CHECK(&c, sym_elf_open("/dev/null", &e) == -ENOEXEC);
	CHECK(&c, sym_elf_open(dir, &e) == -ENOEXEC);
	CHECK(&c, sym_elf_open(in_dir(a, "nowhere"), &e) == -ENOENT);
}

/* -- damaged files -- */

static uint32_t next(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(*seed >> 33);
}

struct sane { bool ok; };
static bool sane_sym(void *arg, const struct sym *s)
{
	struct sane *x = arg;
	x->ok &= s->name && s->name[0] && strlen(s->name) < 1 << 20;
	return true;
}

/* Whatever the file says: nothing crashes (sanitised builds look), and offsets lie within the file. */
static bool use_damaged(const char *path, uint64_t size)
{
	struct sym_elf *e;
	struct sane x = { true };
	struct sym s;
	uint8_t text[64];
	uint64_t off;
	if (sym_elf_open(path, &e) < 0)
		return true;
	sym_elf_each(e, "*", sane_sym, &x);
	static const char *const names[] = { "alpha", "sled", "main", "hidden" };
	for (int i = 0; i < 4; i++) {
		if (!sym_elf_find(e, names[i], &s))
			continue;
		if (sym_elf_offset(e, s.addr, &off))
			x.ok &= off < size;
		x.ok &= sym_elf_text(e, s.addr, text, sizeof(text)) <= sizeof(text);
		sym_elf_at(e, s.addr + 1, &s);
	}
	sym_elf_at(e, 0, &s);
	sym_elf_at(e, ~0ull, &s);
	sym_elf_close(e);
	return x.ok;
}

static void test_damaged(struct arena *a)
{
	const char *path = in_dir(a, "target");
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC), mem = memfd_create("damaged", MFD_CLOEXEC);
	if (!CHECK(&c, fd >= 0 && mem >= 0 && fstat(fd, &st) == 0))
		return;
	size_t n = (size_t)st.st_size;
	uint8_t *good = malloc(n), *bad = malloc(n);
	if (!CHECK(&c, good && bad && pread(fd, good, n, 0) == (ssize_t)n))
		return;
	const char *mem_path = arena_printf(a, "/proc/self/fd/%d", mem);
	uint64_t shoff, seed = 1;
	memcpy(&shoff, good + 40, sizeof(shoff));
	uint32_t n_ok = 0, rounds = 3000;
	for (uint32_t round = 0; round < rounds; round++) {
		size_t len = n;
		memcpy(bad, good, n);
		uint32_t flips = 1 + next(&seed) % 8;
		for (uint32_t i = 0; i < flips; i++) {
			size_t at;
			switch (next(&seed) % 4) { /* where it hurts: headers, sections, symbols; and anywhere */
			case 0: at = next(&seed) % 64; break;
			case 1: at = 64 + next(&seed) % (56 * 12); break;
			case 2: at = shoff < n ? shoff + next(&seed) % (n - shoff) : 0; break;
			default: at = next(&seed) % n; break;
			}
			uint8_t v = (uint8_t)next(&seed);
			bad[at] = next(&seed) % 3 ? v : (v & 1) ? 0xff : 0x7f;
		}
		if (round % 10 == 9)
			len = next(&seed) % n; /* cut off */
		if (ftruncate(mem, 0) != 0 || pwrite(mem, bad, len, 0) != (ssize_t)len)
			break;
		n_ok += use_damaged(mem_path, len);
	}
	CHECK(&c, n_ok == rounds);
	free(good);
	free(bad);
	close(fd);
	close(mem);
}

/* -- the loader's cache -- */

static void put32(uint8_t *p, uint32_t v)
{
	memcpy(p, &v, sizeof(v));
}

/* A cache of three libraries, the last of another machine, perhaps behind an old cache. Returns its size. */
static size_t make_cache(uint8_t *p, bool old)
{
	static const char *const strings[] = { "libone.so.1", "/opt/x/libone.so.1", "libtwo.so.2", "/opt/x/libtwo.so.2", "libalien.so.1",
					       "/opt/y/libalien.so.1" };
	size_t at = 0;
	memset(p, 0, 1024);
	if (old) {
		memcpy(p, "ld.so-1.7.0", 11);
		put32(p + 12, 3);
		at = (16 + 3 * 12 + 7) & ~7u;
	}
	uint8_t *h = p + at;
	memcpy(h, "glibc-ld.so.cache1.1", 20);
	put32(h + 20, 3);
	uint32_t str = 48 + 3 * 24;
#if defined(__aarch64__)
	const uint32_t mine = 0x0a03, other = 0x0303;
#else
	const uint32_t mine = 0x0303, other = 0x0a03;
#endif
	for (uint32_t i = 0; i < 3; i++) {
		uint8_t *e = h + 48 + i * 24;
		put32(e, i < 2 ? mine : other);
		for (uint32_t k = 0; k < 2; k++) {
			const char *s = strings[i * 2 + k];
			put32(e + 4 + k * 4, str);
			memcpy(h + str, s, strlen(s) + 1);
			str += (uint32_t)strlen(s) + 1;
		}
	}
	put32(h + 24, str - (48 + 3 * 24));
	return at + str;
}

static bool see_entry(void *arg, const char *soname, const char *path)
{
	struct seen *x = arg;
	size_t at = strlen(x->text);
	snprintf(x->text + at, sizeof(x->text) - at, "%s=%s ", soname, path);
	x->n++;
	return true;
}

static void test_cache(struct arena *a)
{
	uint8_t image[1024];
	static const char want[] = "libone.so.1=/opt/x/libone.so.1 libtwo.so.2=/opt/x/libtwo.so.2 ";
	for (int old = 0; old < 2; old++) {
		struct seen x = { { 0 }, 0 };
		size_t n = make_cache(image, old);
		CHECK(&c, sym_cache_each(image, n, see_entry, &x));
		CHECK(&c, !strcmp(x.text, want));
		/* Cut off anywhere: only whole entries whose strings are whole. In memory of exactly that size, for the sanitiser. */
		bool sane = true;
		for (size_t len = 0; len < n; len++) {
			uint8_t *copy = malloc(len + !len);
			memcpy(copy, image, len);
			x = (struct seen){ { 0 }, 0 };
			sym_cache_each(copy, len, see_entry, &x);
			sane &= strncmp(want, x.text, strlen(x.text)) == 0;
			free(copy);
		}
		CHECK(&c, sane);
		uint64_t seed = 7;
		for (uint32_t round = 0; round < 5000; round++) {
			uint8_t *copy = malloc(n);
			memcpy(copy, image, n);
			for (int i = 0; i < 4; i++)
				copy[next(&seed) % n] = (uint8_t)next(&seed);
			x = (struct seen){ { 0 }, 0 };
			sym_cache_each(copy, n, see_entry, &x);
			sane &= x.n <= 3;
			free(copy);
		}
		CHECK(&c, sane);
	}
	CHECK(&c, !sym_cache_each("no cache at all, but long enough to be one if it had the word", 60, see_entry, &(struct seen){ { 0 }, 0 }));

	static const struct { const char *soname, *name; bool match; } names[] = {
		{ "libc.so.6", "libc", true }, { "libc.so.6", "c", true }, { "libc.so.6", "libc.so.6", true }, { "libc.so.6", "libc.so", true },
		{ "libc.so.6", "c.so.6", true }, { "libcrypt.so.1", "libc", false }, { "libcrypt.so.1", "c", false },
		{ "libssl.so.3", "ssl", true }, { "libssl.so.3", "libssl.so.1", false }, { "libssl.so.1.1", "libssl.so.1", true },
		{ "libc.so.6", "", false }, { "ld-linux-x86-64.so.2", "ld-linux-x86-64", true }, { "libc.so.6", "libc.so.60", false },
	};
	for (uint32_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		check_true(&c, arena_printf(a, "%s for '%s'", names[i].soname, names[i].name),
			   sym_lib_matches(names[i].soname, names[i].name) == names[i].match);
}

/* -- paths -- */

static void test_paths(struct arena *a)
{
	/* A root with links that, followed by the kernel, would lead out of it. */
	const char *root = in_dir(a, "root");
	static const char *const dirs[] = { "", "/real", "/real/lib", "/deep" };
	for (int i = 0; i < 4; i++)
		mkdir(arena_printf(a, "%s%s", root, dirs[i]), 0755);
	int fd = open(arena_printf(a, "%s/real/lib/libx.so.1.2", root), O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
	if (fd >= 0)
		close(fd);
	static const char *const links[][2] = {
		{ "/real/lib", "/abs" }, { "real/lib", "/rel" }, { "../../../real", "/deep/up" }, { "libx.so.1.2", "/real/lib/libx.so" },
		{ "/loop2", "/loop1" }, { "/loop1", "/loop2" }, { "/../../../../real/lib", "/out" },
	};
	for (uint32_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		const char *at = arena_printf(a, "%s%s", root, links[i][1]);
		unlink(at);
		if (symlink(links[i][0], at) != 0)
			CHECK(&c, !"symlink");
	}
	static const struct { const char *path, *want; int err; } cases[] = {
		{ "/real/lib/libx.so.1.2", "/real/lib/libx.so.1.2", 0 }, { "/abs/libx.so", "/real/lib/libx.so.1.2", 0 },
		{ "/rel/libx.so", "/real/lib/libx.so.1.2", 0 }, { "/deep/up/lib/libx.so", "/real/lib/libx.so.1.2", 0 },
		{ "/out/libx.so", "/real/lib/libx.so.1.2", 0 }, { "/../../real/./lib//libx.so", "/real/lib/libx.so.1.2", 0 },
		{ "rel/libx.so", "/real/lib/libx.so.1.2", 0 }, { "/", "/", 0 }, { "/loop1/x", NULL, -ELOOP },
		{ "/abs/nowhere", NULL, -ENOENT }, { "/etc/passwd", NULL, -ENOENT },
		{ "/real/lib/libx.so/x", NULL, -ENOTDIR },
	};
	for (uint32_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int err = 0;
		const char *got = sym_path_resolve(a, root, cases[i].path, &err);
		check_true(&c, arena_printf(a, "path %s in a root (got %s, %d)", cases[i].path, got ? got : "none", err),
			   got ? cases[i].want && !strcmp(got, cases[i].want) : !cases[i].want && err == cases[i].err);
	}
	char *too_long = arena_alloc(a, 20001);
	memset(too_long, '/', 1);
	memset(too_long + 1, 'x', 19999);
	int err = 0;
	CHECK(&c, !sym_path_resolve(a, root, too_long, &err) && err == -ENAMETOOLONG);
	CHECK(&c, !strcmp(sym_root(a, 0), "") && !strcmp(sym_root(a, getpid()), ""));
}

static void test_found(struct arena *a)
{
	struct sym_paths maps = { 0 };
	const char *by_cache = sym_lib_find(a, "", "libc"), *mapped = sym_lib_mapped(a, getpid(), "libc"), *exe = realpath("/proc/self/exe", NULL);
	bool self = false;
	CHECK(&c, by_cache && strstr(by_cache, "libc.so"));
	CHECK(&c, by_cache && sym_lib_find(a, "", "c") && !strcmp(by_cache, sym_lib_find(a, "", "c")));
	/* The library that this process runs with is the one that a look-up finds. */
	int err;
	CHECK(&c, mapped && by_cache && !strcmp(sym_path_resolve(a, "", mapped, &err), by_cache));
	CHECK(&c, sym_mapped(a, getpid(), &maps) == 0);
	for (uint32_t i = 0; i < maps.list.n; i++)
		self |= exe && !strcmp(maps.list.v[i], exe);
	CHECK(&c, self);
	CHECK(&c, sym_mapped(a, 2000000000, &maps) < 0);
	CHECK(&c, !sym_lib_find(a, "", "nosuchlibrary") && !sym_lib_find(a, "", ""));
	CHECK(&c, sym_program_find(a, "", "sh") && !sym_program_find(a, "", "nosuchprogram"));
	/* A root without a cache: the loader's folders. */
	CHECK(&c, !sym_lib_find(a, in_dir(a, "root"), "libx")); /* libx.so.1.2 is no ELF file and not in one of them */
	free((void *)exe);
}

/* -- instructions -- */

static void test_instructions(struct arena *a)
{
	static const struct { const char *bytes; uint32_t n, len; } cases[] = {
		{ "\x90", 1, 1 }, { "\x55", 1, 1 }, { "\x48\x89\xe5", 3, 3 }, { "\xf3\x0f\x1e\xfa", 4, 4 }, /* endbr64 */
		{ "\x48\xb8\1\2\3\4\5\6\7\x8", 10, 10 }, { "\x66\xb8\1\2", 4, 4 }, { "\xe8\1\2\3\4", 5, 5 },
		{ "\x66\x0f\x1f\x84\0\0\0\0\0", 9, 9 }, { "\x48\x8b\x04\x25\1\2\3\4", 8, 8 }, { "\x8b\x05\1\2\3\4", 6, 6 },
		{ "\xf6\xc1\x01", 3, 3 }, { "\xf7\xd8", 2, 2 }, { "\xf7\xc1\1\2\3\4", 6, 6 }, { "\x66\xf7\xc1\1\2", 5, 5 },
		{ "\xc5\xf8\x77", 3, 3 }, { "\xc5\xfd\x6f\x07", 4, 4 }, { "\xc4\xe3\x7d\x39\xc1\x01", 6, 6 },
		{ "\x62\xf1\xfe\x48\x6f\x07", 6, 6 }, { "\x66\x0f\x3a\x0f\xc1\x08", 6, 6 }, { "\x0f\x38\xf0\x07", 4, 4 },
		{ "\xc8\1\2\3", 4, 4 }, { "\x0f\x05", 2, 2 }, { "\x0f\x84\1\2\3\4", 6, 6 }, { "\x48\xa1\1\2\3\4\5\6\7\x8", 10, 10 },
		{ "\x67\xa1\1\2\3\4", 6, 6 }, { "\xdd\x44\x24\x08", 4, 4 }, { "\xf2\x0f\x10\x05\1\2\3\4", 8, 8 },
		/* no instruction, or not whole */
		{ "\x06", 1, 0 }, { "\x0f", 1, 0 }, { "\x66", 1, 0 }, { "\x48", 1, 0 }, { "\xe8\1\2\3", 4, 0 }, { "\x8b", 1, 0 }, { "\x8b\x04", 2, 0 },
		{ "\xc5\xf8", 2, 0 }, { "\x0f\x38", 2, 0 }, { "\x40\x40\x90", 3, 0 }, { "\xea", 1, 0 }, { "", 0, 0 },
	};
	for (uint32_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t *copy = malloc(cases[i].n + !cases[i].n);
		memcpy(copy, cases[i].bytes, cases[i].n);
		check_true(&c, arena_printf(a, "length of instruction %u (%02x...)", i, cases[i].n ? copy[0] : 0),
			   sym_insn_length(copy, cases[i].n) == cases[i].len);
		free(copy);
	}
#if defined(__x86_64__)
	static const struct { const char *bytes; uint32_t n; bool vector; } vectors[] = {
		{ "\x62\xe2\x7d\x28\x7a\xce", 6, true }, { "\xc5\xf9\x6e\xc6", 4, true }, { "\xc4\xe2\x7d\x78\xc0", 5, true },
		{ "\x67\xc5\xf8\x28\x00", 5, true }, { "\x48\x89\xe5", 3, false }, { "\xf3\x0f\x1e\xfa", 4, false }, { "\x8f\xc0", 2, false },
		{ "\x66\x0f\x6e\xc6", 4, false }, { "\x62", 1, false }, { "", 0, false },
	};
	for (uint32_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++)
		check_true(&c, arena_printf(a, "vector instruction %u", i),
			   sym_insn_is_vector((const uint8_t *)vectors[i].bytes, vectors[i].n) == vectors[i].vector);
#endif
	/* Random bytes: never longer than what there is, or than an instruction can be. */
	uint64_t seed = 3;
	bool sane = true;
	for (uint32_t round = 0; round < 200000; round++) {
		uint8_t b[16];
		uint32_t n = next(&seed) % 17;
		for (uint32_t i = 0; i < n; i++)
			b[i] = (uint8_t)next(&seed);
		uint32_t len = sym_insn_length(b, n);
		sane &= len <= n && len <= 15;
	}
	CHECK(&c, sane);
}

/* -- processes -- */

__attribute__((noinline, used)) void test_here(void)
{
	__asm__ volatile("");
}

static void test_procs(struct arena *a)
{
	struct sym_procs *p = sym_procs_new((struct sym_options){ .demangle = true });
	struct sym_frame f;
	uint32_t me = (uint32_t)getpid();
	uint64_t here = (uint64_t)(uintptr_t)test_here;
	if (!CHECK(&c, p != NULL))
		return;
	CHECK(&c, sym_procs_at(p, me, here, &f) && !strcmp(f.name, "test_here") && f.offset == 0 && strstr(f.file, "sym"));
	CHECK(&c, sym_procs_at(p, me, (uint64_t)(uintptr_t)getenv, &f) && strstr(f.name, "getenv") && strstr(f.file, "libc"));
	CHECK(&c, !sym_procs_at(p, me, 0x1000, &f) && !f.file);
	CHECK(&c, !sym_procs_at(p, 0, here, &f));
	CHECK(&c, !sym_procs_at(p, UINT32_MAX, here, &f));
	/* a child that nobody ever saw has what its parent had; exec ends that only for what the new program maps */
	sym_procs_fork(p, 4000001, me);
	CHECK(&c, sym_procs_at(p, 4000001, here, &f) && !strcmp(f.name, "test_here"));
	for (uint32_t i = 2; i < 100; i++) /* a chain longer than anybody follows, and a ring */
		sym_procs_fork(p, 4000000 + i, 4000000 + i - 1);
	CHECK(&c, !sym_procs_at(p, 4000099, here, &f));
	sym_procs_fork(p, 4000200, 4000200);
	CHECK(&c, !sym_procs_at(p, 4000200, here, &f));
	sym_procs_exec(p, 4000001);
	sym_procs_mapped(p, &(struct sym_mapping){ 4000001, here & ~0xfffull, 0x2000, 0, 1, 2, "/nowhere" });
	CHECK(&c, !sym_procs_at(p, 4000001, here, &f) || strcmp(f.file, "/nowhere"));
	sym_procs_mapped(p, &(struct sym_mapping){ 4000300, 0x10000, 0x1000, 0, 1, 3, "/low" });
	CHECK(&c, !sym_procs_at(p, 4000300, 0x50000, &f) && !f.file); /* behind all that is known */
	CHECK(&c, !sym_procs_at(p, 4000300, 0x10010, &f) && !strcmp(f.file, "/low"));
	/* nonsense, and more than is kept */
	sym_procs_mapped(p, &(struct sym_mapping){ me, 5, 0, 0, 1, 2, "/x" });
	sym_procs_mapped(p, &(struct sym_mapping){ me, ~0ull, 2, 0, 1, 2, "/x" });
	sym_procs_mapped(p, &(struct sym_mapping){ me, 4096, 4096, 0, 1, 2, "" });
	for (uint32_t i = 0; i < 40000; i++)
		sym_procs_mapped(p, &(struct sym_mapping){ i + 1, 4096, 4096, 0, 1, 100 + i % 700, arena_printf(a, "/none/%u", i % 700) });
	CHECK(&c, !sym_procs_at(p, 30000, 4100, &f));
	sym_procs_free(p);
	sym_procs_free(NULL);
}

/* Room for one table only: two files in turns are read again each time, and right. */
static void test_bounded(void)
{
	struct sym_procs *p = sym_procs_new((struct sym_options){ .demangle = true, .bytes = 1 });
	struct sym_frame f;
	uint32_t me = (uint32_t)getpid(), good = 0;
	for (int i = 0; p && i < 10; i++) {
		good += sym_procs_at(p, me, (uint64_t)(uintptr_t)test_here, &f) && !strcmp(f.name, "test_here");
		good += sym_procs_at(p, me, (uint64_t)(uintptr_t)getenv, &f) && strstr(f.name, "getenv");
	}
	CHECK(&c, good == 20);
	sym_procs_free(p);
}

static void test_jit_text(struct arena *a, const char *text, size_t n, bool want)
{
	const char *path = arena_printf(a, "/tmp/perf-%d.map", (int)getpid()), *name = NULL;
	uint64_t off = 0;
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (!CHECK(&c, fd >= 0 && write(fd, text, n) == (ssize_t)n))
		return;
	close(fd);
	struct sym_jit *j = sym_jit_open((uint32_t)getpid());
	if (CHECK(&c, j != NULL)) {
		bool got = sym_jit_at(j, 0x1010, &name, &off);
		check_true(&c, arena_printf(a, "perf map \"%.20s\"", text), got == want && (!got || (!strcmp(name, "f g") && off == 0x10)));
	}
	sym_jit_close(j);
	unlink(path);
}

static void test_jit(struct arena *a)
{
	const char *path = arena_printf(a, "/tmp/perf-%d.map", (int)getpid());
	static const char *const none[] = { "", "\n", "1000 20 f g", "1000 f g\n", "1000 0 f g\n", "x 20 f g\n", "1000 20\n", "1000 20 \n",
					    "2000 20 f g\n", "1000 ffffffffffffffff f g\n", "ffffffffffffffffff 1 f g\n", "1000 10 f g\n" };
	for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++)
		test_jit_text(a, none[i], strlen(none[i]), false);
	const char good[] = "1000 20 old\n1000 20 f g\n", later[] = "1008 20 old\n1000 20 f g\n2000 8 h\n";
	test_jit_text(a, good, sizeof(good) - 1, true);
	test_jit_text(a, later, sizeof(later) - 1, true);
	test_jit_text(a, "\0\n1000 20 f g\n", 15, false); /* a NUL ends what is read */
	/* a link, and somebody else's file */
	unlink(path);
	CHECK(&c, !sym_jit_open((uint32_t)getpid()));
	if (CHECK(&c, symlink("/proc/self/maps", path) == 0))
		CHECK(&c, !sym_jit_open((uint32_t)getpid()));
	unlink(path);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	if (geteuid() == 0 && CHECK(&c, fd >= 0 && fchown(fd, 65534, 65534) == 0))
		CHECK(&c, !sym_jit_open((uint32_t)getpid()));
	if (fd >= 0)
		close(fd);
	unlink(path);
}

/* The library of DWARF is found, and it reads this very program. */
static void test_dw(void)
{
	struct dw *d = NULL;
	if (!CHECK(&c, dw_open(&d) == 0))
		return;
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	Dwarf *dbg = d->dwarf_begin(fd, DWARF_C_READ);
	CHECK(&c, dbg != NULL);
	Dwarf_CU *cu = NULL;
	bool found = false;
	Dwarf_Die die, sub;
	while (dbg && !found && d->dwarf_get_units(dbg, cu, &cu, NULL, NULL, &die, &sub) == 0)
		found = d->dwarf_diename(&die) && strstr(d->dwarf_diename(&die), "sym.c");
	CHECK(&c, found);
	d->dwarf_end(dbg);
	close(fd);
	dw_close(d);
	dw_close(NULL);
}

/* What this program was to have mapped, by its file, against what the loader has mapped. */
static void test_startup(struct arena *a)
{
	struct sym_paths want = { 0 }, have = { 0 }, script = { 0 }, none = { 0 };
	const char *exe = realpath("/proc/self/exe", NULL);
	bool libc = false, loader = false;
	sym_startup(a, "", exe, &want);
	CHECK(&c, want.list.n >= 4 && sym_mapped(a, getpid(), &have) == 0 && !strcmp(want.list.v[0], exe));
	for (uint32_t i = 0; i < want.list.n; i++) {
		bool there = false;
		for (uint32_t k = 0; k < have.list.n; k++)
			there |= !strcmp(want.list.v[i], have.list.v[k]);
		check_true(&c, arena_printf(a, "%s is mapped", want.list.v[i]), there);
		libc |= strstr(want.list.v[i], "/libc.so") != NULL;
		loader |= strstr(want.list.v[i], "/ld-linux") != NULL;
	}
	CHECK(&c, libc && loader);
	/* A script runs its interpreter; a name that is no file, nothing. */
	const char *path = in_dir(a, "script");
	FILE *f = fopen(path, "w");
	if (CHECK(&c, f != NULL)) {
		fprintf(f, "#! %s -x\n", exe);
		fclose(f);
		sym_startup(a, "", path, &script);
		CHECK(&c, script.list.n == want.list.n && !strcmp(script.list.v[0], exe));
	}
	sym_startup(a, "", in_dir(a, "nowhere"), &none);
	CHECK(&c, none.list.n == 0);
	sym_startup(a, "", in_dir(a, "target.said"), &none);
	CHECK(&c, none.list.n == 1);
	free((void *)exe);
}

int main(int argc, char **argv)
{
	struct arena a;
	if (argc < 2)
		return 2;
	dir = argv[1];
	arena_init(&a);
	test_said(&a, "target", true);
	test_said(&a, "target-exec", false);
	test_others(&a);
	test_damaged(&a);
	test_cache(&a);
	test_paths(&a);
	test_found(&a);
	test_startup(&a);
	test_instructions(&a);
	test_procs(&a);
	test_bounded();
	test_jit(&a);
	test_dw();
	arena_fini(&a);
	return check_end(&c);
}
