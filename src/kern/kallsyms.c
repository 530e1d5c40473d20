/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's symbol table (/proc/kallsyms), read once when first asked.
 *
 * Some hundred thousand symbols: kept as sorted 16-byte entries and one block of names, the symbols of one address in the
 * file's order (the kernel itself shows the first of them). Symbols of modules know their module. With kptr_restrict
 * the kernel shows every address as zero: then nothing is known, rather than everything at zero.
 *
 * Used while a program runs, too: heap memory, and running out of it only means that there are no names.
 */
#include "kern/kern_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { MODULES_MAX = 65535, SYMBOLS_MAX = 1 << 24, OFFSET_MAX = 4 << 20 };

struct ksym {
	uint64_t addr;
	uint32_t name;   /* offset in names */
	uint16_t module; /* 0: the kernel itself; else index + 1 in modules */
	char type;
};
struct ksyms {
	struct ksym *v;
	uint32_t n, cap;
	struct buf names;
	uint32_t *modules; /* offsets in names */
	uint32_t n_modules;
	bool restricted, oom;
};

static void ksyms_module(struct ksyms *s, struct ksym *k, const char *name, size_t len)
{
	/* Modules come in runs: the last one is the one, nearly always. */
	for (uint32_t i = s->n_modules; i-- > 0;) {
		const char *m = s->names.s + s->modules[i];
		if (strncmp(m, name, len) == 0 && !m[len]) {
			k->module = (uint16_t)(i + 1);
			return;
		}
	}
	if (s->n_modules >= MODULES_MAX - 1)
		return;
	if ((s->n_modules & (s->n_modules - 1)) == 0) {
		uint32_t *p = realloc(s->modules, sizeof(*p) * (s->n_modules ? 2 * (size_t)s->n_modules : 1));
		if (!p) {
			s->oom = true;
			return;
		}
		s->modules = p;
	}
	s->modules[s->n_modules++] = (uint32_t)s->names.len;
	buf_add(&s->names, name, len);
	buf_addc(&s->names, 0);
	k->module = (uint16_t)s->n_modules;
}

/* "ffffffff81000000 T _text" or "... t name\t[module]". Other lines are left out. */
static void ksyms_line(struct ksyms *s, const char *p, const char *end)
{
	uint64_t addr = 0;
	const char *begin = p;
	for (; p < end; p++) {
		int d = *p >= '0' && *p <= '9' ? *p - '0' : *p >= 'a' && *p <= 'f' ? *p - 'a' + 10 : -1;
		if (d < 0 || p - begin >= 16)
			break;
		addr = addr << 4 | (uint64_t)d;
	}
	if (p == begin || end - p < 4 || p[0] != ' ' || p[2] != ' ' || s->n >= SYMBOLS_MAX || s->names.len > UINT32_MAX / 2)
		return;
	struct ksym k = { .addr = addr, .type = p[1], .name = (uint32_t)s->names.len };
	const char *name = p + 3, *stop = name;
	while (stop < end && *stop != '\t' && *stop != ' ')
		stop++;
	if (stop == name)
		return;
	if (s->n == s->cap) {
		uint32_t cap = s->cap ? s->cap + s->cap / 2 : 1 << 15;
		struct ksym *v = realloc(s->v, sizeof(*v) * cap);
		if (!v) {
			s->oom = true;
			return;
		}
		s->v = v;
		s->cap = cap;
	}
	buf_add(&s->names, name, (size_t)(stop - name));
	buf_addc(&s->names, 0);
	while (stop < end && *stop != '[')
		stop++;
	const char *close = stop;
	while (close < end && *close != ']')
		close++;
	if (close < end && close > stop + 1)
		ksyms_module(s, &k, stop + 1, (size_t)(close - stop - 1));
	s->restricted = s->restricted && !addr;
	s->v[s->n++] = k;
}

static int ksym_order(const void *x, const void *y)
{
	const struct ksym *a = x, *b = y;
	if (a->addr != b->addr)
		return a->addr < b->addr ? -1 : 1;
	return a->name < b->name ? -1 : a->name > b->name; /* names lie in the file's order */
}

