/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Maps of JIT compilers: lines "START SIZE name" in hexadecimal, appended while the process runs. The file is opened when the process is
 * first met, through its own root and by its number in its own pid namespace, and read when a name is asked for, again when it has grown.
 *
 * /tmp is anybody's: the file must be a regular one, not a link, and belong to the user of the process or to root. What is in it is
 * text of the process: a wrong name is all that it can do. Later lines replace earlier ones where they overlap, for code is
 * moved and its memory used again.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sym/jit.h"

enum { JIT_BYTES_MAX = 256 << 20, JIT_ENTRIES_MAX = 4 << 20 };

struct jit_entry {
	uint64_t addr, size;
	uint32_t name, order;
};
struct sym_jit {
	int fd;
	off_t read;           /* size of the file when it was read */
	char *text;
	struct jit_entry *v;  /* by address, then the latest first */
	uint32_t n;
};

/* The number that the process has for itself, and its effective user. */
static bool jit_process(uint32_t pid, uint32_t *ret_ns_pid, uid_t *ret_uid)
{
	char name[64], line[256];
	bool have_uid = false;
	snprintf(name, sizeof(name), "/proc/%u/status", pid);
	FILE *f = fopen(name, "re");
	*ret_ns_pid = pid;
	while (f && fgets(line, sizeof(line), f)) {
		unsigned uid;
		if (sscanf(line, "Uid: %*u %u", &uid) == 1) {
			*ret_uid = uid;
			have_uid = true;
		} else if (!strncmp(line, "NSpid:", 6)) {
			const char *last = strrchr(line, '\t');
			if (last)
				*ret_ns_pid = (uint32_t)strtoul(last, NULL, 10);
		}
	}
	if (f)
		fclose(f);
	return have_uid;
}

struct sym_jit *sym_jit_open(uint32_t pid)
{
	char name[96];
	uint32_t ns_pid;
	uid_t uid;
	struct stat st;
	if (!jit_process(pid, &ns_pid, &uid))
		return NULL;
	snprintf(name, sizeof(name), "/proc/%u/root/tmp/perf-%u.map", pid, ns_pid);
	int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return NULL;
	struct sym_jit *j = NULL;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode) && (st.st_uid == uid || st.st_uid == 0) && (j = calloc(1, sizeof(*j))))
		j->fd = fd;
	else
		close(fd);
	return j;
}

void sym_jit_close(struct sym_jit *j)
{
	if (!j)
		return;
	if (j->fd >= 0)
		close(j->fd);
	free(j->text);
	free(j->v);
	free(j);
}

static int jit_compare(const void *px, const void *py)
{
	const struct jit_entry *x = px, *y = py;
	if (x->addr != y->addr)
		return x->addr < y->addr ? -1 : 1;
	return x->order > y->order ? -1 : x->order < y->order;
}

static void jit_parse(struct sym_jit *j)
{
	uint32_t cap = 0;
	j->n = 0;
	for (char *line = j->text, *next; *line && j->n < JIT_ENTRIES_MAX; line = next) {
		char *end;
		next = strchrnul(line, '\n');
		bool whole = *next == '\n'; /* the last line may be half written */
		if (*next)
			*next++ = 0;
		uint64_t addr = strtoull(line, &end, 16);
		if (!whole || *end != ' ')
			continue;
		uint64_t size = strtoull(end + 1, &end, 16);
		if (*end != ' ' || !end[1] || !size || addr + size < addr)
			continue;
		if (j->n == cap) {
			cap = cap ? cap * 2 : 1024;
			struct jit_entry *v = realloc(j->v, cap * sizeof(*v));
			if (!v)
				break;
			j->v = v;
		}
		j->v[j->n] = (struct jit_entry){ addr, size, (uint32_t)(end + 1 - j->text), j->n };
		j->n++;
	}
	if (j->n)
		qsort(j->v, j->n, sizeof(*j->v), jit_compare);
}

struct sym_jit *sym_jit_from(const void *text, size_t n)
{
	struct sym_jit *j = calloc(1, sizeof(*j));
	if (!j)
		return NULL;
	j->fd = -1;
	if ((j->text = malloc(n + 1))) {
		memcpy(j->text, text, n);
		j->text[n] = 0;
		jit_parse(j);
	}
	return j;
}

static void jit_read(struct sym_jit *j)
{
	struct stat st;
	if (j->fd < 0 || fstat(j->fd, &st) || st.st_size == j->read || st.st_size <= 0 || st.st_size > JIT_BYTES_MAX)
		return;
	char *text = malloc((size_t)st.st_size + 1);
	size_t n = 0;
	while (text && n < (size_t)st.st_size) {
		ssize_t r = pread(j->fd, text + n, (size_t)st.st_size - n, (off_t)n);
		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			break;
		n += (size_t)r;
	}
	if (!text)
		return;
	text[n] = 0;
	free(j->text);
	j->text = text;
	j->read = st.st_size;
	jit_parse(j);
}

bool sym_jit_at(struct sym_jit *j, uint64_t addr, const char **ret_name, uint64_t *ret_offset)
{
	jit_read(j);
	uint32_t lo = 0, hi = j->n; /* the first behind addr */
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		if (j->v[mid].addr <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	const struct jit_entry *best = NULL;
	for (uint32_t back = 0; lo > 0 && back < 64; back++) {
		const struct jit_entry *e = &j->v[--lo];
		if (addr - e->addr < e->size && (!best || e->order > best->order))
			best = e;
	}
	if (!best)
		return false;
	*ret_name = j->text + best->name;
	*ret_offset = addr - best->addr;
	return true;
}
