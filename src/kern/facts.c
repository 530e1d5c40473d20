/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The compiler's questions (sema/facts.h), answered from the running kernel or from a fixture.
 *
 * Nothing is opened until a question needs it: BTF takes milliseconds, kallsyms tens of them, and most programs need
 * neither. So the answers that cost least come first: C type names that the ABI fixes are in a table; a tracepoint's
 * "struct x *" becomes a struct by name only, and BTF is asked when somebody looks inside or asks for the same name. Both
 * ways must lead to one object, for types are compared by name and origin: that is what `named` is for.
 */
#include "kern/kern_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sema/provider.h"

#define VMLINUX "/sys/kernel/btf/vmlinux"

static struct kern *kern_of(struct facts *f)
{
	return (struct kern *)f;
}

char *kern_read_file(struct arena *a, const char *path, size_t max, size_t *ret_len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct buf b = { 0 };
	char part[4096], *ret = NULL;
	ssize_t n = -1;
	if (fd < 0)
		return NULL;
	while (b.len <= max && ((n = read(fd, part, sizeof(part))) > 0 || (n < 0 && errno == EINTR)))
		if (n > 0)
			buf_add(&b, part, (size_t)n);
	close(fd);
	if (n == 0 && !b.oom) {
		ret = arena_strndup(a, b.s ? b.s : "", b.len);
		if (ret_len)
			*ret_len = b.len;
	}
	buf_fini(&b);
	return ret;
}

struct kbtf *kern_btf(struct kern *k)
{
	if (!k->btf_tried) {
		k->btf_tried = true;
		k->btf = k->fixture ? kbtf_open_mem(&k->facts, &k->named, k->fixture->btf, k->fixture->btf_len, &k->btf_why) :
				      kbtf_open_path(&k->facts, &k->named, VMLINUX, &k->btf_why);
	}
	return k->btf;
}

/* --- types --- */

static uint32_t keyword_kinds(char keyword)
{
	switch (keyword) {
	case 's': return 1u << KB_STRUCT;
	case 'u': return 1u << KB_UNION;
	case 'e': return 1u << KB_ENUM | 1u << KB_ENUM64;
	default: return 1u << KB_TYPEDEF | 1u << KB_INT;
	}
}

static struct str named_key(struct arena *a, char keyword, struct str name)
{
	return str_of(arena_printf(a, "%c:%.*s", keyword == 'e' ? 'e' : 's', STR_FMT(name)));
}

/* A type of that name: the kernel's own, else that of a loaded module whose BTF has the word. */
static uint32_t facts_find(struct kern *k, uint32_t kinds, struct str name);

static struct type *facts_type(struct facts *f, char keyword, struct str name)
{
	struct kern *k = kern_of(f);
	if (keyword == 't' || keyword == 0) {
		struct type *t = str_is(name, "void") ? f->void_type : ctype_base(f->arena, name);
		if (t)
			return t;
	}
	struct kbtf *b = kern_btf(k);
	static const char order[] = { 't', 's', 'u', 'e' };
	for (size_t i = 0; b && i < sizeof(order); i++) {
		if (keyword && keyword != order[i])
			continue;
		uint32_t id = kbtf_find(b, keyword_kinds(order[i]), order[i] == 't' ? ctype_btf_name(name) : name);
		if (id)
			return kbtf_make(b, id);
	}
	uint32_t id = b ? facts_find(k, keyword ? keyword_kinds(keyword) : keyword_kinds('s') | keyword_kinds('u') | keyword_kinds('e') | keyword_kinds('t'), name) : 0;
	if (id)
		return kbtf_make(b, id);
	return NULL;
}

/* A struct, union or enum by name alone: BTF is asked if it is open anyway, or when somebody looks inside. */
static struct type *facts_named(void *arg, char keyword, struct str name)
{
	struct kern *k = arg;
	if (keyword == 't')
		return facts_type(&k->facts, 't', name);
	struct str key = named_key(k->arena, keyword, name);
	struct type *t = map_get(&k->named, key);
	if (!t && k->btf)
		t = facts_type(&k->facts, keyword, name);
	if (!t) {
		t = type_new(k->arena, keyword == 'e' ? T_ENUM : T_STRUCT, keyword == 'e' ? 4 : 0, keyword == 'e' ? 4 : 1);
		t->is_union = keyword == 'u';
		t->name = (struct str){ arena_strndup(k->arena, name.s, name.len), name.len };
		map_put(k->arena, &k->named, key, t);
	}
	return t;
}

