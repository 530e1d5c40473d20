/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which file does the user mean? Libraries by short name are looked up as the dynamic loader would: in /etc/ld.so.cache, read
 * here (a header, entries of 24 bytes, a string table), then in the loader's default folders for systems without that cache.
 * Programs are looked up in PATH. For a process in another mount namespace, or one that has changed its root, everything is looked up
 * under /proc/PID/root.
 *
 * Paths inside such a root must be resolved by hand: an absolute symbolic link in there means "from that root", and the kernel,
 * asked for /proc/PID/root/lib, would follow it in ours. sym_path_resolve walks the components and never leaves the root.
 * Invariants: at most 40 links are followed; a cache file is believed only within its own size.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "sym/sym.h"

#define LIB_MAX_LINKS 40
#define LIB_MAX_CACHE (64u << 20)
#define LIB_MAX_MAPS (16u << 20)

#if defined(__x86_64__)
#define LIB_CACHE_KIND 0x0300
#define LIB_TRIPLET "x86_64-linux-gnu"
#elif defined(__aarch64__)
#define LIB_CACHE_KIND 0x0a00
#define LIB_TRIPLET "aarch64-linux-gnu"
#else
#define LIB_CACHE_KIND 0
#define LIB_TRIPLET "lib"
#endif

bool sym_root_is_ours(int pid)
{
	char path[64], mine[64], theirs[64];
	if (pid <= 0)
		return true;
	snprintf(path, sizeof(path), "/proc/%d/ns/mnt", pid);
	ssize_t m = readlink("/proc/self/ns/mnt", mine, sizeof(mine)), t = readlink(path, theirs, sizeof(theirs));
	bool same = m <= 0 || t <= 0 || (m == t && memcmp(mine, theirs, (size_t)m) == 0);
	snprintf(path, sizeof(path), "/proc/%d/root", pid);
	t = same ? readlink(path, theirs, sizeof(theirs)) : 0;
	return same && (t <= 0 || (t == 1 && theirs[0] == '/'));
}

const char *sym_root(struct arena *a, int pid)
{
	return sym_root_is_ours(pid) ? "" : arena_printf(a, "/proc/%d/root", pid);
}

const char *sym_path_resolve(struct arena *a, const char *root, const char *path, int *ret_err)
{
	char rest[PATH_MAX * 2], done[PATH_MAX] = "", full[PATH_MAX * 2], link[PATH_MAX];
	int links = 0, err = -ENAMETOOLONG;
	if (!*root) { /* the kernel knows best */
		char *p = realpath(path, NULL);
		if (!p) {
			*ret_err = -errno;
			return NULL;
		}
		const char *r = arena_strdup(a, p);
		free(p);
		return r;
	}
	if (strlen(path) >= PATH_MAX)
		goto out;
	strcpy(rest, path);
	for (char *at = rest; *at;) {
		at += strspn(at, "/");
		size_t n = strcspn(at, "/"), len = strlen(done);
		if (n == 0)
			break;
		if (n == 1 && at[0] == '.') {
			at += n;
			continue;
		}
		if (n == 2 && at[0] == '.' && at[1] == '.') {
			char *slash = strrchr(done, '/');
			if (slash)
				*slash = 0;
			at += n;
			continue;
		}
		if (len + 1 + n >= sizeof(done))
			goto out;
		done[len] = '/';
		memcpy(done + len + 1, at, n);
		done[len + 1 + n] = 0;
		at += n;
		struct stat st;
		snprintf(full, sizeof(full), "%s%s", root, done);
		if (lstat(full, &st) != 0) {
			err = -errno;
			goto out;
		}
		if (!S_ISLNK(st.st_mode))
			continue;
		ssize_t l = readlink(full, link, sizeof(link) - 1);
		err = l < 0 ? -errno : -ELOOP;
		if (l < 0 || ++links > LIB_MAX_LINKS)
			goto out;
		link[l] = 0;
		char tail[sizeof(rest)];
		if ((size_t)l + strlen(at) + 2 > sizeof(rest)) {
			err = -ENAMETOOLONG;
			goto out;
		}
		snprintf(tail, sizeof(tail), "%s", at);
		memcpy(rest, link, (size_t)l);
		strcpy(rest + l, tail);
		at = rest;
		done[link[0] == '/' ? 0 : len] = 0;
		err = -ENAMETOOLONG;
	}
	return arena_strdup(a, *done ? done : "/");
out:
	*ret_err = err;
	return NULL;
}

bool sym_lib_matches(const char *soname, const char *name)
{
	size_t n = strlen(name);
	if (n == 0)
		return false;
	for (int pass = 0; pass < 2; pass++) { /* "libc", then "c" */
		const char *s = soname;
		if (pass) {
			if (strncmp(s, "lib", 3) != 0)
				return false;
			s += 3;
		}
		if (strncmp(s, name, n) != 0)
			continue;
		/* "libc" is libc.so.6; "libssl.so" and "libssl.so.3" too are libssl.so.3 */
		if (s[n] == 0 ? strstr(s, ".so") != NULL : !strncmp(s + n, ".so", 3) || (strstr(name, ".so") && s[n] == '.'))
			return true;
	}
	return false;
}

