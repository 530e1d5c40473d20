/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What debug information says of a place in a program: the names and types of the arguments of the function that
 * begins there, and the type of its result. Asked for only when a clause looks at `args` or `retval`, since it costs
 * the reading of a file.
 *
 * Without debug information the probe works as before, with arg0 and an untyped retval; only `args` needs it, and
 * says so. When the compiler has changed a function (its symbol says it: .isra, .constprop, .part, .cold), its
 * arguments are not those that the source declares, and `args` is refused rather than wrong.
 */
#include "probe/probe_priv.h"
#include "sym/dwarf.h"

struct probe_debug *probe_debug_new(struct arena *a)
{
	return (struct probe_debug *)sym_dwarfs_new(a);
}

void probe_debug_free(struct probe_debug *d)
{
	sym_dwarfs_free((struct sym_dwarfs *)d);
}

struct sym_dwarf *debug_open(struct provider_env *env, const char *root, const char *path, const char **ret_why)
{
	*ret_why = "debug information is not read here";
	return env->impl ? sym_dwarf_open(env->impl, root, path, ret_why) : NULL;
}

/* "f.isra.0": what the compiler made of f; NULL: f itself. */
static const char *debug_variant(struct str func)
{
	static const char *const marks[] = { ".isra.", ".constprop.", ".part.", ".cold" };
	for (size_t i = 0; i < sizeof(marks) / sizeof(*marks); i++)
		if (memmem(func.s, func.len, marks[i], strlen(marks[i])))
			return marks[i];
	return NULL;
}

static const struct sym_func *debug_function(struct provider_env *env, struct attach_point *ap)
{
	struct arena *a = env->arena;
	const char *why, *path = arena_strndup(a, ap->target.s, ap->target.len), *root = arena_strndup(a, ap->target.s, ap->root_len);
	const char *shown = path + ap->root_len, *variant = debug_variant(ap->func);
	if (!ap->entry) {
		ap->args_why = "arguments are where the function expects them only at its entry";
		return NULL;
	}
	if (variant) {
		ap->args_why = arena_printf(a, "%.*s is a variant that the compiler has made of a function, and takes other arguments than "
					    "the source says", STR_FMT(ap->func));
		return NULL;
	}
	struct sym_dwarf *d = debug_open(env, root, path, &why);
	const struct sym_func *f = d ? sym_dwarf_function(d, ap->entry, ap->func.s ? ap->func.s : "") : NULL;
	if (!f)
		ap->args_why = d ? arena_printf(a, "the debug information of %s does not describe the function", shown) :
				   arena_printf(a, "no types of %s are known: %s", shown, why);
	else if (f->language == LANG_GO)
		ap->args_why = "Go passes arguments in its own way";
	else if (f->changed)
		ap->args_why = "the compiler has changed how the function takes its arguments";
	else
		return f;
	return NULL;
}

struct type *debug_type(const struct provider *p, struct provider_env *env, const struct attach_point *ap, char keyword, struct str name)
{
	const char *why, *path = arena_strndup(env->arena, ap->target.s, ap->target.len);
	struct sym_dwarf *d = debug_open(env, arena_strndup(env->arena, path, ap->root_len), path, &why);
	return d ? sym_dwarf_type(d, keyword, name) : NULL;
}

bool debug_constant(const struct provider *p, struct provider_env *env, const struct attach_point *ap, struct str name, int64_t *ret,
		    struct type **ret_enum)
{
	const char *why, *path = arena_strndup(env->arena, ap->target.s, ap->target.len);
	struct sym_dwarf *d = debug_open(env, arena_strndup(env->arena, path, ap->root_len), path, &why);
	return d && sym_dwarf_constant(d, name, ret, ret_enum);
}

struct type *debug_describe(struct provider_env *env, struct attach_point *ap, struct type **ret_retval)
{
	const struct sym_func *f = debug_function(env, ap);
	*ret_retval = f ? f->ret : NULL;
	return f ? abi_args(env->arena, env->facts, f) : NULL;
}

/* A pointer stays a number, which programs add up and make histograms of, unless the body looks behind it. */
static void debug_retval(struct provider_env *env, struct attach_point *ap, const struct sym_func *f)
{
	struct type *t = abi_retval(env->arena, env->facts, f, &ap->retval_why);
	if (t && (t->kind != T_PTR || !env->use || env->use->inside))
		ap->retval = t;
}

bool debug_load_args(const struct provider *p, struct provider_env *env, struct attach_point *ap)
{
	const struct provider_use *u = env->use;
	bool ret = p->id == PROV_URETPROBE;
	parts_load_regs(p, env, ap);
	if (u && !(ret ? u->retval && !ap->many : u->args))
		return true;
	const struct sym_func *f = debug_function(env, ap);
	if (!f)
		return true;
	if (ret)
		debug_retval(env, ap, f);
	else
		ap->args = abi_args(env->arena, env->facts, f);
	return true;
}
