/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which function is at this address of that process? The mappings of a process are read when it is first met (sym_procs_see, which
 * the session calls as soon as a program has recorded a stack of it) and kept: a process that has ended is still known. A file's offset of
 * the address, the program headers, and the symbols of the file (file.c) do the rest, so that position-independent programs and libraries
 * need no special case.
 *
 * Code without a file: for code that a JIT compiler made there is /tmp/perf-PID.map in the process's own file system, believed only when it
 * is a regular file of the process's user or root.
 *
 * What happens after we attached the kernel tells by itself (sym_procs_mapped and its kin): so also processes that were gone before
 * anybody could look are known. A child without mappings of its own has its parent's.
 *
 * When a process calls exec, its mappings change under the same number. Each reading that differs is kept as one more snapshot; the
 * newest that has the address answers. All counts are bounded; at the bound the oldest snapshot goes.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sym/file.h"
#include "sym/jit.h"
#include "sym/sym.h"

enum {
	PROC_SNAPSHOTS = 16384, PROC_EACH = 8, PROC_LIVE_MAPPINGS = 512, PROC_ANCESTORS = 8, PROC_MAPPINGS = 20000, PROC_BUCKETS = 1024,
	PROC_TEXT_MAX = 16 << 20,
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
	struct files files;
	struct sym_place place;
	uint32_t missed_pid; /* the last look-up found nothing, and reading again changed nothing */
	uint64_t missed_page;
};

struct sym_procs *sym_procs_new(struct sym_options o)
{
	struct sym_procs *p = calloc(1, sizeof(*p));
	if (p) {
		p->last = &p->first;
		p->files.demangle = o.demangle;
		p->files.lines = o.lines;
		p->files.max_bytes = o.bytes;
	}
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
	files_fini(&p->files);
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
		m.file = files_find(&p->files, FILE_ELF, &(struct file_mapping){ s->pid, lo, hi, (uint64_t)major << 32 | minor, ino, path }, true);
	else if (!strcmp(path, "[vdso]"))
		m.file = files_find(&p->files, FILE_VDSO, &(struct file_mapping){ .path = "[vdso]" }, true);
	else if (!strcmp(path, "[vsyscall]"))
		return true;
	else
		m.file = files_find(&p->files, FILE_ANON, &(struct file_mapping){ .path = "[anon]" }, true);
	if (m.file < FILES_MAX && p->files.v[m.file].kind == FILE_ANON && !s->jit)
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
	struct file_mapping f = { vdso ? 0 : x->pid, m.lo, m.hi, vdso ? 0 : x->dev, vdso ? 0 : x->ino, x->path };
	m.file = files_find(&p->files, vdso ? FILE_VDSO : FILE_ELF, &f, false);
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
	for (uint32_t i = s->n; s->live && i-- > 0;)
		if (s->maps[i].lo <= addr && addr < s->maps[i].hi)
			return &s->maps[i];
	if (s->live)
		return NULL;
	uint32_t lo = 0, hi = s->n;
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
	if (m->file >= FILES_MAX)
		return false;
	const struct file *f = &p->files.v[m->file];
	ret->file = f->path;
	if (f->kind == FILE_ANON)
		return s->jit && sym_jit_at(s->jit, addr, &ret->name, &ret->offset);
	const struct sym_elf *e = files_symbols(&p->files, m->file);
	if (e && sym_elf_addr(e, addr - m->lo + m->off, &vaddr) && sym_elf_at(e, vaddr, &sym)) {
		struct sym_lines *lines = files_lines(&p->files, m->file);
		ret->name = files_name(&p->files, sym.name);
		ret->offset = vaddr - sym.addr;
		ret->place = lines && sym_lines_at(lines, vaddr, &p->place) ? &p->place : NULL;
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

static const struct mapping *proc_mapping(struct sym_procs *p, uint32_t pid, uint64_t addr, int depth)
{
	const struct mapping *m = NULL;
	for (const struct snapshot *s = *proc_bucket(p, pid); s && !m; s = s->older)
		m = s->pid == pid ? snapshot_at(s, addr) : NULL;
	for (const struct snapshot *s = m ? NULL : *proc_bucket(p, pid); s; s = s->older)
		if (s->pid == pid && s->parent && depth < PROC_ANCESTORS)
			return proc_mapping(p, s->parent, addr, depth + 1);
	return m;
}

uint32_t sym_procs_id(struct sym_procs *p, uint32_t pid, uint64_t addr, const uint8_t **ret_id, uint64_t *ret_offset)
{
	const struct mapping *m = proc_mapping(p, pid, addr, 0);
	if (!m && proc_look(p, pid))
		m = proc_mapping(p, pid, addr, 0);
	if (!m || m->file >= FILES_MAX)
		return 0;
	*ret_offset = addr - m->lo + m->off;
	return files_id(&p->files, m->file, ret_id);
}
