/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rawtracepoint[:MODULE]:EVENT: the tracepoint with the arguments that the kernel's code passes, typed by BTF. The program is
 * attached to the typedef btf_trace_EVENT and so belongs to one event; a wildcard makes one program per event. Without a module the
 * kernel's own event is meant, else that of whatever module has it.
 *
 * `args` is the list of arguments in the context, one u64 each. Pointers to structs among them are trusted (AS_BTF): the
 * program loads from them directly, without a helper. Some may be null.
 */
#include <errno.h>

#include "probe/probe_priv.h"

static bool raw_place(const struct provider *p, struct provider_env *env, struct str module, const char *event, struct span span,
		      attach_each *each, void *arg)
{
	const struct facts_func *fn = env->facts->ops->raw_tracepoint(env->facts, module, str_of(event));
	if (!fn)
		return false;
	struct attach_point *ap = parts_place(env, p, span);
	ap->name = str_of(arena_printf(env->arena, "rawtracepoint:%.*s:%s", STR_FMT(module), event));
	ap->target = module;
	ap->in_module = !str_is(module, "vmlinux");
	ap->func = str_of(arena_strdup(env->arena, event));
	ap->btf_id = fn->btf_id;
	each(arg, ap);
	return true;
}

static int raw_expand(const struct provider *p, struct provider_env *env, const struct str *parts, uint32_t n, struct span span,
		      attach_each *each, void *arg)
{
	struct facts *f = env->facts;
	if (!parts_count(p, env, n, 1, 2, span))
		return -1;
	if (!f->ops->has(f, FEAT_BTF))
		return parts_bad(env, span, "rawtracepoints require kernel BTF. Try using a 'tracepoint' instead.");
	const char *event = arena_strndup(env->arena, parts[n - 1].s, parts[n - 1].len);
	const char *module = n == 2 ? arena_strndup(env->arena, parts[0].s, parts[0].len) : "*";
	if (!*event)
		return parts_bad(env, span, "rawtracepoint probe must have a target");
	/* The kernel's own first: what is there needs no list. */
	bool wild = parts_has_wildcard(parts[n - 1]);
	if (!wild && str_match(module, "vmlinux") && raw_place(p, env, STR("vmlinux"), event, span, each, arg))
		return 1;
	if (!wild && !parts_has_wildcard(str_of(module)))
		return raw_place(p, env, str_of(module), event, span, each, arg) ? 1 : 0;
	struct parts_names names;
	int count = 0, r = parts_list(f, env->arena, PROV_RAWTRACEPOINT, arena_printf(env->arena, "%s:%s", module, event), &names);
	if (r < 0)
		return parts_bad(env, span, "cannot read the list of raw tracepoints: %s", strerror(-r));
	for (uint32_t i = 0; i < names.list.n; i++) {
		const char *name = names.list.v[i], *colon = strchr(name, ':');
		count += raw_place(p, env, (struct str){ name, (uint32_t)(colon - name) }, colon + 1, span, each, arg);
	}
	return count;
}

static bool raw_load(const struct provider *p, struct provider_env *env, struct attach_point *ap)
{
	const struct facts_func *fn = env->facts->ops->raw_tracepoint(env->facts, ap->target, ap->func);
	if (ap->args || !fn)
		return ap->args != NULL;
	struct type *t = type_new(env->arena, T_STRUCT, fn->params.n * 8, 8);
	t->name = str_of(arena_printf(env->arena, "rawtracepoint:%.*s_args", STR_FMT(ap->func)));
	t->complete = true;
	t->as = AS_CTX;
	for (uint32_t i = 0; i < fn->params.n; i++) {
		struct field fl = { .name = fn->params.v[i].name, .type = fn->params.v[i].type, .offset = i * 8 };
		if (fl.type->kind == T_PTR && fl.type->elem && fl.type->elem->kind == T_STRUCT)
			fl.type = type_ptr(env->arena, fl.type->elem, AS_BTF);
		vec_push(env->arena, &t->fields, fl);
	}
	ap->args = t;
	return true;
}

const struct provider provider_rawtracepoint = {
	.id = PROV_RAWTRACEPOINT, .name = "rawtracepoint", .aliases = "rt", .doc = "tracepoint with its raw, BTF-typed arguments",
	.prog_type = BPF_PROG_TYPE_TRACING, .attach_type = TYPE_TRACE_RAW_TP, .access = ACC_ARGS | ACC_ARGN_CTX, .ptr_as = AS_KERNEL,
	.typed = true, .expand = raw_expand, .load_args = raw_load,
};
