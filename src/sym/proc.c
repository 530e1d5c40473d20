/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which function is at this address of that process? The mappings of a process are read when it is first met (sym_procs_see, which
 * the session calls as soon as a program has recorded a stack of it) and kept: a process that has ended is still known. A file's offset of
 * the address, the program headers, and the symbols of the file do the rest, so that position-independent programs and libraries need no
 * special case.
 *
 * Files are opened when the mappings are read, through /proc/PID/map_files, which is the very file that is mapped: of another mount
 * namespace, deleted, or replaced meanwhile. Its symbols are read only when they are asked for. A file is known by
 * device, inode and time of change; an open descriptor keeps its inode from being used again.
 *
 * Code without a file: the vDSO is the same for every process, so ours is read; for code that a JIT compiler made there is
 * /tmp/perf-PID.map in the process's own file system, believed only when it is a regular file of the process's user or root.
 *
 * What happens after we attached the kernel tells by itself (sym_procs_mapped and its kin): so also processes that were gone before
 * anybody could look are known. A child without mappings of its own has its parent's.
 *
 * When a process calls exec, its mappings change under the same number. Each reading that differs is kept as one more snapshot; the
 * newest that has the address answers. All counts are bounded; at the bound the oldest snapshot goes.
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

#include "sym/jit.h"
#include "sym/sym.h"

enum {
	PROC_SNAPSHOTS = 16384, PROC_EACH = 8, PROC_LIVE_MAPPINGS = 512, PROC_ANCESTORS = 8, PROC_FILES_AT_ONCE = 256, PROC_FILES = 512, PROC_MAPPINGS = 20000, PROC_BUCKETS = 1024,
	PROC_TEXT_MAX = 16 << 20, PROC_VDSO_MAX = 64 << 10,
};

enum file_kind { FILE_ELF, FILE_VDSO, FILE_ANON };
struct proc_file {
	enum file_kind kind;
	uint64_t dev, ino;
	struct timespec mtime;
	char *path;
	int fd;               /* until the symbols are read; -1 */
	bool tried;
	struct sym_elf *elf;
};
struct mapping {
	uint64_t lo, hi, off;
	uint32_t file;
};
struct snapshot {
	uint32_t pid;
	uint64_t hash;        /* of its mappings */
	struct mapping *maps; /* by address */
	uint32_t n, cap;
	uint32_t parent;      /* 0: not known */
	bool live;            /* made of the kernel's news: mappings in order of time */
	struct sym_jit *jit;
	struct snapshot *older; /* in the bucket; the newest first */
	struct snapshot *next;  /* in order of age */
};
struct sym_procs {
	struct snapshot *buckets[PROC_BUCKETS], *first, **last;
	uint32_t n_snapshots;
	struct proc_file files[PROC_FILES];
	uint32_t n_files;
	uint32_t missed_pid; /* the last look-up found nothing, and reading again changed nothing */
	uint64_t missed_page;
};

struct sym_procs *sym_procs_new(void)
{
	struct sym_procs *p = calloc(1, sizeof(*p));
	if (p)
		p->last = &p->first;
	return p;
}

static void snapshot_free(struct snapshot *s)
{
	sym_jit_close(s->jit);
	free(s->maps);
	free(s);
}

void sym_procs_free(struct sym_procs *p)
{
	if (!p)
		return;
	for (struct snapshot *s = p->first, *next; s; s = next) {
		next = s->next;
		snapshot_free(s);
	}
	for (uint32_t i = 0; i < p->n_files; i++) {
		if (p->files[i].fd >= 0)
			close(p->files[i].fd);
		sym_elf_close(p->files[i].elf);
		free(p->files[i].path);
	}
	free(p);
}

static struct snapshot **proc_bucket(struct sym_procs *p, uint32_t pid)
{
	return &p->buckets[pid % PROC_BUCKETS];
}

static void proc_drop_oldest(struct sym_procs *p)
{
	struct snapshot *s = p->first, **at = proc_bucket(p, s->pid);
	while (*at != s)
		at = &(*at)->older;
	*at = s->older;
	p->first = s->next;
	if (!p->first)
		p->last = &p->first;
	p->n_snapshots--;
	snapshot_free(s);
}

/* -- files -- */