static uint32_t lib_u32(const uint8_t *p)
{
	uint32_t v;
	memcpy(&v, p, sizeof(v));
	return v;
}

static const char *lib_string(const uint8_t *base, size_t size, uint32_t off)
{
	return off < size && memchr(base + off, 0, size - off) ? (const char *)base + off : NULL;
}

bool sym_cache_each(const void *image, size_t size, bool (*each)(void *arg, const char *soname, const char *path), void *arg)
{
	static const char now[] = "glibc-ld.so.cache1.1", old[] = "ld.so-1.7.0";
	const uint8_t *p = image;
	/* An old cache may stand in front; then the new one follows at the next multiple of eight. */
	if (size >= 16 && memcmp(p, old, sizeof(old) - 1) == 0) {
		uint64_t skip = (16 + (uint64_t)lib_u32(p + 12) * 12 + 7) & ~7ull;
		if (skip >= size)
			return false;
		p += skip;
		size -= skip;
	}
	if (size < 48 || memcmp(p, now, sizeof(now) - 1) != 0)
		return false;
	uint32_t n = lib_u32(p + 20);
	if (n > (size - 48) / 24)
		n = (uint32_t)((size - 48) / 24);
	for (uint32_t i = 0; i < n; i++) {
		const uint8_t *e = p + 48 + (size_t)i * 24;
		uint32_t flags = lib_u32(e);
		const char *key = lib_string(p, size, lib_u32(e + 4)), *value = lib_string(p, size, lib_u32(e + 8));
		if (!key || !value || value[0] != '/' || (LIB_CACHE_KIND && (flags & 0xff00) != LIB_CACHE_KIND))
			continue;
		if (!each(arg, key, value))
			break;
	}
	return true;
}

/* Whole file on the heap, up to a bound; NULL when there is none. */
static char *lib_read(const char *path, size_t max, size_t *ret_size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return NULL;
	size_t cap = 1 << 16, n = 0;
	char *p = malloc(cap);
	while (p) {
		ssize_t r = read(fd, p + n, cap - n - 1);
		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0 || n + (size_t)r >= max)
			break;
		n += (size_t)r;
		if (n + 1 == cap) {
			char *grown = realloc(p, cap * 2);
			if (!grown) {
				free(p);
				p = NULL;
				break;
			}
			p = grown;
			cap *= 2;
		}
	}
	close(fd);
	if (p)
		p[n] = 0;
	*ret_size = n;
	return p;
}

/* Is it a library of this machine? An ELF header says so. */
static bool lib_is_native(const char *path)
{
	uint8_t h[20];
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return false;
	ssize_t n = pread(fd, h, sizeof(h), 0);
	close(fd);
	if (n != sizeof(h) || memcmp(h, "\177ELF", 4) != 0 || h[4] != (sizeof(void *) == 8 ? 2 : 1))
		return false;
#if defined(__x86_64__)
	return h[18] == 62 && h[19] == 0;
#elif defined(__aarch64__)
	return h[18] == 183 && h[19] == 0;
#else
	return true;
#endif
}

struct lib_search {
	struct arena *a;
	const char *root, *name;
	const char *best, *best_soname;
};

static void lib_offer(struct lib_search *s, const char *soname, const char *path)
{
	if (!sym_lib_matches(soname, s->name) || (s->best && strverscmp(soname, s->best_soname) <= 0))
		return;
	int err;
	const char *real = sym_path_resolve(s->a, s->root, path, &err);
	if (!real || !lib_is_native(arena_printf(s->a, "%s%s", s->root, real)))
		return;
	s->best = real;
	s->best_soname = arena_strdup(s->a, soname);
}

static bool lib_cache_entry(void *arg, const char *soname, const char *path)
{
	lib_offer(arg, soname, path);
	return true;
}

const char *sym_lib_find(struct arena *a, const char *root, const char *name)
{
	static const char *const dirs[] = { "/lib/" LIB_TRIPLET, "/usr/lib/" LIB_TRIPLET, "/lib64", "/usr/lib64", "/lib", "/usr/lib",
					    "/usr/local/lib/" LIB_TRIPLET, "/usr/local/lib" };
	struct lib_search s = { .a = a, .root = root, .name = name };
	size_t size;
	char *cache = lib_read(arena_printf(a, "%s/etc/ld.so.cache", root), LIB_MAX_CACHE, &size);
	if (cache)
		sym_cache_each(cache, size, lib_cache_entry, &s);
	free(cache);
	for (uint32_t i = 0; !s.best && i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		int err;
		const char *in = sym_path_resolve(a, root, dirs[i], &err);
		DIR *d = in ? opendir(arena_printf(a, "%s%s", root, in)) : NULL;
		for (struct dirent *e; d && (e = readdir(d));) {
			if (sym_lib_matches(e->d_name, name))
				lib_offer(&s, e->d_name, arena_printf(a, "%s/%s", in, e->d_name));
		}
		if (d)
			closedir(d);
	}
	return s.best;
}

