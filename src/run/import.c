/* SPDX-License-Identifier: Apache-2.0 */
/*
 * import "path"; at the top of a script: the definitions, macros and probes of another script, or of all scripts of a
 * directory, in the place of the statement (reference 1.10). Paths are relative to the script that says so; -e and stdin are in
 * the working directory. A file is read once, however often it is named, which also ends circles.
 *
 * What is imported runs with our privileges: files and directories must belong to root or to us, and nobody else may write them. Asked
 * of the open descriptor, so that what was tested is what is read.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lang/parse.h"
#include "run/run.h"
#include "run/tool.h"

enum { IMPORT_DEPTH = 32, IMPORT_FILES = 256, IMPORT_BYTES = 16 << 20 };

struct import {
	struct arena *a;
	struct diags *d;
	VEC(struct stat) seen;
	VEC(const struct tool *) libraries;
	uint32_t depth;
};

static void import_program(struct import *x, struct node *program, struct str script);

static void import_error(struct import *x, struct span span, const char *what, const char *path)
{
	diag_add(x->d, D_IMPORT, span, arena_printf(x->a, "%s: %s", what, path));
}

static bool import_trusted(struct import *x, struct span span, const struct stat *st, const char *path)
{
	if (st->st_mode & S_IWOTH)
		import_error(x, span, S_ISDIR(st->st_mode) ? "cowardly refusing to import from a directory with global write permissions" :
							     "cowardly refusing to import a file with global write permissions", path);
	else if (st->st_uid != 0 && st->st_uid != geteuid())
		import_error(x, span, "cowardly refusing to import what belongs to somebody else", path);
	else
		return true;
	return false;
}

/* The directory of a path, as a path. */
static const char *import_directory(struct import *x, struct str path)
{
	uint32_t n = path.len;
	while (n && path.s[n - 1] != '/')
		n--;
	return n ? arena_strndup(x->a, path.s, n) : "./";
}

/* Was it read before? If not, it is now. */
static bool import_seen(struct import *x, const struct stat *st)
{
	for (uint32_t i = 0; i < x->seen.n; i++)
		if (x->seen.v[i].st_dev == st->st_dev && x->seen.v[i].st_ino == st->st_ino)
			return true;
	vec_push(x->a, &x->seen, *st);
	return false;
}

