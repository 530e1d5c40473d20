/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that are mapped somewhere. They are opened when the mapping is met, through /proc/PID/map_files, which is the very file that is
 * mapped: of another mount namespace, deleted, or replaced meanwhile. A file is known by device, inode and time of change; an open
 * descriptor keeps its inode from being used again. Its debug file is looked for at once where the process has another root, which may be
 * gone soon, and else when symbols are wanted.
 *
 * Symbols are read when they are asked for. All that are in memory together are bounded: beyond that the ones that were not used for the
 * longest time go, and are read again if need be. Build ids are not what files are known by: a file can claim any.
 *
 * The vDSO is the same for every process, so ours is read.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sym/file.h"

enum {
	FILES_AT_ONCE = 2048 /* opened before anybody asks */, FILES_BUCKETS = 1024, FILES_VDSO_MAX = 64 << 10, FILES_NAMES = 16384,
	FILES_TEXT = 8 << 20,
	FILES_LINES = 8 /* processes that read DWARF, at a time */
};
#define FILES_BYTES ((size_t)256 << 20)

void files_fini(struct files *fs)
{
	for (uint32_t i = 0; i < fs->n; i++) {
		struct file *f = &fs->v[i];
		if (f->fd >= 0)
			close(f->fd);
		if (f->debug_fd >= 0)
			close(f->debug_fd);
		sym_lines_close(f->lines);
		sym_elf_close(f->elf);
		free(f->path);
	}
	free(fs->v);
	free(fs->buckets);
	free(fs->names);
	buf_fini(&fs->text);
}

/* The mapped file itself; when the kernel does not let us, the file of that path, if it is the same. */
static int file_open(const struct file_mapping *m)
{
	char name[PATH_MAX + 64];
	struct stat st;
	int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
	snprintf(name, sizeof(name), "/proc/%u/map_files/%llx-%llx", m->pid, (unsigned long long)m->lo, (unsigned long long)m->hi);
	int fd = m->pid ? open(name, flags) : -1;
	for (int i = 0; fd < 0 && i < 2; i++) {
		if (i)
			snprintf(name, sizeof(name), "%s", m->path);
		else
			snprintf(name, sizeof(name), "/proc/%u/root%s", m->pid, m->path);
		fd = open(name, flags);
		if (fd >= 0 && (fstat(fd, &st) || st.st_ino != m->ino)) {
			close(fd);
			fd = -1;
		}
	}
	return fd;
}

/* The debug file that lies in a root of the process's own. */
static int file_debug(uint32_t pid, int fd, const char *path)
{
	char root[64];
	snprintf(root, sizeof(root), "/proc/%u/root", pid);
	return sym_root_is_ours((int)pid) ? -1 : sym_debug_open(fd, root, path);
}

static bool files_room(struct files *fs)
{
	if (!fs->buckets && !(fs->buckets = calloc(FILES_BUCKETS, sizeof(*fs->buckets))))
		return false;
	if (fs->n < fs->cap)
		return true;
	uint32_t cap = fs->cap ? fs->cap * 2 : 64;
	struct file *v = fs->n < FILES_MAX ? realloc(fs->v, cap * sizeof(*v)) : NULL;
	if (!v)
		return false;
	fs->v = v;
	fs->cap = cap;
	return true;
}

uint32_t files_find(struct files *fs, enum file_kind kind, const struct file_mapping *m, bool check)
{
	struct stat st = { 0 };
	int fd = -1;
	uint32_t bucket = (uint32_t)((m->ino ^ m->dev) % FILES_BUCKETS);
	for (uint32_t at = fs->buckets ? fs->buckets[bucket] : 0; at; at = fs->v[at - 1].next) {
		struct file *f = &fs->v[at - 1];
		if (f->kind != kind || f->dev != m->dev || f->ino != m->ino)
			continue;
		if (kind != FILE_ELF || (!check && (f->elf || f->fd >= 0)))
			return at - 1;
		if (fd < 0 && (fd = file_open(m)) >= 0 && fstat(fd, &st) != 0)
			memset(&st, 0, sizeof(st));
		if (fd < 0 || !memcmp(&st.st_mtim, &f->mtime, sizeof(st.st_mtim))) {
			if (fd >= 0)
				close(fd);
			return at - 1;
		}
	}
	char *copy = files_room(fs) ? strdup(m->path) : NULL;
	if (kind == FILE_ELF && copy && fd < 0 && fs->n_open < FILES_AT_ONCE)
		fd = file_open(m);
	if (!copy) {
		if (fd >= 0)
			close(fd);
		return FILES_MAX;
	}
	if (fd >= 0 && fstat(fd, &st) != 0)
		memset(&st, 0, sizeof(st));
	fs->n_open += fd >= 0;
	fs->v[fs->n] = (struct file){ .kind = kind, .dev = m->dev, .ino = m->ino, .path = copy, .fd = fd, .mtime = st.st_mtim,
				      .debug_fd = fd >= 0 ? file_debug(m->pid, fd, m->path) : -1, .next = fs->buckets[bucket] };
	fs->buckets[bucket] = ++fs->n;
	return fs->n - 1;
}

/* Our own vDSO as a file: every process of this word size has the same. */
static int file_vdso(void)
{
	const uint8_t *image = (const uint8_t *)getauxval(AT_SYSINFO_EHDR);
	char line[512];
	size_t size = 0;
	FILE *f = image ? fopen("/proc/self/maps", "re") : NULL;
	while (f && fgets(line, sizeof(line), f)) {
		unsigned long lo, hi;
		if (sscanf(line, "%lx-%lx", &lo, &hi) == 2 && lo == (unsigned long)image)
			size = hi - lo;
	}
	if (f)
		fclose(f);
	if (!size || size > FILES_VDSO_MAX)
		return -1;
	int fd = memfd_create("vdso", MFD_CLOEXEC);
	if (fd >= 0 && write(fd, image, size) != (ssize_t)size) {
		close(fd);
		return -1;
	}
	return fd;
}

