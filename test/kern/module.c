/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The BTF of modules, appended to the kernel's, and the list of traceable functions: what is right is found, with the numbers that the
 * kernel knows; what is damaged in any way is refused or harmless.
 */
#include <stdlib.h>

#include "../check.h"
#include "kern/kern_priv.h"

static struct check c = { .suite = "kern/module" };

static void put(unsigned char **p, uint32_t v)
{
	memcpy(*p, &v, 4);
	*p += 4;
}

/* A module's: [n] struct <name> { struct file *f; } (of a pointer, [n+1], to `file` of the kernel), [n+2] its function's type, [n+3] the function. */
static size_t make(unsigned char *blob, uint32_t n, uint32_t strs, uint32_t file, const char *name)
{
	unsigned char *p = blob;
	size_t len = strlen(name);
	const uint32_t types = (12 + 12) + 12 + (12 + 8) + 12;
	put(&p, 0xeb9f | 1u << 16);
	put(&p, 24);
	put(&p, 0);
	put(&p, types);
	put(&p, types);
	put(&p, (uint32_t)len * 2 + 5);
	put(&p, strs), put(&p, 4u << 24 | 1), put(&p, 8); /* struct */
	put(&p, strs + (uint32_t)len + 1), put(&p, n + 1), put(&p, 0);
	put(&p, 0), put(&p, 2u << 24), put(&p, file); /* pointer */
	put(&p, 0), put(&p, 13u << 24 | 1), put(&p, n + 1); /* prototype: returns the pointer, takes one */
	put(&p, strs + (uint32_t)len + 1), put(&p, n + 1);
	put(&p, strs + (uint32_t)len + 3), put(&p, 12u << 24), put(&p, n + 2); /* function */
	memcpy(p, name, len + 1);
	memcpy(p + len + 1, "f", 2);
	memcpy(p + len + 3, "f_", 2);
	memcpy(p + len + 5, name, len); /* "f_<name>" */
	p[len * 2 + 5] = 0;
	/* the string section: name NUL f NUL f_name NUL */
	uint32_t str_len = (uint32_t)len * 2 + 6;
	memcpy(blob + 20, &str_len, 4);
	return (size_t)(p - blob) + str_len;
}

static void test_append(struct kbtf *b)
{
	unsigned char blob[256], other[256];
	uint32_t n = b->n, strs = b->strs_len, shift = 99, file = kbtf_find(b, 1u << KB_STRUCT, STR("file"));
	struct type *before = kbtf_make(b, file);
	size_t len = make(blob, n, strs, file, "mod_one"), len2 = make(other, n, strs, file, "mod_two");
	if (!CHECK(&c, file && kbtf_append(b, blob, len, false, &shift) && shift == 0 && b->n == n + 4))
		return;
	CHECK(&c, kbtf_append(b, other, len2, false, &shift) && shift == 4 && b->n == n + 8);
	for (int i = 0; i < 2; i++) {
		uint32_t id = kbtf_find(b, 1u << KB_FUNC, i ? STR("f_mod_two") : STR("f_mod_one"));
		uint32_t st = kbtf_find(b, 1u << KB_STRUCT, i ? STR("mod_two") : STR("mod_one"));
		struct facts_func *fn = id ? kbtf_func(b, id, 0) : NULL;
		struct type *t = st ? kbtf_make(b, st) : NULL;
		CHECK(&c, id == n + 3 + (i ? 4 : 0) && fn && fn->params.n == 1 && str_is(fn->params.v[0].name, "f"));
		CHECK(&c, fn && fn->params.v[0].type->kind == T_PTR && fn->params.v[0].type->elem == before && fn->ret == fn->params.v[0].type);
		CHECK(&c, t && kbtf_complete(b, t) && t->fields.n == 1 && t->fields.v[0].type->elem == before);
	}
	CHECK(&c, kbtf_make(b, file) == before); /* what was made stays what it is */
	/* every truncation is refused; every changed byte at least harmless */
	for (size_t k = 0; k < len; k++) {
		struct kbtf copy = *b;
		unsigned char *exact = malloc(k ? k : 1);
		memcpy(exact, blob, k);
		check_true(&c, "a cut module is refused", !kbtf_append(&copy, exact, k, false, &shift));
		free(exact);
	}
	for (size_t k = 0; k < len; k++) {
		struct kbtf copy = *b;
		unsigned char *exact = malloc(len);
		memcpy(exact, blob, len);
		exact[k] ^= 0xff;
		if (kbtf_append(&copy, exact, len, false, &shift)) {
			for (uint32_t id = n; id < copy.n; id++) {
				struct type *t = kbtf_make(&copy, id);
				kbtf_complete(&copy, t);
				kbtf_func(&copy, id, 0);
			}
		}
		free(exact);
	}
	CHECK(&c, b->n == n + 8);
}

