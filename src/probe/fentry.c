/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fentry and fexit: entry and return of a function that BTF describes, by a trampoline: arguments and return value by name and with their
 * types. A program is loaded for one function; a wildcard makes one for each that the kernel takes, which is tried.
 *
 * `args` are the words of the context, one for each argument. Pointers to structures among them are trusted: the program loads from
 * them directly. At fexit the word behind them is the return value; the arguments are those that the function was called with.
 */
#include <errno.h>

#include "probe/probe_priv.h"

enum { FENTRY_WORDS = 12 };

struct fentry {
	attach_each *each;
	void *arg;
	const struct provider *p;
	struct provider_env *env;
	const char *refused;
	uint32_t count;
};

static void fentry_place(void *arg, struct attach_point *ap)
{
	struct fentry *x = arg;
	struct facts *f = x->env->facts;
	const struct facts_func *fn = function_of(f, ap);
	bool too_many = x->env->max_probes && x->count > x->env->max_probes;
	const char *why = !fn ? "BTF does not describe it" : too_many ? NULL : f->ops->fentry_refusal ? f->ops->fentry_refusal(f, fn, x->p->id == PROV_FEXIT) :
			  f->ops->has(f, FEAT_FENTRY) ? NULL : "this kernel has no fentry";
	if (why) {
		x->refused = arena_printf(x->env->arena, "%.*s cannot be attached: %s", STR_FMT(ap->name), why);
		return;
	}
	ap->btf_id = fn->btf_id;
	ap->why = x->p->id == PROV_FEXIT ? "return value and arguments with their types" : "arguments with their types";
	x->count++;
	x->each(x->arg, ap);
}

static int fentry_expand(const struct provider *p, struct provider_env *env, const struct str *parts, uint32_t n, struct span span,
			 attach_each *each, void *arg)
{
	struct fentry x = { .each = each, .arg = arg, .p = p, .env = env };
	if (n >= 1 && str_is(parts[0], "bpf"))
		return program_expand(p, env, parts, n, span, each, arg);
	if (n == 3)
		return parts_bad(env, span, "Only the 'bpf' variant of this probe supports 4 arguments");
	int r = function_expand(p, env, parts, n, span, fentry_place, &x);
	if (r <= 0)
		return r;
	if (!x.count && x.refused) {
		if (env->missing_probes == 0) {
			parts_bad(env, span, "%s", x.refused);
			diag_hint(env->diags, "%s needs no trampoline", p->id == PROV_FEXIT ? "kretprobe" : "kprobe");
			return -ENOTSUP;
		}
		if (env->missing_probes == 1)
			parts_warn(env, span, "%s", x.refused);
	}
	return (int)x.count;
}

static bool fentry_load(const struct provider *p, struct provider_env *env, struct attach_point *ap)
{
	if (ap->program.id) /* its own provider asks for what it needs */
		return false;
	const struct facts_func *fn = function_of(env->facts, ap);
	if (!fn)
		return false;
	ap->args = function_args(env->arena, fn, true, FENTRY_WORDS, NULL);
	if (p->id == PROV_FEXIT) {
		ap->retval = fn->ret ? fn->ret : NULL;
		if (ap->retval && ap->retval->kind == T_PTR && ap->retval->elem && ap->retval->elem->kind == T_STRUCT)
			ap->retval = type_ptr(env->arena, ap->retval->elem, AS_BTF);
	}
	return true;
}

const struct provider provider_fentry = {
	.id = PROV_FENTRY, .name = "fentry", .aliases = "f kfunc", .doc = "kernel function entry, typed",
	.prog_type = BPF_PROG_TYPE_TRACING, .attach_type = TYPE_TRACE_FENTRY, .access = ACC_ARGS | ACC_FUNC, .ptr_as = AS_KERNEL,
	.typed = true, .expand = fentry_expand, .load_args = fentry_load, .better = program_better,
};
const struct provider provider_fexit = {
	.id = PROV_FEXIT, .name = "fexit", .aliases = "fr kretfunc", .doc = "kernel function return, typed",
	.prog_type = BPF_PROG_TYPE_TRACING, .attach_type = TYPE_TRACE_FEXIT, .access = ACC_ARGS | ACC_RETVAL_CTX | ACC_FUNC,
	.ptr_as = AS_KERNEL, .typed = true, .expand = fentry_expand, .load_args = fentry_load, .better = program_better,
};
