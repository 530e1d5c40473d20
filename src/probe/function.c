/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions of the kernel, for kprobe, kretprobe, fentry, fexit: [MODULE:]FUNCTION, FUNCTION+OFFSET, an address, wildcards.
 *
 * The cheap question first: BTF knows the functions of the kernel itself, and is open in milliseconds. Only what BTF does not have and
 * wildcards read the kernel's list of traceable functions, and only what is in neither reads the symbol table, to say why. Wildcards
 * leave out what has frozen machines (deny.c), and say how many.
 */
#include <ctype.h>
#include <errno.h>

#include "probe/probe_priv.h"

enum { FUNCTION_NEAR = 3, FUNCTION_VARIANTS = 3 };

struct functions {
	const struct provider *p;
	struct provider_env *env;
	struct span span;
	attach_each *each;
	void *arg;
	const char *module; /* as it was written, or NULL */
	const char *name;
	uint64_t offset;
	bool has_offset, typed;
	uint32_t count, denied;
	/* looking for what was meant */
	const char *near[FUNCTION_NEAR];
	int near_distance[FUNCTION_NEAR];
	const char *variants[FUNCTION_VARIANTS];
	uint32_t n_variants;
};

static bool function_returns(const struct provider *p)
{
	return p->id == PROV_KRETPROBE || p->id == PROV_FEXIT;
}

const struct facts_func *function_of(struct facts *f, const struct attach_point *ap)
{
	if (!f->ops->has(f, FEAT_BTF) || !ap->func.len)
		return NULL;
	return f->ops->function(f, ap->in_module ? ap->target : STR(""), ap->func);
}

static void function_emit(struct functions *x, const char *module, const char *name)
{
	struct arena *a = x->env->arena;
	struct attach_point *ap = parts_place(x->env, x->p, x->span);
	const char *shown = x->module || x->typed ? module && *module ? module : "vmlinux" : NULL;
	const char *off = x->has_offset ? arena_printf(a, "+%llu", (unsigned long long)x->offset) : "";
	ap->name = str_of(arena_printf(a, "%s:%s%s%s%s", x->p->name, shown ? shown : "", shown ? ":" : "", name, off));
	ap->target = str_of(module && *module ? module : "vmlinux");
	ap->in_module = module && *module;
	ap->func = str_of(name);
	ap->offset = x->offset;
	ap->want = x->env->attach;
	x->each(x->arg, ap);
	x->count++;
}

/* -- what was meant -- */

static void function_consider(void *arg, const char *name)
{
	struct functions *x = arg;
	size_t len = strlen(x->name);
	if (strncmp(name, x->name, len) == 0 && name[len] == '.') {
		if (x->n_variants < FUNCTION_VARIANTS)
			x->variants[x->n_variants++] = name;
		return;
	}
	int worst = x->near_distance[FUNCTION_NEAR - 1], d = str_distance(name, x->name, worst - 1);
	if (d >= worst)
		return;
	uint32_t i = FUNCTION_NEAR - 1;
	for (; i > 0 && x->near_distance[i - 1] > d; i--) {
		x->near[i] = x->near[i - 1];
		x->near_distance[i] = x->near_distance[i - 1];
	}
	x->near[i] = name;
	x->near_distance[i] = d;
}

static const char *function_names(struct arena *a, const char *const *names, uint32_t n)
{
	const char *s = "";
	for (uint32_t i = 0; i < n && names[i]; i++)
		s = arena_printf(a, "%s%s%s", s, i ? ", " : "", names[i]);
	return s;
}

static const char *function_hint(struct functions *x)
{
	struct arena *a = x->env->arena;
	int most = (int)strlen(x->name) / 4 + 1;
	for (uint32_t i = 0; i < FUNCTION_NEAR; i++)
		x->near_distance[i] = most > 3 ? 4 : most + 1;
	x->env->facts->ops->list(x->env->facts, PROV_KPROBE, "*", function_consider, x);
	if (x->n_variants)
		return arena_printf(a, "the compiler has made variants of it, whose arguments may differ: %s",
				    function_names(a, x->variants, x->n_variants));
	if (x->near[0])
		return arena_printf(a, "did you mean %s?", function_names(a, x->near, FUNCTION_NEAR));
	return "a function that the compiler has inlined everywhere is none any more: one that calls it may do";
}