static bool facts_complete(struct facts *f, struct type *t)
{
	struct kern *k = kern_of(f);
	if (t->complete)
		return true;
	if (t->kind != T_STRUCT && t->kind != T_ENUM)
		return false;
	if (t->maker)
		return t->maker->complete(t->maker, t);
	struct kbtf *b = kern_btf(k);
	if (!b)
		return false;
	if (!t->origin && t->name.len) {
		char keyword = t->kind == T_ENUM ? 'e' : t->is_union ? 'u' : 's';
		uint32_t id = facts_find(k, keyword_kinds(keyword), t->name);
		struct type *full = id ? kbtf_make(b, id) : NULL; /* which is t itself if t came from facts_named() */
		if (!full || full->kind != t->kind || !kbtf_complete(b, full))
			return false;
		if (full != t)
			*t = *full;
		return true;
	}
	return kbtf_complete(b, t);
}

static void facts_types(struct facts *f, char keyword, const char *pattern, void (*each)(void *arg, const char *name), void *arg)
{
	struct kbtf *b = kern_btf(kern_of(f));
	uint32_t kinds = keyword_kinds(keyword);
	if (b)
		kbtf_names(b, kinds, pattern, each, arg);
}

static bool facts_enum_value(struct facts *f, struct str name, int64_t *ret, struct type **ret_enum)
{
	struct kbtf *b = kern_btf(kern_of(f));
	return b && kbtf_enum_value(b, name, ret, ret_enum);
}

/* --- events --- */

/* A part of a path below tracefs: a plain name. */
bool is_event_name(struct str s)
{
	for (uint32_t i = 0; i < s.len; i++)
		if (s.s[i] == '/' || s.s[i] == 0)
			return false;
	return s.len && s.len < 128 && s.s[0] != '.';
}

struct event_memo {
	struct type *type;
	uint64_t id;
};

static struct type *facts_tracepoint(struct facts *f, struct str category, struct str event, uint64_t *ret_id)
{
	struct kern *k = kern_of(f);
	struct str text = { 0 };
	if (!is_event_name(category) || !is_event_name(event))
		return NULL;
	const char *key = arena_printf(k->arena, "%.*s:%.*s", STR_FMT(category), STR_FMT(event));
	struct event_memo *m = map_get(&k->events, str_of(key));
	if (!m) {
		m = arena_new(k->arena, struct event_memo);
		map_put(k->arena, &k->events, str_of(key), m);
		if (k->fixture) {
			const struct str *s = map_get(&k->fixture->events, str_of(key));
			if (s)
				text = *s;
		} else {
			const char *why, *dir = kern_tracefs(k, &why);
			size_t len = 0;
			if (dir)
				text.s = kern_read_file(k->arena, arena_printf(k->arena, "%s/events/%.*s/%.*s/format", dir,
						        STR_FMT(category), STR_FMT(event)), 1 << 20, &len);
			text.len = text.s ? (uint32_t)len : 0;
		}
		struct format_env e = { k->arena, f, facts_named, k };
		if (text.len)
			m->type = format_parse(&e, text, arena_printf(k->arena, "tracepoint:%s_args", key), &m->id);
	}
	if (m->type && ret_id)
		*ret_id = m->id;
	return m->type;
}

/* The typedef btf_trace_<event> has the types, but names of parameters only functions have: the one that calls all probes of the
 * event, or those that some kernels have instead. They count only if they take the same. */