struct ksyms *ksyms_open(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct ksyms *s = fd >= 0 ? calloc(1, sizeof(*s)) : NULL;
	enum { PART = 1 << 16 };
	char *part = s ? malloc(PART) : NULL;
	size_t have = 0;
	ssize_t n = 0;
	if (!part)
		goto fail;
	s->restricted = true;
	while (!s->oom && !s->names.oom && ((n = read(fd, part + have, PART - have)) > 0 || (n < 0 && errno == EINTR))) {
		have += n > 0 ? (size_t)n : 0;
		char *p = part, *nl;
		while ((nl = memchr(p, '\n', have - (size_t)(p - part)))) {
			ksyms_line(s, p, nl);
			p = nl + 1;
		}
		have -= (size_t)(p - part);
		if (have == PART)
			have = 0; /* a line of 64 KiB is none of ours */
		memmove(part, p, have);
	}
	if (n < 0 || s->oom || s->names.oom)
		goto fail;
	if (have)
		ksyms_line(s, part, part + have);
	/* The kernel's own part is sorted but for per-CPU symbols; modules follow in any order. */
	bool sorted = true;
	for (uint32_t i = 1; i < s->n && sorted; i++)
		sorted = s->v[i - 1].addr <= s->v[i].addr;
	if (!sorted)
		qsort(s->v, s->n, sizeof(*s->v), ksym_order);
	if (s->n && s->n < s->cap) {
		struct ksym *v = realloc(s->v, sizeof(*v) * s->n);
		s->v = v ? v : s->v;
	}
	free(part);
	close(fd);
	return s;
fail:
	free(part);
	ksyms_close(s);
	if (fd >= 0)
		close(fd);
	return NULL;
}

void ksyms_close(struct ksyms *s)
{
	if (!s)
		return;
	buf_fini(&s->names);
	free(s->modules);
	free(s->v);
	free(s);
}

bool ksyms_restricted(const struct ksyms *s)
{
	return s->restricted;
}

uint64_t ksyms_address(const struct ksyms *s, const char *name)
{
	const struct ksym *best = NULL;
	if (s->restricted)
		return 0;
	/* The kernel's own symbol before a module's of the same name. */
	for (uint32_t i = 0; i < s->n; i++)
		if ((!best || (best->module && !s->v[i].module)) && strcmp(s->names.s + s->v[i].name, name) == 0)
			best = &s->v[i];
	return best ? best->addr : 0;
}

const char *ksyms_name(const struct ksyms *s, uint64_t addr, uint64_t *ret_offset, const char **ret_module)
{
	uint32_t lo = 0, hi = s->n;
	if (s->restricted || !(addr >> 63)) /* kernel addresses are in the upper half; offsets of per-CPU data are not */
		return NULL;
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		if (s->v[mid].addr <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (!lo)
		return NULL;
	const struct ksym *k = &s->v[lo - 1];
	while (k > s->v && k[-1].addr == k->addr)
		k--;
	if (addr - k->addr > OFFSET_MAX || !(k->addr >> 63))
		return NULL;
	if (ret_offset)
		*ret_offset = addr - k->addr;
	if (ret_module)
		*ret_module = k->module ? s->names.s + s->modules[k->module - 1] : NULL;
	return s->names.s + k->name;
}

int ksyms_functions(const struct ksyms *s, void (*each)(void *arg, const char *name), void *arg)
{
	int n = 0;
	for (uint32_t i = 0; i < s->n; i++) {
		char t = s->v[i].type;
		if (t != 't' && t != 'T' && t != 'w' && t != 'W')
			continue;
		each(arg, s->names.s + s->v[i].name);
		n++;
	}
	return n;
}

/* --- of the session --- */

static const struct ksyms *kern_syms(struct kern *k)
{
	if (!k->syms_tried && !k->fixture) {
		k->syms_tried = true;
		k->syms = ksyms_open("/proc/kallsyms");
	}
	return k->syms;
}
uint64_t kern_symbol_address(struct kern *k, const char *name)
{
	const struct ksyms *s = kern_syms(k);
	return s ? ksyms_address(s, name) : 0;
}
uint64_t kern_symbol_in(struct kern *k, const char *name, struct str module)
{
	const struct ksyms *s = kern_syms(k);
	for (uint32_t i = 0; s && !s->restricted && i < s->n; i++)
		if (s->v[i].module && str_is(module, s->names.s + s->modules[s->v[i].module - 1]) &&
		    strcmp(s->names.s + s->v[i].name, name) == 0)
			return s->v[i].addr;
	return 0;
}
const char *kern_symbol_name(struct kern *k, uint64_t addr, uint64_t *ret_offset)
{
	const struct ksyms *s = kern_syms(k);
	return s ? ksyms_name(s, addr, ret_offset, NULL) : NULL;
}
const char *kern_symbol_module(struct kern *k, uint64_t addr)
{
	const struct ksyms *s = kern_syms(k);
	const char *module = NULL;
	return s && ksyms_name(s, addr, NULL, &module) ? module : NULL;
}
