/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Driver of the sema suite: sema KERNEL FILE... prints, for each program, a line "=== FILE", then every diagnostic as
 * the user would see it, each followed by its id in brackets on the header line, then (without errors) the typed tree.
 *
 * The kernel is the pinned one (test/fixture/kernel.txt). Lines at the head of a program set what a command line would:
 *   // params: a b c      positional parameters      // named: --x=1 --y   options of the script
 *   // unsafe             --unsafe                   // child              -c was given
 *   // setting: KEY VALUE  a setting of the environment
 * Providers are the real ones, but for uprobe and uretprobe: those take any file and any symbol here.
 */
#include <stdio.h>
#include <stdlib.h>

#include "kern/kern.h"
#include "probe/probe.h"
#include "sema/sema.h"

static char *read_file(const char *path, size_t *ret_n)
{
	FILE *f = fopen(path, "re");
	char *s = NULL;
	size_t n = 0, cap = 0;
	if (!f)
		return NULL;
	do {
		cap = cap * 2 + 4096;
		char *t = realloc(s, cap + 1);
		if (!t)
			abort();
		s = t;
		n += fread(s + n, 1, cap - n, f);
	} while (n == cap);
	fclose(f);
	s[n] = '\0';
	*ret_n = n;
	return s;
}

static int uprobe_expand(const struct provider *p, struct provider_env *e, const struct str *parts, uint32_t n, struct span span,
			 attach_each *each, void *arg)
{
	struct attach_point *ap = arena_new(e->arena, struct attach_point);
	if (n != 2)
		return 0;
	ap->provider = p->id;
	ap->target = parts[0];
	ap->func = parts[1];
	ap->name = str_of(arena_printf(e->arena, "%s:%.*s:%.*s", p->name, STR_FMT(parts[0]), STR_FMT(parts[1])));
	ap->span = span;
	each(arg, ap);
	return 1;
}

/* The words behind "// key" at the head of the program; false when there is no such line. */
static bool head_line(struct arena *a, const char *text, const char *key, char **ret)
{
	size_t k = strlen(key);
	for (const char *p = text; !strncmp(p, "// ", 3);) {
		const char *nl = strchr(p, '\n');
		if (!nl)
			break;
		if (!strncmp(p + 3, key, k) && (p[3 + k] == ':' || p[3 + k] == '\n')) {
			*ret = arena_strndup(a, p + 3 + k + (p[3 + k] == ':'), (size_t)(nl - p) - 3 - k - (p[3 + k] == ':'));
			return true;
		}
		p = nl + 1;
	}
	return false;
}

#define HEAD_WORDS(a, text, key, list)                                                         \
	do {                                                                                   \
		char *words_, *save_ = NULL;                                                   \
		if (head_line((a), (text), (key), &words_))                                    \
			for (char *w_ = strtok_r(words_, " ", &save_); w_; w_ = strtok_r(NULL, " ", &save_)) \
				if (strcmp(key, "named") || !strncmp(w_, "--", 2))             \
					vec_push((a), (list), str_of(w_));                     \
	} while (0)

static void run(const char *kernel, const char *path)
{
	struct arena a;
	struct diags d;
	struct sema s;
	struct buf out = { 0 };
	const char *err = NULL, *slash = strrchr(path, '/');
	char *words;
	size_t n = 0;
	char *text = read_file(path, &n);
	if (!text) {
		printf("=== %s\ncannot be read\n", path);
		return;
	}
	arena_init(&a);
	diags_init(&d, &a);
	struct provider entry, ret;
	const struct provider *table[PROV_COUNT];
	for (uint32_t i = 0; i < probe_providers.n; i++)
		table[i] = probe_providers.v[i];
	entry = *table[PROV_UPROBE];
	ret = *table[PROV_URETPROBE];
	entry.expand = ret.expand = uprobe_expand;
	table[PROV_UPROBE] = &entry;
	table[PROV_URETPROBE] = &ret;
	struct provider_table providers = { table, PROV_COUNT };
	struct sema_env env = { .arena = &a, .diags = &d, .providers = &providers, .ncpus = 4, .name = path };
	env.facts = facts_fixture(&a, kernel, &err);
	if (!env.facts) {
		printf("kernel.txt: %s\n", err);
		exit(2);
	}
	HEAD_WORDS(&a, text, "params", &env.params);
	HEAD_WORDS(&a, text, "named", &env.named);
	env.unsafe = head_line(&a, text, "unsafe", &words);
	env.has_child = head_line(&a, text, "child", &words);
	if (head_line(&a, text, "setting", &words)) {
		char *save = NULL, *key = strtok_r(words, " ", &save), *value = strtok_r(NULL, " ", &save);
		vec_push(&a, &env.settings, ((struct sema_setting){ str_of(key), str_of(value ? value : "") }));
	}
	uint32_t src = diags_add_source(&d, str_of(slash ? slash + 1 : path), (struct str){ text, (uint32_t)n });
	struct node *prog = parse_program(&a, &d, src);
	int r = d.n_errors ? -1 : sema_run(&env, prog, &s);
	printf("=== %s\n", slash ? slash + 1 : path);
	diag_render(&d, &out, false, true);
	if ((r == 0) != (d.n_errors == 0))
		buf_addf(&out, "sema_run returned %d with %u errors\n", r, d.n_errors);
	if (r == 0)
		sema_print(&s, &out);
	if (out.len)
		fwrite(out.s, 1, out.len, stdout);
	buf_fini(&out);
	arena_fini(&a);
	free(text);
}

int main(int argc, char **argv)
{
	size_t n;
	char *kernel = argc > 2 ? read_file(argv[1], &n) : NULL;
	if (!kernel) {
		fprintf(stderr, "usage: sema KERNEL FILE...\n");
		return 2;
	}
	for (int i = 2; i < argc; i++)
		run(kernel, argv[i]);
	free(kernel);
	return 0;
}