static struct facts_func *raw_find(struct kern *k, struct str event, uint32_t first, uint32_t end)
{
	static const char *const holders[] = { "__traceiter_", "__probestub_", "__bpf_trace_" };
	struct kbtf *b = kern_btf(k);
	if (!b || event.len > 128)
		return NULL;
	uint32_t id = kbtf_find_in(b, 1u << KB_TYPEDEF, str_of(arena_printf(k->arena, "btf_trace_%.*s", STR_FMT(event))), first, end);
	struct facts_func *fn = id ? kbtf_func(b, id, 1) : NULL;
	if (!fn)
		return NULL;
	fn->name = str_of(arena_strndup(k->arena, event.s, event.len));
	for (size_t i = 0; i < sizeof(holders) / sizeof(*holders); i++) {
		const char *name = arena_printf(k->arena, "%s%.*s", holders[i], STR_FMT(event));
		uint32_t h = kbtf_find_in(b, 1u << KB_FUNC, str_of(name), first, end);
		const struct facts_func *names = h ? kbtf_func(b, h, 1) : NULL;
		if (!names || names->params.n != fn->params.n)
			continue;
		bool same = true;
		for (uint32_t p = 0; p < fn->params.n; p++)
			same = same && names->params.v[p].type == fn->params.v[p].type;
		if (!same)
			continue;
		for (uint32_t p = 0; p < fn->params.n; p++)
			fn->params.v[p] = names->params.v[p];
		break;
	}
	return fn;
}

/* -- modules: their BTF is appended to the kernel's when one of their functions is asked for -- */

struct kern_module {
	struct str name;
	uint32_t first, end, shift; /* ids of its types; end == 0: none */
	struct map funcs, raws;
};

static struct kern_module *facts_module(struct kern *k, struct str name)
{
	struct kern_module *m = map_get(&k->modules, name);
	struct kbtf *b = kern_btf(k);
	size_t len = 0;
	if (m || !b || !is_event_name(name))
		return m;
	m = arena_new(k->arena, struct kern_module);
	struct str key = { arena_strndup(k->arena, name.s, name.len), name.len };
	m->name = key;
	map_put(k->arena, &k->modules, key, m);
	const char *blob = k->fixture ? NULL : kern_read_file(k->arena, arena_printf(k->arena, "/sys/kernel/btf/%s", key.s), 64 << 20, &len);
	uint32_t first = b->n;
	if (blob && kbtf_append(b, blob, len, false, &m->shift)) {
		m->first = first;
		m->end = b->n;
	}
	return m;
}

void facts_words(struct kern *k, const char *module, const char *prefix, void (*each)(void *arg, const char *rest), void *arg)
{
	size_t n = 0, len = strlen(prefix);
	struct arena scratch;
	arena_init(&scratch);
	scratch.oom = k->arena->oom;
	const char *blob = kern_read_file(&scratch, arena_printf(&scratch, "/sys/kernel/btf/%s", module), 64 << 20, &n);
	for (const char *p = blob, *end = blob + n; p && (p = memmem(p, (size_t)(end - p), prefix, len)); p += len)
		if (p > blob && !p[-1] && memchr(p, 0, (size_t)(end - p)))
			each(arg, p + len);
	arena_fini(&scratch);
}

static void facts_says(void *arg, const char *rest)
{
	*(bool *)arg |= !*rest;
}

static uint32_t facts_find(struct kern *k, uint32_t kinds, struct str name)
{
	struct kbtf *b = kern_btf(k);
	uint32_t id = b ? kbtf_find(b, kinds, name) : 0;
	const char *word = arena_strndup(k->arena, name.s, name.len);
	DIR *d = id || !b || k->fixture || !name.len || name.len > 128 ? NULL : opendir("/sys/kernel/btf");
	for (struct dirent *e; d && !id && (e = readdir(d));) {
		struct str module = str_of(e->d_name);
		bool says = false;
		if (e->d_name[0] == '.' || str_is(module, "vmlinux") || map_get(&k->modules, module))
			continue;
		facts_words(k, e->d_name, word, facts_says, &says);
		if (!says)
			continue;
		facts_module(k, module);
		id = kbtf_find(b, kinds, name);
	}
	if (d)
		closedir(d);
	return id;
}

static const struct facts_func *facts_module_function(struct kern *k, struct str module, struct str name)
{
	struct kern_module *m = facts_module(k, module);
	struct facts_func *fn = m ? map_get(&m->funcs, name) : NULL;
	uint32_t id = m && !fn && m->end ? kbtf_find_in(k->btf, 1u << KB_FUNC, name, m->first, m->end) : 0;
	if (id && (fn = kbtf_func(k->btf, id, 0))) {
		fn->btf_id -= m->shift;
		fn->module = m->name;
		map_put(k->arena, &m->funcs, fn->name, fn);
	}
	return fn;
}

