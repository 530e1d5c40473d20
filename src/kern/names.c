/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of what can be traced, for wildcards and lists: tracepoints by tracefs, functions by its list of those that can be traced (function.c),
 * raw tracepoints and iterators by the names that they have in BTF. A name is all that is made of any of them: tens of thousands in tens of
 * milliseconds.
 */
#include "kern/kern_priv.h"

#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

#include "sema/provider.h"

struct names {
	struct arena *a;
	const char *pattern;
	VEC(const char *) list;
};

static void names_add(void *arg, const char *name)
{
	struct names *n = arg;
	if (str_match(n->pattern, name))
		vec_push(n->a, &n->list, name);
}
static void names_push(void *arg, const char *name)
{
	struct names *n = arg;
	vec_push(n->a, &n->list, name);
}
static void names_add_copy(void *arg, const char *name)
{
	struct names *n = arg;
	if (str_match(n->pattern, name))
		vec_push(n->a, &n->list, arena_strdup(n->a, name));
}
static int names_order(const void *x, const void *y)
{
	return strcmp(*(const char *const *)x, *(const char *const *)y);
}

static void names_btf(struct kern *k, struct names *n, uint32_t kind, const char *prefix)
{
	struct kbtf *b = kern_btf(k);
	size_t skip = strlen(prefix);
	for (uint32_t id = 1; b && id < b->base_n; id++) {
		if (kbtf_kind(b, id) != kind)
			continue;
		const char *s = kbtf_name(b, id);
		if (*s && strncmp(s, prefix, skip) == 0)
			names_add(n, s + skip);
	}
}

/* Lines of a tracefs file up to the first blank ("function [module]"); false if it cannot be read. */
static bool names_file(struct kern *k, struct names *n, const char *file)
{
	const char *why, *dir = kern_tracefs(k, &why);
	char *s = dir ? kern_read_file(k->arena, arena_printf(k->arena, "%s/%s", dir, file), 64u << 20, NULL) : NULL;
	if (!s || !*s)
		return false;
	while (*s) {
		char *line = s;
		s += strcspn(s, " \t\n");
		char stop = *s;
		*s = 0;
		if (*line)
			names_add(n, line);
		if (!stop)
			break;
		s++;
		if (stop != '\n') {
			s += strcspn(s, "\n");
			s += *s == '\n';
		}
	}
	return true;
}

/* "category:event" where the category is spelt out: that folder alone. False: look at all. */
static bool names_category(struct kern *k, struct names *n)
{
	const char *colon = strchr(n->pattern, ':'), *why, *dir;
	if (!colon)
		return false;
	struct str category = { n->pattern, (uint32_t)(colon - n->pattern) };
	if (!is_event_name(category) || memchr(category.s, '*', category.len) || memchr(category.s, '?', category.len) ||
	    str_is(category, "ftrace")) /* its entries are no events that a program can be attached to */
		return false;
	dir = kern_tracefs(k, &why);
	if (dir && !strpbrk(colon, "*?")) { /* one event: no need to read the folder */
		if (is_event_name(str_of(colon + 1)) && access(arena_printf(k->arena, "%s/events/%.*s/%s/format", dir,
									    STR_FMT(category), colon + 1), F_OK) == 0)
			names_add(n, n->pattern);
		return true;
	}
	DIR *d = dir ? opendir(arena_printf(k->arena, "%s/events/%.*s", dir, STR_FMT(category))) : NULL;
	for (struct dirent *e; d && (e = readdir(d));) {
		if (e->d_name[0] == '.' || e->d_type == DT_REG)
			continue;
		names_add_copy(n, arena_printf(k->arena, "%.*s:%s", STR_FMT(category), e->d_name));
	}
	if (d)
		closedir(d);
	return true;
}

struct names_module {
	struct names *n;
	const char *name;
};

static void names_raw_word(void *arg, const char *event)
{
	struct names_module *m = arg;
	names_add(m->n, arena_printf(m->n->a, "%s:%s", m->name, event));
}

/* Raw tracepoints; with ':' in the pattern "module:event". */
static void names_raw(struct kern *k, struct names *n)
{
	const char *colon = strchr(n->pattern, ':'), *pattern = n->pattern;
	const char *of = colon ? arena_strndup(k->arena, pattern, (size_t)(colon - pattern)) : "vmlinux";
	if (str_match(of, "vmlinux")) {
		n->pattern = colon ? colon + 1 : pattern;
		names_btf(k, n, KB_TYPEDEF, "btf_trace_");
		n->pattern = pattern;
		for (uint32_t i = 0; colon && i < n->list.n; i++)
			n->list.v[i] = arena_printf(k->arena, "vmlinux:%s", n->list.v[i]);
	}
	DIR *d = colon && !k->fixture && strcmp(of, "vmlinux") ? opendir("/sys/kernel/btf") : NULL;
	for (struct dirent *e; d && (e = readdir(d));) {
		struct names_module m = { n, e->d_name };
		if (e->d_name[0] != '.' && strcmp(e->d_name, "vmlinux") && str_match(of, e->d_name))
			facts_words(k, e->d_name, "btf_trace_", names_raw_word, &m);
	}
	if (d)
		closedir(d);
}

static void names_iter(struct kern *k, struct names *n)
{
	names_btf(k, n, KB_STRUCT, "bpf_iter__");
	uint32_t kept = 0;
	for (uint32_t i = 0; i < n->list.n; i++) {
		uint32_t id;
		if (facts_iter(&k->facts, str_of(n->list.v[i]), &id))
			n->list.v[kept++] = n->list.v[i];
	}
	n->list.n = kept;
}

int facts_list(struct facts *f, int provider, const char *pattern, void (*each)(void *arg, const char *name), void *arg)
{
	struct kern *k = (struct kern *)f;
	struct names n = { .a = k->arena, .pattern = pattern };
	switch (provider) {
	case PROV_TRACEPOINT:
		if (k->fixture) {
			for (uint32_t i = 0; i < k->fixture->events.n; i++)
				names_add(&n, k->fixture->events.slots[i].key.s);
		} else if (!names_category(k, &n)) {
			names_file(k, &n, "available_events");
		}
		break;
	case PROV_RAWTRACEPOINT:
		names_raw(k, &n);
		break;
	case PROV_ITER:
		names_iter(k, &n);
		break;
	case PROV_KPROBE: case PROV_KRETPROBE: case PROV_FENTRY: case PROV_FEXIT:
		/* What ftrace can trace, where it may be read; else what BTF describes; else what the symbol table has. */
		if (kern_functions_list(k, pattern, names_push, &n))
			break;
		n.pattern = strncmp(pattern, "vmlinux:", 8) == 0 || strncmp(pattern, "*:", 2) == 0 ? strchr(pattern, ':') + 1 : pattern;
		if (kern_btf(k)) {
			names_btf(k, &n, KB_FUNC, "");
		} else if (!k->fixture) {
			kern_symbol_address(k, "_stext");
			if (k->syms)
				ksyms_functions(k->syms, names_add, &n);
		}
		for (uint32_t i = 0; n.pattern != pattern && i < n.list.n; i++)
			n.list.v[i] = arena_printf(k->arena, "vmlinux:%s", n.list.v[i]);
		break;
	default:
		return 0;
	}
	if (n.list.n)
		qsort(n.list.v, n.list.n, sizeof(*n.list.v), names_order);
	int count = 0;
	for (uint32_t i = 0; i < n.list.n; i++) {
		if (i && strcmp(n.list.v[i], n.list.v[i - 1]) == 0)
			continue;
		each(arg, n.list.v[i]);
		count++;
	}
	return count;
}
