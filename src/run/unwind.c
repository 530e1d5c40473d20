/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reader's side of unwinding (ir/unwind.h): which files get their tables into the maps, and when.
 *
 * A table belongs to a file, not to a process. Before anything is attached those are loaded that will be needed: of the files with probes; of
 * the process of -p; of the command of -c and its libraries; else of all processes, as long as PRELOAD_MS last. New files are taken from the
 * kernel's records of mappings. What is met before that the program tells (EV_UNWIND), by the kernel's key of the file and by an address of the
 * process at which it is mapped. Keys come from the kernel throughout (unwind_key): what stat(2) says is something else with overlays.
 *
 * A file stays once it is loaded. A chunk is never moved and a row never changed, so programs need no lock; the entry in the table of files
 * comes last. Memory is bounded by UNWIND_CHUNKS; a file that finds no room is marked, and its stacks are counted.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "ir/unwind.h"
#include "run/run.h"
#include "sym/cfi.h"

enum {
	PRELOAD_MS = 1500, TARGETS_MS = 10000, CHUNK_WORDS = 1 << UNWIND_CHUNK_BITS, CHUNK_BYTES = CHUNK_WORDS * 8, WORDS_MAX = UNWIND_CHUNKS * CHUNK_WORDS,
	FILE_WORDS_MAX = WORDS_MAX / 4, VDSO_MAX = 64 << 10, HASH_SIZE = UNWIND_RULES * 2, KNOWN_SIZE = UNWIND_FILES * 4,
	RULES_BYTES = UNWIND_RULES * sizeof(struct unwind_rule) + UNWIND_STATE,
};

struct unwind {
	int words_fd, files_fd, key_fd; /* key_fd: the program that tells keys; -1 */
	struct unwind_rule *rules; /* mapped */
	uint32_t n_rules;          /* with that of number 0, which is none */
	uint32_t *hash;            /* rules by content */
	uint64_t *chunks[UNWIND_CHUNKS]; /* mapped */
	uint32_t next;             /* word */
	struct unwind_key *known;  /* files that were tried, by inode */
	uint32_t n_known;
};

/* -- maps -- */

static int unwind_chunk_create(void)
{
	return sys_map_create(BPF_MAP_TYPE_ARRAY, "unwind_rows", 4, CHUNK_BYTES, 1, BPF_F_MMAPABLE);
}

int unwind_map_create(const struct module_map *m)
{
	if (m->kind == MM_UNWIND_RULES)
		return sys_map_create(BPF_MAP_TYPE_ARRAY, "unwind_rules", m->key_size, m->value_size, 1, BPF_F_MMAPABLE);
	if (m->kind == MM_UNWIND_FILES)
		return sys_map_create(BPF_MAP_TYPE_HASH, "unwind_files", m->key_size, m->value_size, m->max_entries, 0);
	int like = unwind_chunk_create();
	if (like < 0)
		return like;
	int fd = sys_map_create_outer(BPF_MAP_TYPE_ARRAY_OF_MAPS, "unwind_words", m->key_size, m->max_entries, like);
	close(like);
	return fd;
}

