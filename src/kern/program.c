/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BPF programs that are loaded in this kernel, and the functions in them: what fentry:bpf is attached to. A program has types if it was
 * loaded with BTF; then the kernel tells the types of its functions by numbers in the program's own BTF, an object by itself that
 * continues no other. When somebody looks at arguments, that object is appended to the kernel's types as a module's is (split.c).
 *
 * Programs come and go: each is held by a descriptor while it is looked at, and what has gone meanwhile is left out.
 */
#include "kern/kern_priv.h"
#include "kern/sys.h"

#include <errno.h>
#include <unistd.h>

enum { PROGRAM_FUNCTIONS = 256, PROGRAM_BTF_MAX = 16 << 20 };

struct kern_program { /* the BTF of programs, by its number */
	uint32_t shift, end; /* end == 0: not to be had */
	struct map funcs;
};

/* The blob of a BTF object, in the arena; NULL: gone, or not to be had. */
static void *program_btf(struct kern *k, uint32_t btf, uint32_t *ret_len)
{
	int fd = sys_btf_get(btf);
	uint32_t len = 0;
	void *blob = NULL;
	if (fd >= 0 && !sys_btf_data(fd, NULL, &len) && len && len <= PROGRAM_BTF_MAX) {
		blob = arena_alloc(k->arena, len);
		*ret_len = len;
		if (sys_btf_data(fd, blob, ret_len) || *ret_len > len)
			blob = NULL;
	}
	if (fd >= 0)
		close(fd);
	return blob;
}

static void program_functions(struct kern *k, uint32_t id, int fd, void (*each)(void *arg, const struct facts_program *), void *arg)
{
	struct facts_program p = { .id = id };
	uint32_t types[PROGRAM_FUNCTIONS], n = PROGRAM_FUNCTIONS, len = 0;
	char name[16];
	const char *why;
	if (sys_prog_functions(fd, name, &p.btf, types, &n))
		return;
	void *blob = p.btf && n ? program_btf(k, p.btf, &len) : NULL;
	struct kbtf *b = blob ? kbtf_open_mem(&k->facts, NULL, blob, len, &why) : NULL;
	if (!b) { /* it has a name, and nothing to attach to */
		p.name = str_of(arena_strdup(k->arena, name));
		each(arg, &p);
		return;
	}
	for (uint32_t i = 0; i < n; i++) {
		p.type = types[i];
		p.name = str_of(kbtf_name(b, types[i]));
		if (p.name.len)
			each(arg, &p);
	}
}

int facts_programs(struct facts *f, void (*each)(void *arg, const struct facts_program *), void *arg)
{
	struct kern *k = (struct kern *)f;
	uint32_t id = 0;
	int r;
	if (k->fixture)
		return 0;
	while ((r = sys_prog_next(id, &id)) == 0) {
		int fd = sys_prog_get(id);
		if (fd < 0)
			continue;
		program_functions(k, id, fd, each, arg);
		close(fd);
	}
	return r == -ENOENT ? 0 : r;
}

const struct facts_func *facts_program_function(struct facts *f, const struct facts_program *p)
{
	struct kern *k = (struct kern *)f;
	struct kbtf *b = kern_btf(k);
	struct str key = str_of(arena_printf(k->arena, "%u", p->btf)), at = str_of(arena_printf(k->arena, "%u", p->type));
	struct kern_program *x = map_get(&k->programs, key);
	if (!b || !p->btf || !p->type)
		return NULL;
	if (!x) {
		uint32_t len = 0;
		x = arena_new(k->arena, struct kern_program);
		map_put(k->arena, &k->programs, key, x);
		void *blob = program_btf(k, p->btf, &len);
		if (blob && kbtf_append(b, blob, len, true, &x->shift))
			x->end = b->n;
	}
	struct facts_func *fn = map_get(&x->funcs, at);
	if (!fn && p->type < x->end - x->shift && kbtf_kind(b, p->type + x->shift) == KB_FUNC &&
	    (fn = kbtf_func(b, p->type + x->shift, 0))) {
		fn->btf_id = p->type;
		map_put(k->arena, &x->funcs, at, fn);
	}
	return fn;
}
