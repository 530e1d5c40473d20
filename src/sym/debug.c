/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Debug files that were split off a binary, as distributions do. Looked for in this order, under the binary's own root (of a
 * container) and then under ours:
 *
 *   /usr/lib/debug/.build-id/xx/yyyy.debug   by the build id
 *   DIR/NAME, DIR/.debug/NAME, /usr/lib/debug/DIR/NAME   by .gnu_debuglink, which has the name and a CRC-32
 *   the same in the folders of --debuginfo    (SONDE_DEBUGINFO), which come first: they were asked for
 *   the servers of DEBUGINFOD_URLS            when the user's environment has that (fetch.c)
 *
 * A file is believed when it has the binary's build id; or, where one of them has none, when its CRC is that of the link. A container
 * can put there what it likes, but what it gets by that are wrong names for its own addresses. Paths in a foreign root
 * are opened by openat2 with RESOLVE_IN_ROOT: no link of theirs leads out of it, not even one that is changed meanwhile.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <zlib.h>

#include "sym/elf.h"

#define DEBUG_DIR "/usr/lib/debug"
enum { LINK_MAX_BYTES = 4096, CRC_MAX_BYTES = 1 << 30 };

struct debug_link {
	char name[NAME_MAX + 1]; /* "": there is none */
	uint32_t crc;
};

bool sym_debug_link(const void *section, size_t size, char ret_name[NAME_MAX + 1], uint32_t *ret_crc)
{
	const char *p = section;
	const char *end = size ? memchr(p, 0, size) : NULL;
	if (!end || end == p || end - p > NAME_MAX)
		return false;
	size_t n = (size_t)(end - p), at = (n + 1 + 3) & ~(size_t)3;
	/* A name, not a path: it is looked for in folders of our choice. */
	if (at > size || size - at < 4 || memchr(p, '/', n) || !strcmp(p, ".") || !strcmp(p, ".."))
		return false;
	memcpy(ret_name, p, n + 1);
	memcpy(ret_crc, p + at, 4);
	return true;
}

static void debug_read_link(Elf *elf, struct debug_link *ret)
{
	GElf_Shdr sh;
	Elf_Scn *scn = elf_section(elf, ".gnu_debuglink", &sh);
	Elf_Data *data = scn && sh.sh_size <= LINK_MAX_BYTES && sh.sh_type != SHT_NOBITS ? elf_rawdata(scn, NULL) : NULL;
	if (!data || !data->d_buf || !sym_debug_link(data->d_buf, data->d_size, ret->name, &ret->crc))
		ret->name[0] = 0;
}

/* A regular file, `path` being a path inside `root` (a folder, or "" for our own). */
static int debug_open(const char *root, const char *path)
{
	struct stat st;
	int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, fd;
	if (*root) {
		struct open_how how = { .flags = (uint64_t)flags, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };
		int dir = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (dir < 0)
			return -errno;
		fd = (int)syscall(SYS_openat2, dir, path, &how, sizeof(how));
		int err = errno;
		close(dir);
		errno = err;
	} else {
		fd = open(path, flags);
	}
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		return fd;
	close(fd);
	return -ENOENT;
}