static uint64_t *unwind_word(struct unwind *u, uint32_t at)
{
	uint32_t i = at >> UNWIND_CHUNK_BITS;
	if (i >= UNWIND_CHUNKS)
		return NULL;
	if (!u->chunks[i]) {
		int fd = unwind_chunk_create();
		void *p = fd >= 0 ? mmap(NULL, CHUNK_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;
		if (p == MAP_FAILED || sys_map_update(u->words_fd, &i, &fd, 0)) {
			if (p != MAP_FAILED)
				munmap(p, CHUNK_BYTES);
			if (fd >= 0)
				close(fd);
			return NULL;
		}
		madvise(p, CHUNK_BYTES, MADV_DONTFORK);
		close(fd); /* the outer map holds it */
		u->chunks[i] = p;
	}
	return u->chunks[i] + (at & (CHUNK_WORDS - 1));
}

/* -- tables -- */

/* The number of a rule among all; 0 when there are too many. */
static uint32_t unwind_rule_number(struct unwind *u, const struct unwind_rule *r)
{
	const uint8_t *p = (const uint8_t *)r;
	uint32_t h = 2166136261u;
	for (size_t i = 0; i < sizeof(*r); i++)
		h = (h ^ p[i]) * 16777619u;
	for (h &= HASH_SIZE - 1; u->hash[h]; h = (h + 1) & (HASH_SIZE - 1))
		if (!memcmp(&u->rules[u->hash[h]], r, sizeof(*r)))
			return u->hash[h];
	if (u->n_rules == UNWIND_RULES)
		return 0;
	u->rules[u->n_rules] = *r;
	return u->hash[h] = u->n_rules++;
}

/* The index of the rows at word `rows_at`. */
static bool unwind_put_index(struct unwind *u, const struct cfi_table *t, const struct unwind_file *f, uint32_t rows_at)
{
	uint32_t from = 0, to = 0;
	for (uint32_t i = 0; i < f->n_buckets; i++) {
		uint64_t lo = ((uint64_t)f->bucket + i) << UNWIND_BUCKET_BITS, hi = lo + (1u << UNWIND_BUCKET_BITS);
		while (from + 1 < t->n_rows && t->rows[from + 1].pc <= lo)
			from++;
		to = to < from ? from : to;
		while (to < t->n_rows && t->rows[to].pc < hi)
			to++;
		struct unwind_index x = { .first = rows_at + from, .n = (uint16_t)(to > from ? to - from : 1) };
		for (x.step = 1; x.step * 2 < x.n;)
			x.step = (uint16_t)(x.step * 2);
		if (x.n < 2)
			x.step = 0;
		uint64_t *w = unwind_word(u, f->index + i);
		if (!w)
			return false;
		memcpy(w, &x, sizeof(x));
	}
	return true;
}

static struct unwind_file unwind_put(struct unwind *u, const struct cfi_table *t)
{
	struct unwind_file f = { .state = UF_REFUSED, .index = u->next, .bucket = t->rows[0].pc >> UNWIND_BUCKET_BITS };
	f.n_buckets = (t->rows[t->n_rows - 1].pc >> UNWIND_BUCKET_BITS) - f.bucket + 1;
	uint64_t words = (uint64_t)f.n_buckets + t->n_rows;
	if (words > FILE_WORDS_MAX || words > WORDS_MAX - u->next)
		return f;
	uint32_t *numbers = calloc(t->n_rules + 1, sizeof(*numbers)), rows_at = u->next + f.n_buckets;
	for (uint32_t i = 0; numbers && i < t->n_rules; i++)
		numbers[i + 1] = unwind_rule_number(u, &t->rules[i]);
	bool ok = numbers && unwind_put_index(u, t, &f, rows_at);
	for (uint32_t i = 0; ok && i < t->n_rows; i++) {
		struct unwind_row r = { t->rows[i].pc, numbers[t->rows[i].rule] };
		uint64_t *w = unwind_word(u, rows_at + i);
		if (w)
			memcpy(w, &r, sizeof(r));
		ok = w != NULL;
	}
	free(numbers);
	if (ok) {
		u->next += (uint32_t)words;
		f.state = UF_TABLE;
	}
	return f;
}

/* -- files -- */

static uint32_t unwind_hash(uint64_t ino)
{
	return (uint32_t)(ino * 0x9e3779b97f4a7c15ull >> 32) & (KNOWN_SIZE - 1);
}

/* Has it been tried? `by_place`: only inode and device are asked for. */
static bool unwind_knows(struct unwind *u, const struct unwind_key *k, bool by_place)
{
	for (uint32_t at = unwind_hash(k->ino); u->known[at].ino; at = (at + 1) & (KNOWN_SIZE - 1))
		if (by_place ? u->known[at].ino == k->ino && u->known[at].dev == k->dev : !memcmp(&u->known[at], k, sizeof(*k)))
			return true;
	return false;
}

static void unwind_remember(struct unwind *u, const struct unwind_key *k)
{
	if (u->n_known >= UNWIND_FILES * 2 || !k->ino)
		return;
	uint32_t at = unwind_hash(k->ino);
	while (u->known[at].ino)
		at = (at + 1) & (KNOWN_SIZE - 1);
	u->known[at] = *k;
	u->n_known++;
}

/* Load the table of an open file, or of an image in memory, under a key. */
static void unwind_load(struct unwind *u, const struct unwind_key *k, int fd, const void *image, size_t size)
{
	struct cfi_table t;
	int err = fd >= 0 ? sym_cfi_file(fd, &t) : sym_cfi_image(image, size, &t);
	struct unwind_file f = { .state = err == -ENOMEM || err == -E2BIG ? UF_REFUSED : UF_NONE };
	if (!err)
		f = unwind_put(u, &t);
	if (!err)
		sym_cfi_free(&t);
	unwind_remember(u, k);
	sys_map_update(u->files_fd, k, &f, 0);
}

static int unwind_open_file(const char *path)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd >= 0 && (fstat(fd, &st) || !S_ISREG(st.st_mode))) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* The kernel's key of an open file: of what is mapped when we map it. Where that is not allowed, as stat(2) has it, which is the same but for overlays
 * and a few more. */