/* The mapped file itself; when the kernel does not let us, the file of that path, if it is the same. */
static int file_open(uint32_t pid, uint64_t lo, uint64_t hi, const char *path, uint64_t ino)
{
	char name[PATH_MAX + 64];
	struct stat st;
	snprintf(name, sizeof(name), "/proc/%u/map_files/%llx-%llx", pid, (unsigned long long)lo, (unsigned long long)hi);
	int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	for (int i = 0; fd < 0 && i < 2; i++) {
		if (i)
			snprintf(name, sizeof(name), "%s", path);
		else
			snprintf(name, sizeof(name), "/proc/%u/root%s", pid, path);
		fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
		if (fd >= 0 && (fstat(fd, &st) || st.st_ino != ino)) {
			close(fd);
			fd = -1;
		}
	}
	return fd;
}

/* Index of the file of a mapping; PROC_FILES: there is no room. `check`: one that we know may have been written to. */
static uint32_t file_find(struct sym_procs *p, enum file_kind kind, uint64_t dev, uint64_t ino, uint32_t pid, const struct mapping *m,
			  const char *path, bool check)
{
	struct stat st = { 0 };
	int fd = -1;
	for (uint32_t i = 0; i < p->n_files; i++) {
		struct proc_file *f = &p->files[i];
		if (f->kind != kind || f->dev != dev || f->ino != ino)
			continue;
		if (kind != FILE_ELF || (!check && (f->elf || f->fd >= 0)))
			return i;
		if (fd < 0 && (fd = file_open(pid, m->lo, m->hi, path, ino)) >= 0 && fstat(fd, &st) != 0)
			memset(&st, 0, sizeof(st));
		if (fd < 0 || !memcmp(&st.st_mtim, &f->mtime, sizeof(st.st_mtim))) {
			if (fd >= 0)
				close(fd);
			return i;
		}
	}
	char *copy = p->n_files < PROC_FILES ? strdup(path) : NULL;
	if (kind == FILE_ELF && copy && fd < 0 && (check || p->n_files < PROC_FILES_AT_ONCE))
		fd = file_open(pid, m->lo, m->hi, path, ino);
	if (!copy) {
		if (fd >= 0)
			close(fd);
		return PROC_FILES;
	}
	if (fd >= 0 && fstat(fd, &st) != 0)
		memset(&st, 0, sizeof(st));
	p->files[p->n_files] = (struct proc_file){ .kind = kind, .dev = dev, .ino = ino, .path = copy, .fd = fd, .mtime = st.st_mtim };
	return p->n_files++;
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
	if (!size || size > PROC_VDSO_MAX)
		return -1;
	int fd = memfd_create("vdso", MFD_CLOEXEC);
	if (fd >= 0 && write(fd, image, size) != (ssize_t)size) {
		close(fd);
		return -1;
	}
	return fd;
}

static struct sym_elf *file_symbols(struct proc_file *f)
{
	char name[64];
	if (f->tried)
		return f->elf;
	f->tried = true;
	if (f->kind == FILE_VDSO)
		f->fd = file_vdso();
	else if (f->fd < 0) /* there were too many to open each at once */
		f->fd = file_open(0, 0, 0, f->path, f->ino);
	if (f->fd < 0)
		return NULL;
	snprintf(name, sizeof(name), "/proc/self/fd/%d", f->fd);
	if (sym_elf_open(name, &f->elf))
		f->elf = NULL;
	else
		close(f->fd); /* the ELF has its own; without symbols we keep ours, that the inode is not used again */
	if (f->elf)
		f->fd = -1;
	return f->elf;
}

/* -- mappings -- */

static char *proc_read(uint32_t pid, size_t *ret_size)
{
	char name[64];
	snprintf(name, sizeof(name), "/proc/%u/maps", pid);
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	size_t cap = 1 << 15, n = 0;
	char *text = fd >= 0 ? malloc(cap) : NULL;
	while (text) {
		ssize_t r = read(fd, text + n, cap - n - 1);
		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			break;
		n += (size_t)r;
		if (n + 1 < cap)
			continue;
		char *grown = cap < PROC_TEXT_MAX ? realloc(text, cap * 2) : NULL;
		if (!grown)
			break;
		text = grown;
		cap *= 2;
	}
	if (fd >= 0)
		close(fd);
	if (text)
		text[n] = 0;
	*ret_size = n;
	return text;
}

