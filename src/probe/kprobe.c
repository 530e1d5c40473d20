/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kprobe and kretprobe: entry and return of any function of the kernel.
 *
 * A breakpoint's program costs several times what a trampoline's (fentry, fexit) does. So where a clause has one place, BTF describes
 * the function, the kernel takes such a program there, and the body means the same in it, the clause becomes one: the provider is then
 * one of the twins below, which are kprobe and kretprobe in name and meaning.
 *
 * What means the same: `args`, by name. argN, when the first N arguments are words and this one has 64 bits (a trampoline stores no more than an
 * argument's own bytes). retval, when there is one. What does not: registers, the context, stacks. An offset is no entry.
 */
#include "probe/probe_priv.h"

enum { KPROBE_REGISTERS = 6, KPROBE_TRAMPOLINE = 12 };

static bool kprobe_load(const struct provider *p, struct provider_env *env, struct attach_point *ap)
{
	const struct facts_func *fn = ap->offset ? NULL : function_of(env->facts, ap);
	parts_load_regs(p, env, ap);
	if (fn)
		ap->args = function_args(env->arena, fn, false, KPROBE_REGISTERS, NULL);
	return true;
}

static bool kprobe_load_twin(const struct provider *p, struct provider_env *env, struct attach_point *ap)
{
	const struct facts_func *fn = function_of(env->facts, ap);
	if (!fn)
		return false;
	ap->args = function_args(env->arena, fn, true, KPROBE_TRAMPOLINE, NULL);
	ap->ctx = NULL;
	return true;
}

/* The mechanism changes nothing that the body can see. *ret_fn: what BTF says of the function. */
static const char *kprobe_obstacle(struct provider_env *env, const struct attach_point *ap, const struct provider_use *u, bool ret,
				   const struct facts_func **ret_fn)
{
	struct facts *f = env->facts;
	if (ap->address)
		return "an address, not a function";
	if (ap->offset)
		return "not at the function's entry";
	if (u->regs)
		return "the program looks at registers";
	const struct facts_func *fn = *ret_fn = function_of(f, ap);
	if (!fn)
		return f->ops->has(f, FEAT_BTF) ? "the kernel's BTF does not describe the function" : "this kernel has no BTF";
	for (uint32_t i = 0; i < 32 && u->argn >> i; i++) {
		if (i >= fn->params.n && (u->argn >> i & 1))
			return "the program looks at an argument that the function does not have";
		if (i < fn->params.n && (fn->params.v[i].type->size > 8 || fn->params.v[i].type->kind == T_STRUCT ||
					 ((u->argn >> i & 1) && fn->params.v[i].type->size != 8)))
			return "the program looks at a whole register that holds a smaller argument";
	}
	if (ret && u->argn)
		return "the program looks at registers";
	if (ret && u->retval && (!fn->ret || fn->ret->kind == T_VOID || fn->ret->kind == T_STRUCT || fn->ret->size > 8))
		return "the function returns no number";
	if ((u->argn || u->retval) && !f->ops->has(f, FEAT_FUNC_ARG))
		return f->ops->has(f, FEAT_FENTRY) ? "this kernel hands fentry programs no plain arguments" :
		       f->ops->fentry_refusal	   ? f->ops->fentry_refusal(f, fn, ret) : "this kernel has no fentry";
	return f->ops->fentry_refusal ? f->ops->fentry_refusal(f, fn, ret) : f->ops->has(f, FEAT_FENTRY) ? NULL : "this kernel has no fentry";
}

static const struct provider *kprobe_better(const struct provider *p, struct provider_env *env, struct attach_point *ap,
					    const struct provider_use *u);

static const struct provider kprobe_twin = {
	.id = PROV_KPROBE, .name = "kprobe", .aliases = "", .doc = "kernel function entry", .prog_type = BPF_PROG_TYPE_TRACING,
	.attach_type = TYPE_TRACE_FENTRY, .access = ACC_ARGS | ACC_ARGN | ACC_FUNC, .ptr_as = AS_KERNEL, .typed = true,
	.load_args = kprobe_load_twin,
};
static const struct provider kretprobe_twin = {
	.id = PROV_KRETPROBE, .name = "kretprobe", .aliases = "", .doc = "kernel function return", .prog_type = BPF_PROG_TYPE_TRACING,
	.attach_type = TYPE_TRACE_FEXIT, .access = ACC_ARGS | ACC_RETVAL | ACC_FUNC, .ptr_as = AS_KERNEL, .typed = true,
	.load_args = kprobe_load_twin,
};

const struct provider provider_kprobe = {
	.id = PROV_KPROBE, .name = "kprobe", .aliases = "k", .doc = "kernel function entry", .prog_type = BPF_PROG_TYPE_KPROBE,
	.access = ACC_ARGS | ACC_ARGN | ACC_CTX | ACC_FUNC | ACC_REG, .ptr_as = AS_KERNEL, .has_pt_regs = true,
	.expand = function_expand, .load_args = kprobe_load, .better = kprobe_better,
};
const struct provider provider_kretprobe = {
	.id = PROV_KRETPROBE, .name = "kretprobe", .aliases = "kr", .doc = "kernel function return", .prog_type = BPF_PROG_TYPE_KPROBE,
	.access = ACC_RETVAL | ACC_CTX | ACC_FUNC | ACC_REG, .ptr_as = AS_KERNEL, .has_pt_regs = true,
	.expand = function_expand, .load_args = parts_load_regs, .better = kprobe_better,
};

static const struct provider *kprobe_better(const struct provider *p, struct provider_env *env, struct attach_point *ap,
					    const struct provider_use *u)
{
	bool ret = p->id == PROV_KRETPROBE;
	const struct facts_func *fn = NULL;
	const char *name = ret ? "fexit" : "fentry", *why = NULL;
	if (ap->want == WANT_KPROBE || ap->want == WANT_MULTI)
		why = "as configured";
	else
		why = kprobe_obstacle(env, ap, u, ret, &fn);
	if (why && ap->want == WANT_FENTRY) {
		parts_bad(env, ap->span, "%.*s cannot be %s, as the configuration demands: %s", STR_FMT(ap->name), name, why);
		return NULL;
	}
	if (why && ret && u->args && !ap->address)
		parts_bad(env, ap->span, "the arguments of a function are gone when it returns, but for fexit, which is not to be had here: %s", why);
	if (why) {
		ap->why = arena_printf(env->arena, "%s: %s", ap->want == WANT_AUTO ? arena_printf(env->arena, "not %s", name) : "not by trampoline", why);
		return NULL;
	}
	ap->btf_id = fn->btf_id;
	ap->why = arena_printf(env->arena, "means the same and costs less than a %s", p->name);
	return ret ? &kretprobe_twin : &kprobe_twin;
}