static bool unwind_key(const struct unwind *u, int fd, struct unwind_key *ret)
{
	struct stat st;
	struct unwind_key *at = (struct unwind_key *)((uint8_t *)u->rules + UNWIND_RULES * sizeof(struct unwind_rule) + UNWIND_STATE_KEY);
	void *p = u->key_fd >= 0 ? mmap(NULL, 1, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0) : MAP_FAILED;
	bool told = false;
	if (p != MAP_FAILED) {
		uint64_t ctx[1] = { (uint64_t)(uintptr_t)p };
		uint32_t result;
		memset(at, 0, sizeof(*at));
		told = !sys_prog_test_run(u->key_fd, ctx, sizeof(ctx), &result) && at->ino;
		*ret = *(volatile struct unwind_key *)at;
		munmap(p, 1);
	}
	if (told)
		return true;
	if (fstat(fd, &st))
		return false;
	*ret = (struct unwind_key){ .ino = st.st_ino, .size = (uint64_t)st.st_size, .mtime_ns = (uint64_t)st.st_mtim.tv_nsec,
				    .dev = (uint64_t)major(st.st_dev) << 20 | minor(st.st_dev) };
	return true;
}

/* A file by its path. place: its inode and device, as /proc/PID/maps and the kernel's records name it, or NULL: what is known by them is not looked
 * at again. */
static void unwind_load_path(struct unwind *u, const char *path, const struct unwind_key *place)
{
	struct unwind_key k;
	int fd = place && unwind_knows(u, place, true) ? -1 : unwind_open_file(path);
	if (fd < 0)
		return;
	if (unwind_key(u, fd, &k) && !unwind_knows(u, &k, false))
		unwind_load(u, &k, fd, NULL, 0);
	if (place && !unwind_knows(u, place, true))
		unwind_remember(u, place);
	close(fd);
}

static void unwind_load_vdso(struct unwind *u)
{
	const void *image = (const void *)getauxval(AT_SYSINFO_EHDR);
	struct unwind_key k = { .ino = ~0ull };
	char line[512];
	unsigned long lo, hi, size = 0;
	FILE *f = image ? fopen("/proc/self/maps", "re") : NULL;
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%lx-%lx", &lo, &hi) == 2 && lo == (unsigned long)image)
			size = hi - lo;
	if (f)
		fclose(f);
	if (size && size <= VDSO_MAX)
		unwind_load(u, &k, -1, image, size);
}

/* -- before attaching -- */

static uint64_t unwind_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* What process `pid` has mapped executable; with `pc` only what is there, under the key. */
static bool unwind_load_process(struct unwind *u, uint32_t pid, uint64_t pc, const struct unwind_key *key)
{
	char line[PATH_MAX + 256], name[64];
	bool found = false;
	snprintf(name, sizeof(name), "/proc/%u/maps", pid);
	FILE *f = fopen(name, "re");
	while (f && !found && fgets(line, sizeof(line), f)) {
		unsigned long long lo, hi, ino;
		unsigned maj, min;
		char perm[8];
		int at = 0;
		if (sscanf(line, "%llx-%llx %7s %*x %x:%x %llu %n", &lo, &hi, perm, &maj, &min, &ino, &at) != 6 || !at || perm[2] != 'x' || !ino)
			continue;
		if (key && (pc < lo || pc >= hi))
			continue;
		snprintf(name, sizeof(name), "/proc/%u/map_files/%llx-%llx", pid, lo, hi);
		if (key) {
			int fd = unwind_open_file(name);
			if (fd >= 0) {
				unwind_load(u, key, fd, NULL, 0);
				close(fd);
				found = true;
			}
			break;
		}
		unwind_load_path(u, name, &(struct unwind_key){ .ino = ino, .dev = (uint64_t)maj << 20 | min });
	}
	if (f)
		fclose(f);
	return found;
}

/* A program, its interpreter, and the libraries that it needs. */
static void unwind_load_program(struct session *s, const char *path)
{
	struct sym_paths files = { 0 };
	sym_startup(&s->arena, "", path, &files);
	for (uint32_t i = 0; i < files.list.n; i++)
		unwind_load_path(s->unwind, files.list.v[i], NULL);
}

static void unwind_load_command(struct session *s)
{
	const char *why;
	char real[PATH_MAX], **argv = child_split(&s->arena, s->o->cmd, &why);
	const char *path = argv && argv[0] ? argv[0] : NULL;
	if (path && !strchr(path, '/'))
		path = sym_program_find(&s->arena, "", path);
	else if (path && path[0] != '/')
		path = realpath(path, real);
	if (path)
		unwind_load_program(s, path);
}