static char *import_read(struct import *x, int fd, size_t size, uint32_t *ret_len)
{
	char *text = arena_alloc(x->a, size + 1);
	size_t n = 0;
	while (n < size) {
		ssize_t got = read(fd, text + n, size - n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		n += (size_t)got;
	}
	*ret_len = (uint32_t)n;
	return text;
}

/* The items of one script, behind those in `to`. */
static void import_file(struct import *x, struct node *to, struct span span, const char *path, int fd, const struct stat *st)
{
	struct arena *a = x->a;
	uint32_t len;
	if (!S_ISREG(st->st_mode) || st->st_size > IMPORT_BYTES || x->seen.n >= IMPORT_FILES) {
		import_error(x, span, "this is no script, too large, or one too many", path);
		return;
	}
	if (import_seen(x, st))
		return;
	char *text = import_read(x, fd, (size_t)st->st_size, &len);
	struct str name = str_of(arena_strndup(a, path, (uint32_t)strlen(path)));
	struct node *p = parse_program(a, x->d, diags_add_source(x->d, name, (struct str){ text, len }));
	x->depth++;
	import_program(x, p, name);
	x->depth--;
	for (uint32_t i = 0; i < p->list.n; i++) {
		if (p->list.v[i]->kind == N_CONFIG)
			diag_add(x->d, D_IMPORT, p->list.v[i]->span, "invalid `config` within import");
		vec_push(a, &to->list, p->list.v[i]);
	}
}

static bool import_ends(const char *s, const char *with)
{
	size_t n = strlen(s), k = strlen(with);
	return n >= k && !strcmp(s + n - k, with);
}

static int import_is_script(const struct dirent *e)
{
	return e->d_name[0] != '.' && (import_ends(e->d_name, ".bt") || import_ends(e->d_name, ".h"));
}

static void import_path(struct import *x, struct node *to, struct span span, const char *path);

/* All scripts of a directory, by name; not those in directories beneath. */
static void import_all(struct import *x, struct node *to, struct span span, const char *path)
{
	struct dirent **names = NULL;
	int n = scandir(path, &names, import_is_script, alphasort);
	if (n < 0)
		import_error(x, span, strerror(errno), path);
	for (int i = 0; i < n; i++) {
		import_path(x, to, span, arena_printf(x->a, "%s%s%s", path, import_ends(path, "/") ? "" : "/", names[i]->d_name));
		free(names[i]);
	}
	free(names);
}

/* A C header: sema reads it as if it were included. */
static void import_header(struct import *x, struct node *to, struct span span, const char *path, const struct stat *st)
{
	struct stat dir;
	const char *parent = import_directory(x, str_of(path));
	if (!import_trusted(x, span, st, path) || (!stat(parent, &dir) && !import_trusted(x, span, &dir, parent)) || import_seen(x, st))
		return;
	struct node *n = node_new(x->a, N_CSTMT, span);
	n->str = str_of(arena_printf(x->a, "#include \"%s\"", path));
	vec_push(x->a, &to->list, n);
}

static void import_path(struct import *x, struct node *to, struct span span, const char *path)
{
	struct stat st, dir;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 || fstat(fd, &st)) {
		int err = errno;
		diag_add(x->d, D_IMPORT, span, "Unable to find suitable path for import");
		diag_hint(x->d, "%s: %s", path, strerror(err));
	} else if (!S_ISDIR(st.st_mode) && !import_ends(path, ".bt") && !import_ends(path, ".sonde")) {
		if (import_ends(path, ".h")) {
			import_header(x, to, span, path, &st);
		} else if (import_ends(path, ".bpf.c") || import_ends(path, ".bpf.o")) {
			import_error(x, span, "BPF programs written in C cannot be imported: there is no C compiler here", path);
			diag_hint(x->d, "functions (fn) and macros of another script can be");
		} else
			import_error(x, span, "unknown import type", path);
	} else if (import_trusted(x, span, &st, path)) {
		const char *parent = import_directory(x, str_of(path));
		if (S_ISDIR(st.st_mode))
			import_all(x, to, span, path);
		else if (stat(parent, &dir) || import_trusted(x, span, &dir, parent))
			import_file(x, to, span, path, fd, &st);
	}
	if (fd >= 0)
		close(fd);
}

/* "lib:NAME" comes with the program, and imports nothing itself. */
static void import_library(struct import *x, struct node *to, struct span span, struct str name)
{
	const struct tool *t = tool_library(name);
	if (!t) {
		import_error(x, span, "there is no such library", arena_strndup(x->a, name.s, name.len));
		return;
	}
	for (uint32_t i = 0; i < x->libraries.n; i++)
		if (x->libraries.v[i] == t)
			return;
	vec_push(x->a, &x->libraries, t);
	const struct node *p = parse_program(x->a, x->d, diags_add_source(x->d, name, tool_text(t)));
	for (uint32_t i = 0; i < p->list.n; i++)
		vec_push(x->a, &to->list, p->list.v[i]);
}

/* import within a block: what it names is read here; sema says whether it may stand there. */
static void import_statements(struct import *x, struct node *all, struct node *n, struct str script)
{
	if (!n)
		return;
	if (n->kind == N_STMTIMPORT && x->depth < IMPORT_DEPTH) {
		const char *name = arena_strndup(x->a, n->str.s, n->str.len);
		if (str_starts(n->str, "lib:"))
			import_library(x, all, n->span, n->str);
		else
			import_path(x, all, n->span, name[0] == '/' ? name : arena_printf(x->a, "%s%s", import_directory(x, script), name));
		return;
	}
	import_statements(x, all, n->a, script);
	import_statements(x, all, n->b, script);
	import_statements(x, all, n->c, script);
	for (uint32_t i = 0; i < n->list.n; i++)
		import_statements(x, all, n->list.v[i], script);
}