struct lib_mapping {
	const char *file; /* as the process names it, without " (deleted)" */
	bool gone;        /* has no name any more */
	uint64_t lo, hi;
};

/* Every executable mapping of a file. */
static int lib_each_mapping(int pid, void (*each)(void *arg, const struct lib_mapping *m), void *arg)
{
	char path[64], root[PATH_MAX];
	size_t size;
	/* The kernel shows paths from our root; inside a changed root they begin behind it. */
	snprintf(path, sizeof(path), "/proc/%d/root", pid);
	ssize_t n_root = readlink(path, root, sizeof(root));
	if (n_root <= 1 || root[0] != '/')
		n_root = 0;
	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	char *text = lib_read(path, LIB_MAX_MAPS, &size);
	if (!text)
		return -errno;
	for (char *line = text, *next; *line; line = next) {
		next = strchrnul(line, '\n');
		if (*next)
			*next++ = 0;
		/* 7f..-7f.. r-xp 00000000 08:01 1234   /path */
		char perm[8];
		unsigned long long lo, hi;
		int at = 0;
		if (sscanf(line, "%llx-%llx %7s %*x %*s %*u %n", &lo, &hi, perm, &at) != 3 || at == 0 || perm[2] != 'x' || line[at] != '/')
			continue;
		struct lib_mapping m = { .file = line + at, .lo = lo, .hi = hi };
		if (n_root && !strncmp(m.file, root, (size_t)n_root) && m.file[n_root] == '/')
			m.file += n_root;
		size_t n = strlen(line);
		static const char gone[] = " (deleted)";
		if (n > sizeof(gone) && !strcmp(line + n - (sizeof(gone) - 1), gone)) {
			line[n - (sizeof(gone) - 1)] = 0;
			m.gone = true;
		}
		each(arg, &m);
	}
	free(text);
	return 0;
}

struct lib_list { struct arena *a; struct sym_paths *paths; struct sym_gones *gones; int pid; };

static void lib_list_path(void *arg, const struct lib_mapping *m)
{
	struct lib_list *x = arg;
	if (m->gone)
		return;
	for (uint32_t i = 0; i < x->paths->list.n; i++)
		if (!strcmp(x->paths->list.v[i], m->file))
			return;
	vec_push(x->a, &x->paths->list, (const char *)arena_strdup(x->a, m->file));
}

int sym_mapped(struct arena *a, int pid, struct sym_paths *ret)
{
	struct lib_list x = { .a = a, .paths = ret };
	return lib_each_mapping(pid, lib_list_path, &x);
}

static void lib_list_gone(void *arg, const struct lib_mapping *m)
{
	struct lib_list *x = arg;
	if (!m->gone)
		return;
	struct sym_gone g = { arena_strdup(x->a, m->file),
			      arena_printf(x->a, "/proc/%d/map_files/%llx-%llx", x->pid, (unsigned long long)m->lo, (unsigned long long)m->hi) };
	vec_push(x->a, &x->gones->list, g);
}

int sym_mapped_gone(struct arena *a, int pid, struct sym_gones *ret)
{
	struct lib_list x = { .a = a, .gones = ret, .pid = pid };
	return lib_each_mapping(pid, lib_list_gone, &x);
}

const char *sym_lib_mapped(struct arena *a, int pid, const char *name)
{
	struct sym_paths p = { 0 };
	if (sym_mapped(a, pid, &p) < 0)
		return NULL;
	for (uint32_t i = 0; i < p.list.n; i++) {
		const char *slash = strrchr(p.list.v[i], '/');
		if (slash && sym_lib_matches(slash + 1, name))
			return p.list.v[i];
	}
	return NULL;
}

const char *sym_program_path(const char *root)
{
	const char *path = getenv("PATH");
	if (!path || *root) /* what we know of PATH is ours, not another name space's */
		path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	return path;
}

const char *sym_program_find(struct arena *a, const char *root, const char *name)
{
	const char *path = sym_program_path(root);
	while (*path) {
		size_t n = strcspn(path, ":");
		if (n > 0 && path[0] == '/') {
			int err;
			const char *real = sym_path_resolve(a, root, arena_printf(a, "%.*s/%s", (int)n, path, name), &err);
			struct stat st;
			const char *full = real ? arena_printf(a, "%s%s", root, real) : NULL;
			if (full && stat(full, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 0111))
				return real;
		}
		path += n + (path[n] == ':');
	}
	return NULL;
}
