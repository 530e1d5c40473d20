/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which files does a probe on user programs mean (uprobe, uretprobe, usdt)? A target is a path, a pattern of paths,
 * a program in PATH, a library by its short name, or nothing: then everything that the process of -p (without it:
 * any process) has mapped to run. With -p all names are looked up in that process's own file system; with -c, "what
 * it has mapped" is what the command will map when it begins.
 *
 * The kernel attaches to a file, not to a name, and would count every event twice if a file came twice. So each file
 * (device and inode) comes once, however many names and /proc/PID/root lead to it. An overlay (containers of one
 * image) has inodes of its own, which stand for those of the layer beneath, where the kernel puts the breakpoint:
 * there size and times tell that two are one.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "probe/probe_priv.h"
#include "sym/sym.h"

#define TARGET_MAX_FILES 4096u

struct targets {
	const struct provider *p;
	struct provider_env *env;
	const char *root;
	struct target_files *ret;
};

static bool target_is_overlay(const char *path)
{
	struct statfs fs;
	return statfs(path, &fs) == 0 && fs.f_type == OVERLAYFS_SUPER_MAGIC;
}

static bool target_same_time(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool target_is_same(const struct target_file *f, const char *path, const struct stat *st)
{
	struct stat old;
	if (f->ino != st->st_ino || f->dev == st->st_dev)
		return f->ino == st->st_ino;
	return (target_is_overlay(path) || target_is_overlay(f->path)) && stat(f->path, &old) == 0 &&
	       old.st_size == st->st_size && target_same_time(old.st_mtim, st->st_mtim) &&
	       target_same_time(old.st_ctim, st->st_ctim);
}

static void target_add_file(struct targets *t, const char *shown, const char *path, size_t root_len)
{
	struct stat st = { 0 };
	if (t->ret->list.n >= TARGET_MAX_FILES)
		return;
	bool known = stat(path, &st) == 0;
	for (uint32_t i = 0; i < t->ret->list.n; i++) {
		const struct target_file *f = &t->ret->list.v[i];
		if (!strcmp(f->path, path) || (known && target_is_same(f, path, &st)))
			return;
	}
	struct target_file f = { .shown = arena_strdup(t->env->arena, shown), .path = path };
	f.root_len = (uint32_t)root_len;
	f.dev = st.st_dev;
	f.ino = st.st_ino;
	vec_push(t->env->arena, &t->ret->list, f);
}

static void target_add(struct targets *t, const char *root, const char *shown)
{
	target_add_file(t, shown, arena_printf(t->env->arena, "%s%s", root, shown), strlen(root));
}

static void target_add_mapped(struct targets *t, int pid)
{
	struct sym_paths maps = { 0 };
	if (sym_mapped(t->env->arena, pid, &maps) < 0)
		return;
	const char *root = maps.list.n ? sym_root(t->env->arena, pid) : "";
	for (uint32_t i = 0; i < maps.list.n; i++)
		target_add(t, root, maps.list.v[i]);
	struct sym_gones gone = { 0 };
	sym_mapped_gone(t->env->arena, pid, &gone);
	for (uint32_t i = 0; i < gone.list.n; i++)
		target_add_file(t, gone.list.v[i].name, gone.list.v[i].path, 0);
}

/* -p with a path: the process may run a file of this name that has been deleted or replaced since. Then that one is
 * meant. */
static bool target_add_gone(struct targets *t, const char *name)
{
	struct sym_gones gone = { 0 };
	uint32_t before = t->ret->list.n;
	if (t->env->pid <= 0 || t->env->program || sym_mapped_gone(t->env->arena, t->env->pid, &gone) < 0)
		return false;
	for (uint32_t i = 0; i < gone.list.n; i++)
		if (!strcmp(gone.list.v[i].name, name))
			target_add_file(t, name, gone.list.v[i].path, 0);
	return t->ret->list.n > before;
}

/* The command of -c has not begun to run: what it will have mapped then. */
static void target_add_startup(struct targets *t, const char *program)
{
	struct sym_paths list = { 0 };
	sym_startup(t->env->arena, "", program, &list);
	for (uint32_t i = 0; i < list.list.n; i++)
		target_add(t, "", list.list.v[i]);
}

/* "*": whatever some process runs. */
static void target_add_all(struct targets *t)
{
	DIR *d = opendir("/proc");
	for (struct dirent *e; d && (e = readdir(d));)
		if (isdigit((unsigned char)e->d_name[0]))
			target_add_mapped(t, atoi(e->d_name));
	if (d)
		closedir(d);
}

static void target_add_glob(struct targets *t, const char *pattern)
{
	glob_t g = { 0 };
	size_t skip = strlen(t->root);
	const char *slash = skip && pattern[0] != '/' ? "/" : "";
	const char *full = arena_printf(t->env->arena, "%s%s%s", t->root, slash, pattern);
	if (glob(full, 0, NULL, &g) == 0) {
		for (size_t i = 0; i < g.gl_pathc; i++) {
			int err;
			const char *real = sym_path_resolve(t->env->arena, t->root, g.gl_pathv[i] + skip, &err);
			if (real)
				target_add(t, t->root, real);
		}
	}
	globfree(&g);
}

/* A pattern without a folder is one of programs in PATH. */
static void target_add_programs(struct targets *t, const char *pattern)
{
	const char *path = sym_program_path(t->root);
	for (size_t n; *path; path += n + (path[n] == ':')) {
		n = strcspn(path, ":");
		if (n && path[0] == '/')
			target_add_glob(t, arena_printf(t->env->arena, "%.*s/%s", (int)n, path, pattern));
	}
}

/* "#!/bin/sh -e": the program that runs a script; NULL: it is none. */
static const char *target_script(struct arena *a, const char *head, size_t n)
{
	size_t i = 2, from;
	if (n < 3 || memcmp(head, "#!", 2) != 0)
		return NULL;
	while (i < n && head[i] == ' ')
		i++;
	for (from = i; i < n && !isspace((unsigned char)head[i]) && head[i]; i++)
		;
	return i > from ? arena_strndup(a, head + from, i - from) : NULL;
}

int target_refuse(const struct provider *p, struct provider_env *env, struct span span, const struct target_file *file,
		  int err)
{
	unsigned char head[128] = { 0 };
	const char *shown = file->shown, *script;
	if (err != -ENOEXEC)
		return parts_bad(env, span, "%s target file '%s' cannot be read: %s", p->name, shown, strerror(-err));
	int fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	ssize_t n = fd >= 0 ? pread(fd, head, sizeof(head), 0) : 0;
	if (fd >= 0)
		close(fd);
	if (n >= 20 && memcmp(head, "\177ELF", 4) == 0 && head[4] == 1)
		return parts_bad(env, span,
				 "%s target file '%s' is a 32-bit program: probes on such programs are not supported",
				 p->name, shown);
	if (n >= 20 && memcmp(head, "\177ELF", 4) == 0 && head[4] == 2)
		return parts_bad(env, span, "%s target file '%s' is for another processor", p->name, shown);
	parts_bad(env, span, "%s target file '%s' is not an ELF program or library", p->name, shown);
	if (n > 2 && (script = target_script(env->arena, (const char *)head, (size_t)n)))
		diag_hint(env->diags, "it is a script; the program that runs it is %s", script);
	return -EINVAL;
}

int target_find(const struct provider *p, struct provider_env *env, struct str target, struct span span,
		struct target_files *ret)
{
	struct arena *a = env->arena;
	struct targets t = { .p = p, .env = env, .root = sym_root(a, env->pid), .ret = ret };
	const char *name = arena_strndup(a, target.s, target.len), *real = NULL;
	int pid = env->pid, err = -ENOENT;
	if (!*name || !strcmp(name, "*")) {
		if (env->program)
			target_add_startup(&t, env->program);
		else if (pid > 0)
			target_add_mapped(&t, pid);
		else
			target_add_all(&t);
		return 0;
	}
	if (strchr(name, '/') && parts_has_wildcard(target)) {
		target_add_glob(&t, name);
	} else if (strchr(name, '/')) {
		real = sym_path_resolve(a, t.root, name, &err);
		if (target_add_gone(&t, real ? real : name))
			return 0;
	} else if (parts_has_wildcard(target)) {
		target_add_programs(&t, name);
	} else {
		bool lib = !strncmp(name, "lib", 3) || strstr(name, ".so");
		for (int pass = 0; pass < 2 && !real; pass++) {
			if (lib != (pass == 0)) {
				real = sym_program_find(a, t.root, name);
				continue;
			}
			real = pid > 0 && !env->program ? sym_lib_mapped(a, pid, name) : NULL;
			if (!real)
				real = sym_lib_find(a, t.root, name);
		}
	}
	if (real)
		target_add(&t, t.root, real);
	if (ret->list.n)
		return 0;
	if (strstr(name, "!/")) {
		diag_add(env->diags, D_NOT_YET, span, "a program inside an archive");
		return -ENOSYS;
	}
	if (parts_has_wildcard(target))
		return 0;
	if (err == -ENOENT || err == -ENOTDIR)
		return parts_bad(env, span, "%s target file '%s' does not exist or is not executable", p->name, name);
	return parts_bad(env, span, "%s target file '%s' cannot be opened: %s", p->name, name, strerror(-err));
}