/* -- headers, for sema -- */

static bool header_open(struct headers *h, const char *dir, struct str name, struct sema_include *in)
{
	const char *path = arena_printf(h->a, "%s%s%.*s", dir, *dir && !import_ends(dir, "/") ? "/" : "", STR_FMT(name));
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	bool ok = fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_size < IMPORT_BYTES;
	if (ok) {
		struct import x = { .a = h->a };
		in->text.s = import_read(&x, fd, (size_t)st.st_size, &in->text.len);
		in->path = str_of(path);
	}
	if (fd >= 0)
		close(fd);
	return ok;
}

bool header_find(void *arg, struct sema_include *in)
{
	static const char *const system[] = { "/usr/local/include", "/usr/include/x86_64-linux-gnu", "/usr/include/aarch64-linux-gnu", "/usr/include" };
	struct headers *h = arg;
	struct import x = { .a = h->a };
	if (in->name.len && in->name.s[0] == '/')
		return header_open(h, "", in->name, in);
	if (!in->angled && header_open(h, import_directory(&x, in->from.len ? in->from : h->script), in->name, in))
		return true;
	for (uint32_t i = 0; i < h->n_dirs; i++)
		if (header_open(h, h->dirs[i], in->name, in))
			return true;
	for (size_t i = 0; i < sizeof(system) / sizeof(*system); i++)
		if (header_open(h, system[i], in->name, in))
			return true;
	return false;
}

static void import_program(struct import *x, struct node *program, struct str script)
{
	struct arena *a = x->a;
	struct node all = { 0 };
	for (uint32_t i = 0; i < program->list.n; i++) {
		struct node *n = program->list.v[i];
		if (n->kind != N_IMPORT) {
			import_statements(x, &all, n, script);
			vec_push(a, &all.list, n);
			continue;
		}
		const char *name = arena_strndup(a, n->str.s, n->str.len);
		if (str_starts(n->str, "lib:"))
			import_library(x, &all, n->span, n->str);
		else if (x->depth >= IMPORT_DEPTH)
			import_error(x, n->span, "imports are nested too deeply", name);
		else
			import_path(x, &all, n->span, name[0] == '/' ? name : arena_printf(a, "%s%s", import_directory(x, script), name));
	}
	program->list = (typeof(program->list)){ 0 };
	for (uint32_t i = 0; i < all.list.n; i++)
		vec_push(a, &program->list, all.list.v[i]);
}

void import_resolve(struct arena *a, struct diags *d, struct str name, struct node *program)
{
	struct import x = { .a = a, .d = d };
	struct stat st;
	if (name.len && !stat(arena_strndup(a, name.s, name.len), &st))
		import_seen(&x, &st); /* the script itself */
	import_program(&x, program, name);
}

bool script_options(struct arena *a, struct str name, struct str text, bool colour, struct options *ret, struct buf *err)
{
	struct diags d;
	diags_init(&d, a);
	struct node *tree = parse_program(a, &d, diags_add_source(&d, name, text));
	if (!d.n_errors)
		import_resolve(a, &d, name, tree);
	if (!d.n_errors)
		option_collect(a, &d, tree, ret);
	if (d.n_errors)
		diag_render(&d, err, colour, false);
	return d.n_errors == 0;
}

bool script_declares(struct arena *a, struct str text)
{
	struct diags d;
	if (!memmem(text.s, text.len, "options", 7))
		return false;
	diags_init(&d, a);
	const struct node *tree = parse_program(a, &d, diags_add_source(&d, STR("script"), text));
	for (uint32_t i = 0; i < tree->list.n; i++)
		if (tree->list.v[i]->kind == N_OPTIONS)
			return true;
	return false;
}