static bool facts_is_kernel(struct str module)
{
	return !module.len || str_is(module, "vmlinux");
}

static const struct facts_func *facts_raw_tracepoint(struct facts *f, struct str module, struct str event)
{
	struct kern *k = kern_of(f);
	bool own = facts_is_kernel(module);
	struct kbtf *b = kern_btf(k);
	struct kern_module *m = own || !b ? NULL : facts_module(k, module);
	if (!b || (!own && (!m || !m->end)))
		return NULL;
	struct facts_func *fn = map_get(own ? &k->raws : &m->raws, event);
	if (fn || !(fn = raw_find(k, event, own ? 0 : m->first, own ? b->base_n : m->end)))
		return fn;
	if (m) {
		fn->btf_id -= m->shift;
		fn->module = m->name;
	}
	map_put(k->arena, own ? &k->raws : &m->raws, fn->name, fn);
	return fn;
}

static bool facts_describes(struct facts *f, struct str module, struct str name)
{
	struct kern *k = kern_of(f);
	struct kbtf *b = kern_btf(k);
	struct kern_module *m = facts_is_kernel(module) || !b ? NULL : facts_module(k, module);
	if (!b || (!m && !facts_is_kernel(module)))
		return false;
	return kbtf_find_in(b, 1u << KB_FUNC, name, m ? m->first : 0, m ? m->end : b->base_n) != 0;
}

static const struct facts_func *facts_function(struct facts *f, struct str module, struct str name)
{
	struct kern *k = kern_of(f);
	if (!facts_is_kernel(module))
		return facts_module_function(k, module, name);
	struct facts_func *fn = map_get(&k->funcs, name);
	struct kbtf *b = fn ? NULL : kern_btf(k);
	uint32_t id = b ? kbtf_find_in(b, 1u << KB_FUNC, name, 0, b->base_n) : 0;
	if (id && (fn = kbtf_func(b, id, 0))) /* those of modules are asked for by module */
		map_put(k->arena, &k->funcs, fn->name, fn);
	return fn;
}

struct type *facts_iter(struct facts *f, struct str name, uint32_t *ret_btf_id)
{
	struct kern *k = kern_of(f);
	struct kbtf *b = kern_btf(k);
	if (!b || name.len > 128)
		return NULL;
	uint32_t type = kbtf_find(b, 1u << KB_STRUCT, str_of(arena_printf(k->arena, "bpf_iter__%.*s", STR_FMT(name))));
	uint32_t func = kbtf_find(b, 1u << KB_FUNC, str_of(arena_printf(k->arena, "bpf_iter_%.*s", STR_FMT(name))));
	if (!type || !func || func >= b->base_n)
		return NULL;
	if (ret_btf_id)
		*ret_btf_id = func;
	return kbtf_make(b, type);
}

/* --- the rest --- */

static bool facts_has(struct facts *f, enum feature feature)
{
	return kern_has(kern_of(f), feature);
}
static bool facts_switched_off(struct facts *f, enum feature feature)
{
	return kern_of(f)->has[feature] == FEATURE_OFF;
}
static uint64_t facts_kaddr(struct facts *f, struct str symbol)
{
	struct kern *k = kern_of(f);
	if (k->fixture) {
		const uint64_t *v = map_get(&k->fixture->kaddrs, symbol);
		return v ? *v : 0;
	}
	return kern_symbol_address(k, arena_strndup(k->arena, symbol.s, symbol.len));
}

/* The id of a cgroup is the file handle of its directory. */
static uint64_t facts_cgroup(struct facts *f, struct str path)
{
	struct kern *k = kern_of(f);
	union {
		struct file_handle h;
		char room[sizeof(struct file_handle) + sizeof(uint64_t)];
	} u = { .h.handle_bytes = sizeof(uint64_t) };
	uint64_t id;
	int mount;
	if (k->fixture || name_to_handle_at(AT_FDCWD, arena_strndup(k->arena, path.s, path.len), &u.h, &mount, 0) ||
	    u.h.handle_bytes != sizeof(id))
		return 0;
	memcpy(&id, u.h.f_handle, sizeof(id));
	return id;
}

