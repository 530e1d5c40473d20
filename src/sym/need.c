/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What does a program need to run: its interpreter (the dynamic linker), by path, and its libraries, by the names
 * that the linker looks for. Read from the program headers and the dynamic section; every offset is checked by
 * reading. sym_startup follows them to files, in the places where the linker looks, in its order: so it is known
 * what a command will have mapped before it runs. What a program loads later by itself (dlopen) nobody knows then.
 */
#include <elf.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "sym/sym.h"

enum { NEED_PHDRS = 64, NEED_DYNS = 4096, NEED_NAME = 1024, NEED_MAX = 256 };

static bool need_read(int fd, uint64_t off, void *to, size_t n)
{
	return off < INT64_MAX && pread(fd, to, n, (off_t)off) == (ssize_t)n;
}

/* A string of the file, in the arena; NULL when it is too long, or not there. */
static const char *need_string(struct arena *a, int fd, uint64_t off)
{
	char text[NEED_NAME];
	ssize_t n = off < INT64_MAX ? pread(fd, text, sizeof(text), (off_t)off) : 0;
	const char *nul = n > 0 ? memchr(text, 0, (size_t)n) : NULL;
	return nul && nul > text ? arena_strndup(a, text, (uint32_t)(nul - text)) : NULL;
}

static bool need_offset(const Elf64_Phdr *ph, unsigned n, uint64_t addr, uint64_t *ret)
{
	for (unsigned i = 0; i < n; i++) {
		if (ph[i].p_type != PT_LOAD || addr < ph[i].p_vaddr || addr - ph[i].p_vaddr >= ph[i].p_filesz)
			continue;
		*ret = addr - ph[i].p_vaddr + ph[i].p_offset;
		return true;
	}
	return false;
}

/* Where one file asks its libraries to be looked for: lists of folders, or NULL. */
struct need_paths { const char *rpath, *runpath; };

static void need_dynamic(struct arena *a, int fd, struct sym_paths *ret, struct need_paths *paths)
{
	Elf64_Ehdr eh;
	Elf64_Phdr ph[NEED_PHDRS];
	if (!need_read(fd, 0, &eh, sizeof(eh)) || memcmp(eh.e_ident, ELFMAG, SELFMAG) ||
	    eh.e_ident[EI_CLASS] != ELFCLASS64 || eh.e_phentsize != sizeof(*ph) || eh.e_phnum > NEED_PHDRS ||
	    !need_read(fd, eh.e_phoff, ph, eh.e_phnum * sizeof(*ph)))
		return;
	for (unsigned i = 0; i < eh.e_phnum; i++) {
		const char *x = ph[i].p_type == PT_INTERP ? need_string(a, fd, ph[i].p_offset) : NULL;
		if (x && x[0] == '/')
			vec_push(a, &ret->list, x);
		if (ph[i].p_type != PT_DYNAMIC)
			continue;
		uint64_t names = 0;
		Elf64_Dyn d;
		for (int round = 0; round < 2; round++) /* first where the names are */
			for (unsigned k = 0; k < NEED_DYNS && k < ph[i].p_filesz / sizeof(d); k++) {
				if (!need_read(fd, ph[i].p_offset + k * sizeof(d), &d, sizeof(d)) || d.d_tag == DT_NULL)
					break;
				if (d.d_tag == DT_STRTAB && !need_offset(ph, eh.e_phnum, d.d_un.d_ptr, &names))
					return;
				if (!round || !names ||
				    (d.d_tag != DT_NEEDED && d.d_tag != DT_RPATH && d.d_tag != DT_RUNPATH))
					continue;
				x = need_string(a, fd, names + d.d_un.d_val);
				if (x && d.d_tag == DT_RPATH)
					paths->rpath = x;
				else if (x && d.d_tag == DT_RUNPATH)
					paths->runpath = x;
				else if (x && ret->list.n < NEED_MAX)
					vec_push(a, &ret->list, x);
			}
	}
}

void sym_needed(struct arena *a, int fd, struct sym_paths *ret)
{
	struct need_paths paths = { 0 };
	need_dynamic(a, fd, ret, &paths);
}

/* -- to files -- */

struct startup {
	struct arena *a;
	const char *root;
	struct sym_paths *ret;
};

static int startup_open(struct startup *s, const char *path)
{
	struct stat st;
	int fd = open(arena_printf(s->a, "%s%s", s->root, path), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd >= 0 && (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static void startup_add(struct startup *s, const char *path)
{
	int err;
	const char *real = sym_path_resolve(s->a, s->root, path, &err);
	if (!real || s->ret->list.n >= NEED_MAX)
		return;
	for (uint32_t i = 0; i < s->ret->list.n; i++)
		if (!strcmp(s->ret->list.v[i], real))
			return;
	vec_push(s->a, &s->ret->list, real);
}

/* The first folder of a list "A:B" that has the file; "$ORIGIN" is the folder of the file that asks. */
static const char *startup_in(struct startup *s, const char *dirs, const char *origin, const char *name)
{
	for (const char *p = dirs; p && *p;) {
		size_t len = strcspn(p, ":"), skip = 9;
		const char *dir = arena_strndup(s->a, p, len), *at = strstr(dir, "${ORIGIN}");
		if (!at && (at = strstr(dir, "$ORIGIN")))
			skip = 7;
		if (at)
			dir = arena_printf(s->a, "%.*s%s%s", (int)(at - dir), dir, origin, at + skip);
		int err;
		const char *path = arena_printf(s->a, "%s/%s", dir, name);
		if (len && sym_path_resolve(s->a, s->root, path, &err))
			return path;
		p += len + (p[len] == ':');
	}
	return NULL;
}

/* What one file asks for. */
static void startup_file(struct startup *s, const char *path)
{
	struct sym_paths needs = { 0 };
	struct need_paths where = { 0 };
	const char *slash = strrchr(path, '/'),
		   *origin = slash ? arena_strndup(s->a, path, (size_t)(slash - path)) : ".";
	const char *ours = *s->root ? NULL : getenv("LD_LIBRARY_PATH");
	int fd = startup_open(s, path);
	if (fd < 0)
		return;
	need_dynamic(s->a, fd, &needs, &where);
	close(fd);
	for (uint32_t i = 0; i < needs.list.n; i++) {
		const char *name = needs.list.v[i], *at = strchr(name, '/') ? name : NULL;
		if (!at && !where.runpath)
			at = startup_in(s, where.rpath, origin, name);
		at = at ? at : startup_in(s, ours, origin, name);
		at = at ? at : startup_in(s, where.runpath, origin, name);
		at = at ? at : sym_lib_find(s->a, s->root, name);
		if (at)
			startup_add(s, at);
	}
}

/* "#!INTERPRETER": it is what runs. */
static const char *startup_script(struct startup *s, const char *path)
{
	char line[256];
	int fd = startup_open(s, path);
	ssize_t got = fd < 0 ? -1 : read(fd, line, sizeof(line) - 1);
	if (fd >= 0)
		close(fd);
	if (got < 3 || line[0] != '#' || line[1] != '!')
		return NULL;
	line[got] = 0;
	const char *p = line + 2 + strspn(line + 2, " \t");
	size_t len = strcspn(p, " \t\n");
	return len && p[0] == '/' ? arena_strndup(s->a, p, len) : NULL;
}

void sym_startup(struct arena *a, const char *root, const char *path, struct sym_paths *ret)
{
	struct startup s = { a, root, ret };
	const char *runs = startup_script(&s, path);
	startup_add(&s, runs ? runs : path);
	for (uint32_t i = 0; i < ret->list.n; i++)
		startup_file(&s, ret->list.v[i]);
}