/* One line: an executable mapping is added. false: no memory. */
static bool snapshot_add(struct snapshot *s, struct mapping m)
{
	if (s->n == s->cap) {
		uint32_t want = s->cap ? s->cap * 2 : 16;
		struct mapping *v = realloc(s->maps, want * sizeof(*v));
		if (!v)
			return false;
		s->maps = v;
		s->cap = want;
	}
	s->maps[s->n++] = m;
	return true;
}

static bool snapshot_line(struct sym_procs *p, struct snapshot *s, const char *line)
{
	unsigned long long lo, hi, off, ino;
	unsigned major, minor;
	char perm[8];
	int at = 0;
	if (sscanf(line, "%llx-%llx %7s %llx %x:%x %llu %n", &lo, &hi, perm, &off, &major, &minor, &ino, &at) != 7 || !at ||
	    perm[2] != 'x' || hi <= lo || lo >> 63 || s->n >= PROC_MAPPINGS)
		return true;
	const char *path = line + at;
	struct mapping m = { .lo = lo, .hi = hi, .off = off };
	if (path[0] == '/' && ino)
		m.file = file_find(p, FILE_ELF, (uint64_t)major << 32 | minor, ino, s->pid, &m, path, true);
	else if (!strcmp(path, "[vdso]"))
		m.file = file_find(p, FILE_VDSO, 0, 0, s->pid, &m, "[vdso]", true);
	else if (!strcmp(path, "[vsyscall]"))
		return true;
	else
		m.file = file_find(p, FILE_ANON, 0, 0, s->pid, &m, "[anon]", true);
	if (m.file < PROC_FILES && p->files[m.file].kind == FILE_ANON && !s->jit)
		s->jit = sym_jit_open(s->pid);
	return snapshot_add(s, m);
}

static uint64_t proc_hash(const char *text, size_t n)
{
	uint64_t h = 1469598103934665603ull;
	for (size_t i = 0; i < n; i++)
		h = (h ^ (uint8_t)text[i]) * 1099511628211ull;
	return h;
}

static void proc_keep(struct sym_procs *p, struct snapshot *s)
{
	while (p->n_snapshots >= PROC_SNAPSHOTS)
		proc_drop_oldest(p);
	struct snapshot **bucket = proc_bucket(p, s->pid);
	s->older = *bucket;
	*bucket = s;
	*p->last = s;
	p->last = &s->next;
	p->n_snapshots++;
}

/* Read the mappings; true when they are new ones. */
static bool proc_look(struct sym_procs *p, uint32_t pid)
{
	size_t size;
	char *text = proc_read(pid, &size);
	uint64_t hash = text ? proc_hash(text, size) : 0;
	struct snapshot **bucket = proc_bucket(p, pid), *s, *oldest = NULL;
	uint32_t have = 0;
	if (!size)
		goto out;
	for (s = *bucket; s; s = s->older) {
		if (s->pid != pid)
			continue;
		if (s->hash == hash)
			goto out;
		oldest = s;
		have++;
	}
	if (!(s = calloc(1, sizeof(*s))))
		goto out;
	s->pid = pid;
	s->hash = hash;
	for (char *line = text, *next; *line; line = next) {
		next = strchrnul(line, '\n');
		if (*next)
			*next++ = 0;
		if (!snapshot_line(p, s, line))
			break;
	}
	if (have >= PROC_EACH) { /* a process that maps and unmaps all the time: its oldest becomes this one */
		struct snapshot was = *oldest;
		oldest->maps = s->maps, oldest->n = s->n, oldest->cap = s->cap, oldest->hash = hash, oldest->jit = s->jit, oldest->live = false;
		s->maps = was.maps, s->jit = was.jit;
		snapshot_free(s);
	} else {
		proc_keep(p, s);
	}
	free(text);
	return true;
out:
	free(text);
	return false;
}

void sym_procs_see(struct sym_procs *p, uint32_t pid)
{
	proc_look(p, pid);
}

/* -- the kernel's news -- */

static struct snapshot *proc_newest(struct sym_procs *p, uint32_t pid)
{
	struct snapshot *s = *proc_bucket(p, pid);
	while (s && s->pid != pid)
		s = s->older;
	return s;
}

static struct snapshot *proc_new_live(struct sym_procs *p, uint32_t pid, uint32_t parent)
{
	struct snapshot *s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->pid = pid;
	s->parent = parent;
	s->live = true;
	proc_keep(p, s);
	return s;
}