/* BTF that is whole by itself, a BPF program's: numbers from 1, strings behind the empty one. */
static void test_append_whole(struct kbtf *b)
{
	unsigned char blob[256];
	uint32_t n = b->n, shift = 99, types, strs;
	size_t len = make(blob, 1, 1, 1, "prog");
	memcpy(&types, blob + 12, 4);
	memcpy(&strs, blob + 20, 4);
	memmove(blob + 24 + types + 1, blob + 24 + types, strs);
	blob[24 + types] = 0;
	strs++;
	memcpy(blob + 20, &strs, 4);
	if (!CHECK(&c, kbtf_append(b, blob, len + 1, true, &shift) && shift == n - 1 && b->n == n + 4))
		return;
	uint32_t id = kbtf_find(b, 1u << KB_FUNC, STR("f_prog")), st = kbtf_find(b, 1u << KB_STRUCT, STR("prog"));
	struct facts_func *fn = id ? kbtf_func(b, id, 0) : NULL;
	struct type *t = st ? kbtf_make(b, st) : NULL;
	CHECK(&c, id == 4 + shift && st == 1 + shift);
	CHECK(&c, fn && fn->params.n == 1 && str_is(fn->params.v[0].name, "f") && fn->params.v[0].type->kind == T_PTR);
	CHECK(&c, t && fn && fn->params.v[0].type->elem == t && kbtf_complete(b, t) && t->fields.n == 1);
	for (size_t k = 0; k < len; k++) {
		struct kbtf copy = *b;
		check_true(&c, "a cut program's is refused", !kbtf_append(&copy, blob, k, true, &shift));
	}
}

static void test_functions(struct arena *a)
{
	char text[] = "vfs_read\nvfs_write\na_open [amod]\nb_open [bmod]\na_close [amod]\nvfs_read\n__ftrace_invalid_address___1\n\nodd [\nlast";
	const struct kfuncs *f = kfuncs_parse(a, text);
	CHECK(&c, f->modules.n == 3 && f->list.n == 8);
	uint32_t i = kfuncs_find(f, "a_close");
	CHECK(&c, i < f->list.n && !strcmp(f->modules.v[f->list.v[i].module], "amod"));
	i = kfuncs_find(f, "vfs_read");
	CHECK(&c, i + 1 < f->list.n && !strcmp(f->list.v[i].name, "vfs_read") && !strcmp(f->list.v[i + 1].name, "vfs_read"));
	CHECK(&c, kfuncs_find(f, "last") < f->list.n && kfuncs_find(f, "odd") < f->list.n);
	CHECK(&c, kfuncs_find(f, "las") == f->list.n && kfuncs_find(f, "zzz") == f->list.n);
	CHECK(&c, kfuncs_find(f, "__ftrace_invalid_address___1") == f->list.n);
	CHECK(&c, kfuncs_parse(a, (char[]){ "" })->list.n == 0);
}

int main(void)
{
	struct arena a;
	struct buf text = { 0 };
	char part[4096];
	size_t n;
	const char *err = NULL;
	FILE *in = fopen("test/fixture/kernel.txt", "r");
	arena_init(&a);
	while (in && (n = fread(part, 1, sizeof(part), in)) > 0)
		buf_add(&text, part, n);
	if (in)
		fclose(in);
	struct facts *f = text.s ? facts_fixture(&a, text.s, &err) : NULL;
	if (CHECK(&c, f != NULL))
		test_append(kern_btf((struct kern *)f)), test_append_whole(kern_btf((struct kern *)f));
	test_functions(&a);
	buf_fini(&text);
	arena_fini(&a);
	return check_end(&c);
}