const char *function_missing(struct arena *a, struct facts *f, const char *name, const char **ret_hint)
{
	const struct facts_func *fn = f->ops->has(f, FEAT_BTF) ? f->ops->function(f, STR(""), str_of(name)) : NULL;
	bool symbol = f->ops->kaddr && f->ops->kaddr(f, str_of(name)) != 0;
	*ret_hint = NULL;
	if (symbol) {
		*ret_hint = "probes there would run inside what makes them work; a function that calls it may do";
		return arena_printf(a, "%s is in this kernel but cannot be traced: it is marked \"notrace\", or is no function", name);
	}
	if (fn) {
		*ret_hint = "one that calls it may do";
		return arena_printf(a, "%s cannot be traced: the compiler has inlined it where it is called, and it has no address", name);
	}
	return NULL;
}

static int function_absent(struct functions *x)
{
	struct provider_env *env = x->env;
	const char *hint, *why = function_missing(env->arena, env->facts, x->name, &hint);
	if (env->missing_probes) {
		if (why && env->missing_probes == 1)
			parts_warn(env, x->span, "%s", why);
		return 0; /* "No matches" is the caller's */
	}
	if (why) {
		parts_bad(env, x->span, "%s", why);
	} else {
		const char *what = arena_printf(env->arena, "%s:%s%s%s", x->p->name, x->module ? x->module : "", x->module ? ":" : "", x->name);
		diag_add(env->diags, D_PROBE_NO_MATCH, x->span, (int)strlen(what), what);
		hint = x->module ? NULL : function_hint(x);
	}
	if (hint)
		diag_hint(env->diags, "%s", hint);
	return -ENOENT;
}

/* -- one function -- */

static int function_single(struct functions *x)
{
	struct provider_env *env = x->env;
	struct facts *f = env->facts;
	const char *module = x->module && strcmp(x->module, "vmlinux") ? x->module : NULL;
	struct str name = str_of(x->name), in = { 0 };
	const char *risk = deny_reason(x->name, &(bool){ 0 });
	if (risk && function_returns(x->p) && deny_is_lock(x->name) && !env->unsafe) {
		parts_bad(env, x->span, "a return probe on %s freezes machines: it is %s", x->name, risk);
		diag_hint(env->diags, "--unsafe attaches all the same");
		return -EINVAL;
	}
	bool btf = f->ops->has(f, FEAT_BTF), known = !module && btf && f->ops->function(f, STR(""), name);
	int can = known ? 1 : f->ops->traceable ? f->ops->traceable(f, str_of(x->module ? x->module : ""), name, &in) : -1;
	if (can < 0) /* the kernel has no list: what is a symbol is tried */
		can = f->ops->kaddr && f->ops->kaddr(f, name) ? 1 : 0;
	/* The middle of a function is found by its symbol: no need that it can be traced at its entry. */
	if (can == 0 && x->has_offset && f->ops->kaddr && f->ops->kaddr(f, name))
		can = 1;
	if (can == 0 && module && f->ops->traceable &&
	    f->ops->traceable(f, STR(""), name, &in) > 0 && env->missing_probes == 0) {
		parts_bad(env, x->span, "specified module %s in probe %s:%s:%s is not loaded, or does not have the function", module, x->p->name,
			  module, x->name);
		diag_hint(env->diags, "%.*s has it", STR_FMT(in.len ? in : STR("vmlinux")));
		return -ENOENT;
	}
	if (can == 0 && !(env->unsafe && f->ops->kaddr && f->ops->kaddr(f, name)))
		return function_absent(x);
	if (risk)
		parts_warn(env, x->span, "%s: %s; tracing it may freeze the machine", x->name, risk);
	const char *of = module ? module : in.len ? arena_strndup(env->arena, in.s, in.len) : "";
	function_emit(x, of, arena_strdup(env->arena, x->name));
	return 1;
}

/* -- many -- */

static void function_match(void *arg, const char *name)
{
	struct functions *x = arg;
	const char *colon = strchr(name, ':'), *module = "";
	if (colon) {
		module = arena_strndup(x->env->arena, name, (size_t)(colon - name));
		if (strcmp(module, "vmlinux") == 0)
			module = "";
		name = colon + 1;
	}
	bool counts;
	if (deny_reason(name, &counts) && !x->env->unsafe) {
		x->denied += counts;
		return;
	}
	if (x->typed && !x->env->facts->ops->describes(x->env->facts, str_of(module), str_of(name)))
		return; /* only what has types */
	function_emit(x, module, name);
}

