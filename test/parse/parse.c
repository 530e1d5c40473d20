/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Driver of the parse suite.
 *
 *   parse FILE...     for each program "=== FILE", every diagnostic as the user would see it with its id, then the tree (which
 *                     is there with errors, too: what could be read between them)
 *   parse -tokens FILE...  the same with tokens instead of the tree
 *   parse -mutate FILE...  every prefix of each program, and each program without each one of its bytes: nothing may crash,
 *                     hang, or put a span outside of the text; prints how many were tried
 */
#include <stdio.h>
#include <stdlib.h>

#include "lang/ast.h"

static char *read_file(const char *path, size_t *ret_n)
{
	FILE *f = fopen(path, "re");
	char *s = NULL;
	size_t n = 0, cap = 0;
	if (!f) {
		fprintf(stderr, "%s cannot be read\n", path);
		exit(2);
	}
	do {
		cap = cap * 2 + 4096;
		s = realloc(s, cap + 1);
		if (!s)
			abort();
		n += fread(s + n, 1, cap - n, f);
	} while (n == cap);
	fclose(f);
	s[n] = '\0';
	*ret_n = n;
	return s;
}

static void show(const char *path, const char *text, size_t n, bool tokens)
{
	struct arena a;
	struct diags d;
	struct buf tree = { 0 }, out = { 0 };
	const char *slash = strrchr(path, '/');
	arena_init(&a);
	diags_init(&d, &a);
	uint32_t src = diags_add_source(&d, str_of(slash ? slash + 1 : path), (struct str){ text, (uint32_t)n });
	if (tokens)
		lex_dump(&a, &d, src, &tree);
	else
		ast_print(parse_program(&a, &d, src), &tree, false);
	printf("=== %s\n", slash ? slash + 1 : path);
	diag_render(&d, &out, false, true);
	if (out.len)
		fwrite(out.s, 1, out.len, stdout);
	if (tree.len)
		fwrite(tree.s, 1, tree.len, stdout);
	buf_fini(&out);
	buf_fini(&tree);
	arena_fini(&a);
}

static uint32_t spans_outside(const struct node *n, uint32_t base, uint32_t len)
{
	if (!n)
		return 0;
	uint32_t bad = n->span.lo < base || n->span.hi < n->span.lo || n->span.hi > base + len;
	bad += spans_outside(n->a, base, len) + spans_outside(n->b, base, len) + spans_outside(n->c, base, len);
	bad += spans_outside(n->tref, base, len);
	for (uint32_t i = 0; i < n->list.n; i++)
		bad += spans_outside(n->list.v[i], base, len);
	return bad;
}

/* The text is copied to the end of a block of its own size, so that a sanitiser sees every read behind it. */
static void probe(const char *path, const char *what, size_t at, const char *text, size_t n)
{
	struct arena a;
	struct diags d;
	struct buf out = { 0 };
	char *copy = malloc(n ? n : 1);
	if (!copy)
		abort();
	memcpy(copy, text, n);
	arena_init(&a);
	diags_init(&d, &a);
	uint32_t src = diags_add_source(&d, STR("x"), (struct str){ copy, (uint32_t)n });
	uint32_t bad = spans_outside(parse_program(&a, &d, src), d.sources.v[src].base, (uint32_t)n);
	for (uint32_t i = 0; i < d.list.n; i++)
		bad += d.list.v[i].span.lo < d.sources.v[src].base || d.list.v[i].span.hi > d.sources.v[src].base + n;
	if (bad)
		printf("%s, %s %zu: %u spans outside of the text\n", path, what, at, bad);
	diag_render(&d, &out, false, false);
	buf_fini(&out);
	arena_fini(&a);
	free(copy);
}

static size_t mutate(const char *path, const char *text, size_t n)
{
	char *less = malloc(n + 1);
	if (!less)
		abort();
	for (size_t i = 0; i <= n; i++)
		probe(path, "prefix", i, text, i);
	for (size_t i = 0; i < n; i++) {
		memcpy(less, text, i);
		memcpy(less + i, text + i + 1, n - i - 1);
		probe(path, "without byte", i, less, n - 1);
	}
	free(less);
	return 2 * n + 1;
}

int main(int argc, char **argv)
{
	bool tokens = argc > 1 && !strcmp(argv[1], "-tokens"), mutations = argc > 1 && !strcmp(argv[1], "-mutate");
	size_t tried = 0;
	for (int i = 1 + (tokens || mutations); i < argc; i++) {
		size_t n;
		char *text = read_file(argv[i], &n);
		if (mutations)
			tried += mutate(argv[i], text, n);
		else
			show(argv[i], text, n, tokens);
		free(text);
	}
	if (mutations)
		printf("%zu tried\n", tried);
	return 0;
}
