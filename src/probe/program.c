/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fentry:bpf[:ID]:FUNCTION, fexit:bpf[:ID]:FUNCTION: entry and return of functions of other BPF programs, by a trampoline: the program's
 * main function, or one that it calls, by the name that it has in the program's BTF. What to trace a tracer with.
 *
 * Arguments are those of the function: a main function has the context of its program, others have what their source says. They come by a
 * helper, not from the context: the kernel types there only what it knows itself. So no pointer is trusted here, and all are read carefully.
 */
#include <errno.h>

#include "probe/probe_priv.h"

enum { PROGRAM_ARGS = 5 };

struct programs {
	const struct provider *p;
	struct provider_env *env;
	struct span span;
	attach_each *each;
	void *arg;
	const char *name;
	uint64_t id;       /* 0: any */
	uint32_t count, untyped;
	const char *refused;
	bool wild;
};

static void program_place(void *arg, const struct facts_program *f)
{
	struct programs *x = arg;
	struct provider_env *env = x->env;
	if ((x->id && x->id != f->id) || !str_match(x->name, arena_strndup(env->arena, f->name.s, f->name.len)))
		return;
	if (!f->type) {
		x->untyped++;
		return;
	}
	const char *why = env->facts->ops->program_refusal(env->facts, f, x->p->id == PROV_FEXIT);
	if (why) {
		x->refused = arena_printf(env->arena, "%s:bpf:%u:%.*s cannot be attached: %s", x->p->name, f->id, STR_FMT(f->name), why);
		return;
	}
	struct attach_point *ap = parts_place(env, x->p, x->span);
	ap->name = str_of(arena_printf(env->arena, "%s:bpf:%u:%.*s", x->p->name, f->id, STR_FMT(f->name)));
	ap->target = STR("bpf");
	ap->func = (struct str){ arena_strndup(env->arena, f->name.s, f->name.len), f->name.len };
	ap->program = *f;
	ap->btf_id = f->type;
	ap->why = "a function of a BPF program";
	x->count++;
	x->each(x->arg, ap);
}

int program_expand(const struct provider *p, struct provider_env *env, const struct str *parts, uint32_t n, struct span span,
		   attach_each *each, void *arg)
{
	struct facts *f = env->facts;
	struct programs x = { .p = p, .env = env, .span = span, .each = each, .arg = arg };
	if (n < 2 || n > 3 || !parts[n - 1].len)
		return parts_bad(env, span, "the 'bpf' variant of this probe requires a bpf program name and optional bpf program id");
	if (n == 3 && !str_is(parts[1], "*") && (!parts_number(parts[1], &x.id) || x.id == 0 || x.id > UINT32_MAX))
		return parts_bad(env, span, "bpf program id must be a number or '*'");
	if (!f->ops->programs || !f->ops->has(f, FEAT_BTF))
		return parts_bad(env, span, "%s:bpf probes need the kernel's BTF, which this kernel does not have", p->name);
	x.name = arena_strndup(env->arena, parts[n - 1].s, parts[n - 1].len);
	x.wild = parts_has_wildcard(parts[n - 1]);
	int r = f->ops->programs(f, program_place, &x);
	if (r < 0)
		return parts_bad(env, span, "cannot list the BPF programs: %s", strerror(-r));
	const char *why = x.refused ? x.refused : x.untyped && !x.wild ? "that program was loaded without BTF: its functions cannot be told apart" : NULL;
	if (!x.count && why) {
		if (env->missing_probes == 0)
			return parts_bad(env, span, "%s", why);
		if (env->missing_probes == 1)
			parts_warn(env, span, "%s", why);
	}
	return (int)x.count;
}

static bool program_load(const struct provider *p, struct provider_env *env, struct attach_point *ap)
{
	const struct facts_func *fn = env->facts->ops->program_function(env->facts, &ap->program);
	ap->args = fn ? function_args(env->arena, fn, false, PROGRAM_ARGS, NULL) : NULL;
	ap->retval = p->id == PROV_FEXIT && fn ? fn->ret : NULL;
	return fn != NULL;
}

/* fentry and fexit in name, for these places. */
static const struct provider program_entry = {
	.id = PROV_FENTRY, .name = "fentry", .aliases = "", .doc = "entry of a function of a BPF program", .prog_type = BPF_PROG_TYPE_TRACING,
	.attach_type = TYPE_TRACE_FENTRY, .access = ACC_ARGS | ACC_ARGN | ACC_FUNC, .ptr_as = AS_KERNEL, .typed = true, .args_by_helper = true,
	.load_args = program_load,
};
static const struct provider program_exit = {
	.id = PROV_FEXIT, .name = "fexit", .aliases = "", .doc = "return of a function of a BPF program", .prog_type = BPF_PROG_TYPE_TRACING,
	.attach_type = TYPE_TRACE_FEXIT, .access = ACC_ARGS | ACC_ARGN | ACC_RETVAL | ACC_FUNC, .ptr_as = AS_KERNEL, .typed = true,
	.args_by_helper = true, .load_args = program_load,
};

const struct provider *program_better(const struct provider *p, struct provider_env *env, struct attach_point *ap, const struct provider_use *u)
{
	(void)env;
	(void)u;
	return !ap->program.id ? NULL : p->id == PROV_FEXIT ? &program_exit : &program_entry;
}