static int function_wildcard(struct functions *x)
{
	struct provider_env *env = x->env;
	if (x->has_offset)
		return parts_bad(env, x->span, "Cannot use wildcards with a function offset");
	/* Typed programs need the module of each. */
	const char *pattern = x->module ? arena_printf(env->arena, "%s:%s", x->module, x->name) :
			      x->typed	? arena_printf(env->arena, "*:%s", x->name) : x->name;
	int r = env->facts->ops->list(env->facts, PROV_KPROBE, pattern, function_match, x);
	if (r < 0)
		return parts_bad(env, x->span, "cannot read the list of functions: %s", strerror(-r));
	if (x->denied && x->count)
		parts_warn(env, x->span, "%u function%s left out: tracing such functions has frozen machines (locks, RCU, interrupts, tracing itself)",
			   x->denied, x->denied == 1 ? "" : "s");
	else if (x->denied && env->missing_probes == 0) {
		parts_bad(env, x->span, "%s:%s matches only functions whose tracing has frozen machines", x->p->name, x->name);
		diag_hint(env->diags, "one that is named in full is attached");
		return -EINVAL;
	}
	return (int)x->count;
}

int function_expand(const struct provider *p, struct provider_env *env, const struct str *parts, uint32_t n, struct span span,
		    attach_each *each, void *arg)
{
	struct functions x = { .p = p, .env = env, .span = span, .each = each, .arg = arg };
	struct arena *a = env->arena;
	bool ret = function_returns(p);
	uint64_t address;
	x.typed = p->typed;
	if (!parts_count(p, env, n, 1, 2, span))
		return -EINVAL;
	if (x.typed && !env->facts->ops->has(env->facts, FEAT_BTF)) {
		parts_bad(env, span, "%s probes need the kernel's BTF, which this kernel does not have", p->name);
		diag_hint(env->diags, "%s works without", ret ? "kretprobe" : "kprobe");
		return -ENOENT;
	}
	struct str f = parts[n - 1];
	if (f.len == 0)
		return parts_bad(env, span, "%ss should be attached to a function%s", p->name, x.typed ? "" : " or an address");
	if (n == 2 && parts[0].len)
		x.module = arena_strndup(a, parts[0].s, parts[0].len);
	if (isdigit((unsigned char)f.s[0])) {
		if (x.typed || n == 2 || !parts_number(f, &address))
			return parts_bad(env, span, "Invalid address: %.*s", STR_FMT(f));
		if (!env->unsafe)
			return parts_bad(env, span, "Probing by address requires --unsafe");
		struct attach_point *ap = parts_place(env, p, span);
		ap->name = str_of(arena_printf(a, "%s:%llu", p->name, (unsigned long long)address));
		ap->address = address;
		ap->want = WANT_KPROBE;
		each(arg, ap);
		return 1;
	}
	const char *plus = memchr(f.s, '+', f.len);
	if (plus) {
		struct str off = { plus + 1, f.len - (uint32_t)(plus - f.s) - 1 };
		if (ret || x.typed)
			return parts_bad(env, span, "Offset not allowed");
		if (memchr(off.s, '+', off.len))
			return parts_bad(env, span, "Cannot take more than one offset");
		if (!parts_number(off, &x.offset))
			return parts_bad(env, span, "Invalid offset: %.*s", STR_FMT(off));
		x.has_offset = true;
		f.len = (uint32_t)(plus - f.s);
		if (f.len == 0)
			return parts_bad(env, span, "%ss should be attached to a function or an address", p->name);
	}
	x.name = arena_strndup(a, f.s, f.len);
	if (parts_has_wildcard(f) || (x.module && parts_has_wildcard(parts[0])))
		return function_wildcard(&x);
	return function_single(&x);
}

/* -- arguments -- */

static bool function_is_word(const struct type *t)
{
	return t->kind != T_STRUCT && t->kind != T_ARRAY && t->kind != T_STRING && t->kind != T_BUFFER && t->size <= 8;
}

struct type *function_args(struct arena *a, const struct facts_func *fn, bool typed, uint32_t max, uint32_t *ret_words)
{
	uint32_t word = 0;
	struct type *t = type_new(a, T_STRUCT, 0, 8);
	t->name = str_of(arena_printf(a, "%.*s_args", STR_FMT(fn->name)));
	t->complete = true;
	t->as = AS_CTX;
	for (uint32_t i = 0; i < fn->params.n; i++) {
		struct field fl = { .name = fn->params.v[i].name, .type = fn->params.v[i].type, .offset = word * 8 };
		if (!function_is_word(fl.type)) { /* by value: in as many words as it takes, or in memory */
			if (!typed)
				break; /* which registers follow is the calling convention's secret */
			word += (fl.type->size + 7) / 8;
			continue;
		}
		if (word++ >= max)
			break;
		if (typed && fl.type->kind == T_PTR && fl.type->elem && fl.type->elem->kind == T_STRUCT)
			fl.type = type_ptr(a, fl.type->elem, AS_BTF);
		vec_push(a, &t->fields, fl);
	}
	t->size = word * 8;
	if (ret_words)
		*ret_words = word;
	return t;
}