static bool facts_elf(struct facts *f, struct str path, bool *ret_fixed, uint64_t *ret_inode)
{
	struct kern *k = kern_of(f);
	unsigned char head[18];
	struct stat st;
	int fd = k->fixture ? -1 : open(arena_strndup(k->arena, path.s, path.len), O_RDONLY | O_CLOEXEC);
	bool ok = fd >= 0 && !fstat(fd, &st) && pread(fd, head, sizeof(head), 0) == sizeof(head);
	if (ok) {
		*ret_fixed = head[16] == 2 && head[17] == 0; /* ET_EXEC */
		*ret_inode = st.st_ino;
	}
	if (fd >= 0)
		close(fd);
	return ok;
}

static bool facts_kfunc_allowed(struct facts *f, struct str name, const struct facts_place *p)
{
	struct kern *k = kern_of(f);
	const struct facts_func *fn = facts_function(f, STR("vmlinux"), name);
	if (!fn || k->fixture)
		return false;
	struct str key = str_of(arena_printf(k->arena, "%.*s %u %u", STR_FMT(name), p->prog_type, p->attach_type));
	void *known = map_get(&k->allowed, key);
	if (!known) {
		known = (void *)(uintptr_t)(kfunc_trial(fn, p) ? 1 : 2);
		map_put(k->arena, &k->allowed, key, known);
	}
	return known == (void *)(uintptr_t)1;
}

static int facts_syscall(struct facts *f, struct str function)
{
	(void)f;
	return kern_syscall_number(function);
}

/* By trying: the kernel has its own list of what it does not take, and limits to numbers and kinds of arguments. */
static const char *facts_fentry_refusal(struct facts *f, const struct facts_func *fn, bool at_return)
{
	struct kern *k = kern_of(f);
	if (!kern_has(k, FEAT_FENTRY))
		return k->fixture ? "this kernel refuses fentry" : fentry_refusal(k);
	return k->fixture ? NULL : fentry_trial(fn, at_return);
}

static const char *facts_program_refusal(struct facts *f, const struct facts_program *p, bool at_return)
{
	struct kern *k = kern_of(f);
	return kern_has(k, FEAT_FENTRY) ? program_trial(p, at_return) : fentry_refusal(k);
}

static const struct facts_ops facts_ops = {
	.type = facts_type,
	.complete = facts_complete,
	.enum_value = facts_enum_value,
	.tracepoint = facts_tracepoint,
	.raw_tracepoint = facts_raw_tracepoint,
	.function = facts_function,
	.describes = facts_describes,
	.switched_off = facts_switched_off,
	.iter = facts_iter,
	.list = facts_list,
	.types = facts_types,
	.has = facts_has,
	.kfunc_allowed = facts_kfunc_allowed,
	.elf = facts_elf,
	.kaddr = facts_kaddr,
	.cgroup = facts_cgroup,
	.syscall = facts_syscall,
	.traceable = facts_traceable,
	.fentry_refusal = facts_fentry_refusal,
	.programs = facts_programs,
	.program_function = facts_program_function,
	.program_refusal = facts_program_refusal,
};

void facts_init(struct kern *k, struct arena *a)
{
	k->arena = a;
	k->facts.ops = &facts_ops;
	k->facts.arena = a;
	k->facts.void_type = type_new(a, T_VOID, 0, 1);
}

struct facts *facts_fixture(struct arena *a, const char *text, const char **ret_err)
{
	struct kern *k = arena_new(a, struct kern);
	facts_init(k, a);
	k->fixture = fixture_parse(a, str_of(text), ret_err);
	return k->fixture ? &k->facts : NULL;
}

struct kern *kern_open(struct arena *a)
{
	struct kern *k = arena_new(a, struct kern);
	facts_init(k, a);
	return k;
}

void kern_close(struct kern *k)
{
	if (!k)
		return;
	kbtf_close(k->btf);
	k->btf = NULL;
	ksyms_close(k->syms);
	k->syms = NULL;
	k->btf_tried = k->syms_tried = false;
}

struct facts *kern_facts(struct kern *k)
{
	return &k->facts;
}