static bool debug_crc_is(int fd, uint32_t want)
{
	static const size_t chunk = 256 << 10;
	struct stat st;
	uint8_t *p = NULL;
	if (fstat(fd, &st) != 0 || st.st_size > CRC_MAX_BYTES || !(p = malloc(chunk)))
		return false;
	uLong crc = crc32(0, NULL, 0);
	for (off_t at = 0;;) {
		ssize_t n = pread(fd, p, chunk, at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		crc = crc32(crc, p, (uInt)n);
		at += n;
	}
	free(p);
	return (uint32_t)crc == want;
}

/* Is this the debug file of e? `link`: it was found by it; NULL: by the build id. */
static bool debug_matches(const struct sym_elf *e, int fd, const struct debug_link *link)
{
	struct stat mine, its;
	uint8_t id[SYM_ID_MAX];
	if (fstat(e->fd, &mine) || fstat(fd, &its) || (mine.st_dev == its.st_dev && mine.st_ino == its.st_ino))
		return false;
	Elf *elf = elf_begin(fd, ELF_C_READ, NULL);
	bool is_elf = elf && elf_kind(elf) == ELF_K_ELF;
	uint32_t n = is_elf ? elf_build_id(elf, id) : 0;
	if (elf)
		elf_end(elf);
	if (n && e->n_id)
		return n == e->n_id && !memcmp(id, e->id, n);
	return is_elf && link && debug_crc_is(fd, link->crc);
}

static int debug_try(const struct sym_elf *e, const char *root, const char *path, const struct debug_link *link)
{
	int fd = debug_open(root, path);
	if (fd >= 0 && !debug_matches(e, fd, link)) {
		close(fd);
		fd = -ENOENT;
	}
	return fd;
}

static int debug_by_id(const struct sym_elf *e, const char *root, const char *dir)
{
	char path[PATH_MAX], id[2 * SYM_ID_MAX + 1] = "";
	for (uint32_t i = 1; i < e->n_id; i++)
		snprintf(id + 2 * (i - 1), sizeof(id) - 2 * (i - 1), "%02x", e->id[i]);
	int n = snprintf(path, sizeof(path), "%s/.build-id/%02x/%s.debug", dir, e->id[0], id);
	return n > 0 && n < (int)sizeof(path) ? debug_try(e, root, path, NULL) : -ENOENT;
}

static int debug_by_link(const struct sym_elf *e, const char *root, const struct debug_link *link)
{
	static const char *const forms[] = { "%.*s/%s", "%.*s/.debug/%s", DEBUG_DIR "%.*s/%s" };
	const char *slash = e->path ? strrchr(e->path, '/') : NULL;
	char path[PATH_MAX];
	int fd = -ENOENT;
	if (!slash || e->path[0] != '/')
		return -ENOENT;
	for (int i = 0; fd < 0 && i < 3; i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		int n = snprintf(path, sizeof(path), forms[i], (int)(slash - e->path), e->path, link->name);
#pragma GCC diagnostic pop
		if (n > 0 && n < (int)sizeof(path))
			fd = debug_try(e, root, path, link);
	}
	return fd;
}

/* One folder of --debuginfo: by the build id, the link's name in it, and below it by the binary's own folder. */
static int debug_in_dir(const struct sym_elf *e, const struct debug_link *link, const char *dir)
{
	const char *slash = e->path && e->path[0] == '/' ? strrchr(e->path, '/') : NULL;
	int own = slash ? (int)(slash - e->path) : 0, fd = -ENOENT;
	char path[PATH_MAX];
	if (dir[0] != '/') { /* beside the binary */
		int n = snprintf(path, sizeof(path), "%.*s/%s/%s", own, e->path ? e->path : "", dir, link->name);
		return slash && link->name[0] && n < (int)sizeof(path) ? debug_try(e, e->root ? e->root : "", path, link) : -ENOENT;
	}
	if (e->n_id)
		fd = debug_by_id(e, "", dir);
	if (fd < 0 && link->name[0] && snprintf(path, sizeof(path), "%s/%s", dir, link->name) < (int)sizeof(path))
		fd = debug_try(e, "", path, link);
	if (fd < 0 && link->name[0] && slash && snprintf(path, sizeof(path), "%s%.*s/%s", dir, own, e->path, link->name) < (int)sizeof(path))
		fd = debug_try(e, "", path, link);
	return fd;
}

static int debug_in_dirs(const struct sym_elf *e, const struct debug_link *link)
{
	int fd = -ENOENT;
	for (const char *s = getenv("SONDE_DEBUGINFO"); s && *s && fd < 0;) {
		size_t n = strcspn(s, ":");
		char *dir = strndup(s, n);
		if (dir && n)
			fd = debug_in_dir(e, link, dir);
		free(dir);
		s += n + (s[n] == ':');
	}
	return fd;
}

int elf_find_debug(struct sym_elf *e, Elf *elf)
{
	struct debug_link link = { 0 };
	int fd = -ENOENT;
	debug_read_link(elf, &link);
	fd = debug_in_dirs(e, &link);
	for (int pass = e->root && *e->root ? 0 : 1; fd < 0 && pass < 2; pass++) {
		const char *root = pass ? "" : e->root;
		if (e->n_id)
			fd = debug_by_id(e, root, DEBUG_DIR);
		if (fd < 0 && link.name[0])
			fd = debug_by_link(e, root, &link);
	}
	if (fd >= 0 || !e->n_id || !e->fetch)
		return fd;
	fd = elf_fetch_debug(e->id, e->n_id);
	e->gave_up = fd == -EINTR;
	if (fd >= 0 && !debug_matches(e, fd, NULL)) {
		close(fd);
		fd = -ENOENT;
	}
	return fd;
}