static bool file_ready(struct file *f)
{
	if (f->fd < 0 && f->kind == FILE_VDSO)
		f->fd = file_vdso();
	else if (f->fd < 0 && f->kind == FILE_ELF) /* there were too many to open each at once, or the process had gone */
		f->fd = file_open(&(struct file_mapping){ .ino = f->ino, .path = f->path });
	return f->fd >= 0;
}

/* The symbols of other files go until these fit. */
static void files_shrink(struct files *fs, const struct file *keep)
{
	while (fs->bytes > (fs->max_bytes ? fs->max_bytes : FILES_BYTES)) {
		struct file *old = NULL;
		for (uint32_t i = 0; i < fs->n; i++)
			if (fs->v[i].elf && &fs->v[i] != keep && (!old || fs->v[i].used < old->used))
				old = &fs->v[i];
		if (!old)
			return;
		sym_lines_close(old->lines);
		old->lines = NULL;
		old->lines_tried = false;
		old->fd = sym_elf_let_go(old->elf, &old->debug_fd);
		old->elf = NULL;
		fs->bytes -= old->bytes;
		fs->n_names = 0; /* they are known by addresses that will mean others */
		if (fs->names)
			memset(fs->names, 0, FILES_NAMES * sizeof(*fs->names));
		buf_clear(&fs->text);
	}
}

struct sym_elf *files_symbols(struct files *fs, uint32_t i)
{
	struct file *f = &fs->v[i];
	f->used = ++fs->clock;
	if (f->elf || f->bad)
		return f->elf;
	if (!file_ready(f)) {
		f->bad = true;
		return NULL;
	}
	/* A copy of the descriptor: without symbols we keep ours, that the inode is not used again. */
	struct sym_file open = { .fd = fcntl(f->fd, F_DUPFD_CLOEXEC, 0), .debug_fd = f->debug_fd, .root = "", .path = f->path,
				 .fetch = !fs->no_fetch };
	f->debug_fd = -1;
	int r = open.fd >= 0 ? sym_elf_open_file(&open, &f->elf) : -EMFILE;
	if (r < 0) {
		f->elf = NULL;
		f->bad = true;
		return NULL;
	}
	close(f->fd);
	f->fd = -1;
	fs->no_fetch |= sym_elf_gave_up(f->elf);
	f->bytes = sym_elf_bytes(f->elf);
	fs->bytes += f->bytes;
	files_shrink(fs, f);
	return f->elf;
}

/* One process less, when there are many: the one that was not asked for the longest time. */
static void files_shrink_lines(struct files *fs)
{
	struct file *old = NULL;
	uint32_t n = 0;
	for (uint32_t i = 0; i < fs->n; i++) {
		struct file *f = &fs->v[i];
		if (!f->lines)
			continue;
		n++;
		if (!old || f->used < old->used)
			old = f;
	}
	if (n < FILES_LINES)
		return;
	sym_lines_close(old->lines);
	old->lines = NULL;
	old->lines_tried = false;
}

struct sym_lines *files_lines(struct files *fs, uint32_t i)
{
	struct sym_elf *e = fs->lines ? files_symbols(fs, i) : NULL;
	struct file *f = &fs->v[i];
	if (e && !f->lines_tried) {
		f->lines_tried = true;
		files_shrink_lines(fs);
		if (sym_lines_open(e, fs->demangle, &f->lines) < 0)
			f->lines = NULL;
	}
	return f->lines;
}

uint32_t files_id(struct files *fs, uint32_t i, const uint8_t **ret)
{
	struct file *f = &fs->v[i];
	if (!f->id_known) {
		const uint8_t *id;
		f->id_known = true;
		if (f->elf) {
			f->n_id = (uint8_t)sym_elf_id(f->elf, &id);
			memcpy(f->id, id, f->n_id);
		} else if (file_ready(f)) {
			f->n_id = (uint8_t)sym_file_id(f->fd, f->id);
		}
	}
	*ret = f->id;
	return f->n_id;
}

const char *files_name(struct files *fs, const char *name)
{
	struct buf b = { 0 };
	if (!fs->demangle || name[0] != '_' || !name[1] || !strchr("ZRD", name[1]))
		return name;
	if (!fs->names && !(fs->names = calloc(FILES_NAMES, sizeof(*fs->names))))
		return name;
	uint32_t at = (uint32_t)(((uintptr_t)name * 0x9e3779b97f4a7c15ull) >> 50) % FILES_NAMES;
	for (; fs->names[at].from; at = (at + 1) % FILES_NAMES)
		if (fs->names[at].from == name)
			return fs->names[at].at ? fs->text.s + fs->names[at].at : name;
	if (fs->n_names >= FILES_NAMES / 2 || fs->text.len > FILES_TEXT) {
		fs->n_names = 0;
		memset(fs->names, 0, FILES_NAMES * sizeof(*fs->names));
		buf_clear(&fs->text);
		at = (uint32_t)(((uintptr_t)name * 0x9e3779b97f4a7c15ull) >> 50) % FILES_NAMES;
	}
	if (!fs->text.len)
		buf_addc(&fs->text, 0); /* place 0 means: as it is */
	uint32_t where = sym_demangle(name, &b) ? (uint32_t)fs->text.len : 0;
	if (where)
		buf_add(&fs->text, b.s, b.len + 1);
	buf_fini(&b);
	if (fs->text.oom)
		return name;
	fs->names[at] = (struct file_name){ name, where };
	fs->n_names++;
	return where ? fs->text.s + where : name;
}