void sym_procs_mapped(struct sym_procs *p, const struct sym_mapping *x)
{
	struct mapping m = { .lo = x->addr, .hi = x->addr + x->len, .off = x->offset };
	bool vdso = !strcmp(x->path, "[vdso]");
	if ((!vdso && (x->path[0] != '/' || !x->ino)) || m.hi <= m.lo || m.lo >> 63)
		return;
	struct snapshot *s = proc_newest(p, x->pid);
	if (!s || !s->live)
		s = proc_new_live(p, x->pid, 0);
	if (!s || s->n >= PROC_LIVE_MAPPINGS)
		return;
	m.file = file_find(p, vdso ? FILE_VDSO : FILE_ELF, vdso ? 0 : x->dev, vdso ? 0 : x->ino, x->pid, &m, x->path, false);
	snapshot_add(s, m);
}

void sym_procs_exec(struct sym_procs *p, uint32_t pid)
{
	proc_new_live(p, pid, 0);
}

void sym_procs_fork(struct sym_procs *p, uint32_t pid, uint32_t parent)
{
	/* what an earlier process of that number had stays behind it, for its own stacks */
	proc_new_live(p, pid, parent);
}

/* -- look-up -- */

static const struct mapping *snapshot_at(const struct snapshot *s, uint64_t addr)
{
	for (uint32_t i = s->live ? s->n : 0; i-- > 0;)
		if (s->maps[i].lo <= addr && addr < s->maps[i].hi)
			return &s->maps[i];
	uint32_t lo = 0, hi = s->live ? 0 : s->n;
	while (lo < hi) { /* the kernel lists them by address */
		uint32_t mid = lo + (hi - lo) / 2;
		if (s->maps[mid].hi <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < s->n && s->maps[lo].lo <= addr ? &s->maps[lo] : NULL;
}

static bool mapping_name(struct sym_procs *p, const struct snapshot *s, const struct mapping *m, uint64_t addr, struct sym_frame *ret)
{
	struct sym sym;
	uint64_t vaddr;
	if (m->file >= PROC_FILES)
		return false;
	struct proc_file *f = &p->files[m->file];
	ret->file = f->path;
	if (f->kind == FILE_ANON)
		return s->jit && sym_jit_at(s->jit, addr, &ret->name, &ret->offset);
	const struct sym_elf *e = file_symbols(f);
	if (e && sym_elf_addr(e, addr - m->lo + m->off, &vaddr) && sym_elf_at(e, vaddr, &sym)) {
		ret->name = sym.name;
		ret->offset = vaddr - sym.addr;
		return true;
	}
	if (f->kind == FILE_VDSO) {
		ret->name = "[vdso]";
		ret->offset = addr - m->lo;
		return true;
	}
	return false;
}

static bool proc_find(struct sym_procs *p, uint32_t pid, uint64_t addr, struct sym_frame *ret, bool *ret_mapped, int depth)
{
	for (const struct snapshot *s = *proc_bucket(p, pid); s; s = s->older) {
		const struct mapping *m = s->pid == pid ? snapshot_at(s, addr) : NULL;
		if (!m)
			continue;
		*ret_mapped = true;
		if (mapping_name(p, s, m, addr, ret))
			return true;
	}
	/* of the same number, newest first: whose child was it? */
	for (const struct snapshot *s = *ret_mapped ? NULL : *proc_bucket(p, pid); s; s = s->older)
		if (s->pid == pid && s->parent && depth < PROC_ANCESTORS)
			return proc_find(p, s->parent, addr, ret, ret_mapped, depth + 1);
	return false;
}

bool sym_procs_at(struct sym_procs *p, uint32_t pid, uint64_t addr, struct sym_frame *ret)
{
	bool mapped = false;
	*ret = (struct sym_frame){ 0 };
	if (proc_find(p, pid, addr, ret, &mapped, 0))
		return true;
	/* Mapped since we looked? Addresses that are in no mapping come in runs: the same page is not asked for twice. */
	if (mapped || (p->missed_pid == pid && p->missed_page == addr >> 12))
		return false;
	uint32_t of = pid;
	for (int i = 0; of && i < PROC_ANCESTORS; i++) { /* a child that has gone has what its parent has */
		if (proc_look(p, of) && proc_find(p, pid, addr, ret, &mapped, 0))
			return true;
		const struct snapshot *s = proc_newest(p, of);
		of = s ? s->parent : 0;
	}
	p->missed_pid = pid;
	p->missed_page = addr >> 12;
	return false;
}