/* What the program's own probes stand in, and what that needs. */
static void unwind_load_targets(struct session *s, uint64_t until)
{
	const struct module *m = &s->module;
	const char *last = NULL;
	for (uint32_t i = 0; i < m->attaches.n; i++) {
		const struct attach_point *ap = m->attaches.v[i];
		if (ap->provider != PROV_UPROBE && ap->provider != PROV_URETPROBE && ap->provider != PROV_USDT)
			continue;
		const char *path = arena_strndup(&s->arena, ap->target.s, ap->target.len);
		if (path[0] == '/' && (!last || strcmp(last, path)) && unwind_ms() < until)
			unwind_load_program(s, path);
		last = path;
	}
}

static void unwind_load_all(struct session *s, uint64_t until)
{
	DIR *d = opendir("/proc");
	for (struct dirent *e; d && (e = readdir(d)) && unwind_ms() < until;)
		if (e->d_name[0] >= '1' && e->d_name[0] <= '9')
			unwind_load_process(s->unwind, (uint32_t)atoi(e->d_name), 0, NULL);
	if (d)
		closedir(d);
}

int unwind_open(struct session *s)
{
	const struct module *m = &s->module;
	struct unwind u = { .words_fd = -1, .files_fd = -1, .key_fd = -1, .n_rules = 1 };
	int rules_fd = -1;
	for (uint32_t i = 0; s->maps && i < m->maps.n; i++) {
		if (s->maps[i].fd < 0)
			continue;
		rules_fd = m->maps.v[i].kind == MM_UNWIND_RULES ? s->maps[i].fd : rules_fd;
		u.words_fd = m->maps.v[i].kind == MM_UNWIND_WORDS ? s->maps[i].fd : u.words_fd;
		u.files_fd = m->maps.v[i].kind == MM_UNWIND_FILES ? s->maps[i].fd : u.files_fd;
	}
	if (rules_fd < 0 || u.words_fd < 0 || u.files_fd < 0)
		return 0; /* no program walks */
	size_t size = RULES_BYTES;
	u.rules = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, rules_fd, 0);
	if (u.rules == MAP_FAILED)
		return -errno;
	madvise(u.rules, size, MADV_DONTFORK);
	u.hash = calloc(HASH_SIZE, sizeof(*u.hash));
	u.known = calloc(KNOWN_SIZE, sizeof(*u.known));
	s->unwind = malloc(sizeof(u));
	if (!s->unwind || !u.hash || !u.known) {
		free(s->unwind);
		free(u.hash);
		free(u.known);
		munmap(u.rules, size);
		s->unwind = NULL;
		return -ENOMEM;
	}
	u.key_fd = m->key_fn ? load_function(s, m->key_fn, "unwind_key") : -1;
	*s->unwind = u;
	unwind_load_vdso(s->unwind);
	unwind_load_targets(s, unwind_ms() + TARGETS_MS);
	if (s->o->cmd)
		unwind_load_command(s);
	else if (s->o->pid)
		unwind_load_process(s->unwind, (uint32_t)s->o->pid, 0, NULL);
	else
		unwind_load_all(s, unwind_ms() + PRELOAD_MS);
	return 0;
}

void unwind_close(struct unwind *u)
{
	if (!u)
		return;
	for (uint32_t i = 0; i < UNWIND_CHUNKS; i++)
		if (u->chunks[i])
			munmap(u->chunks[i], CHUNK_BYTES);
	munmap(u->rules, RULES_BYTES);
	if (u->key_fd >= 0)
		close(u->key_fd);
	free(u->hash);
	free(u->known);
	free(u);
}

/* -- while it runs -- */

bool unwind_wanted(const struct session *s)
{
	for (uint32_t i = 0; i < s->module.maps.n; i++)
		if (s->module.maps.v[i].kind == MM_UNWIND_FILES)
			return true;
	return false;
}

void unwind_mapped(struct unwind *u, const struct sym_mapping *m)
{
	char name[PATH_MAX + 64];
	struct unwind_key place = { .ino = m->ino, .dev = (m->dev >> 32) << 20 | (m->dev & 0xfffff) };
	if (!u || m->path[0] != '/' || !m->ino)
		return;
	snprintf(name, sizeof(name), "/proc/%u/map_files/%llx-%llx", m->pid, (unsigned long long)m->addr, (unsigned long long)(m->addr + m->len));
	unwind_load_path(u, name, &place);
}

void unwind_asked(struct session *s, const void *payload)
{
	struct unwind_ask ask;
	memcpy(&ask, payload, sizeof(ask));
	if (!s->unwind || unwind_knows(s->unwind, &ask.key, false))
		return;
	if (!unwind_load_process(s->unwind, (uint32_t)ask.pid, ask.pc, &ask.key))
		sys_map_delete(s->unwind->files_fd, &ask.key); /* it has gone: the next one that maps the file asks again */
}
