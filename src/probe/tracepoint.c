/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tracepoint:CATEGORY:EVENT, both with wildcards. A wildcard asks only for names; the format file of an event, which gives the
 * layout of `args`, is read when a body looks at them (load_args), and its id when it is attached: counting 350
 * system calls by name reads no file per event. An exact name reads the format at once, which is also the proof that
 * the event exists.
 */
#include <errno.h>

#include "probe/probe_priv.h"

static void tracepoint_place(const struct provider *p, struct provider_env *env, const char *name, struct span span,
			     attach_each *each, void *arg, struct type *args, uint64_t id)
{
	struct attach_point *ap = parts_place(env, p, span);
	const char *colon = strchr(name, ':');
	ap->name = str_of(arena_printf(env->arena, "tracepoint:%s", name));
	ap->target = (struct str){ arena_strndup(env->arena, name, (size_t)(colon - name)), (uint32_t)(colon - name) };
	ap->func = str_of(arena_strdup(env->arena, colon + 1));
	ap->args = args;
	ap->event_id = id;
	each(arg, ap);
}

/* The event is not there: say what is, when the mistake is small. */
static int tracepoint_missing(struct provider_env *env, struct str category, struct str event, struct span span)
{
	struct facts *f = env->facts;
	struct parts_names all;
	if (env->missing_probes != 0)
		return 0;
	diag_add(env->diags, D_PROBE_NO_MATCH, span, (int)(category.len + event.len + 12),
		 arena_printf(env->arena, "tracepoint:%.*s:%.*s", STR_FMT(category), STR_FMT(event)));
	const char *best = NULL, *want = arena_strndup(env->arena, event.s, event.len);
	int dist = 3;
	if (parts_list(f, env->arena, PROV_TRACEPOINT, arena_printf(env->arena, "%.*s:*", STR_FMT(category)), &all) > 0) {
		for (uint32_t i = 0; i < all.list.n; i++) {
			const char *colon = strchr(all.list.v[i], ':');
			int d = colon ? str_distance(colon + 1, want, 3) : 4;
			if (d < dist) {
				dist = d;
				best = all.list.v[i];
			}
		}
	}
	if (!best && parts_list(f, env->arena, PROV_TRACEPOINT, arena_printf(env->arena, "*:%s", want), &all) > 0) {
		best = all.list.v[0]; /* the right event of a wrong category */
	}
	if (best)
		diag_hint(env->diags, "did you mean 'tracepoint:%s'?", best);
	return -ENOENT;
}

static int tracepoint_expand(const struct provider *p, struct provider_env *env, const struct str *parts, uint32_t n, struct span span,
			     attach_each *each, void *arg)
{
	struct facts *f = env->facts;
	if (!parts_count(p, env, n, 2, 2, span))
		return -1;
	if (parts[0].len == 0 || parts[1].len == 0)
		return parts_bad(env, span, "tracepoint probe must have a target");
	if (memchr(parts[0].s, '/', parts[0].len) || memchr(parts[1].s, '/', parts[1].len))
		return 0; /* names are folders of tracefs: no way out of it */
	if (!f->ops->has(f, FEAT_TRACEFS)) {
		parts_bad(env, span, "tracepoints need the kernel's tracefs, /sys/kernel/tracing: it is not mounted, or readable by root "
			  "only");
		diag_hint(env->diags, "mount -t tracefs nodev /sys/kernel/tracing, as root");
		return -ENOENT;
	}
	if (!parts_has_wildcard(parts[0]) && !parts_has_wildcard(parts[1])) {
		uint64_t id = 0;
		struct type *t = f->ops->tracepoint(f, parts[0], parts[1], &id);
		if (!t)
			return tracepoint_missing(env, parts[0], parts[1], span);
		tracepoint_place(p, env, arena_printf(env->arena, "%.*s:%.*s", STR_FMT(parts[0]), STR_FMT(parts[1])), span, each, arg,
				 t, id);
		return 1;
	}
	struct parts_names names;
	int r = parts_list(f, env->arena, PROV_TRACEPOINT,
			   arena_printf(env->arena, "%.*s:%.*s", STR_FMT(parts[0]), STR_FMT(parts[1])), &names);
	if (r < 0)
		return parts_bad(env, span, "cannot read the list of tracepoints: %s", strerror(-r));
	int count = 0;
	for (uint32_t i = 0; i < names.list.n; i++) {
		const char *name = names.list.v[i];
		/* Events of tracefs itself cannot be had through perf. */
		if (!strchr(name, ':') || !strncmp(name, "ftrace:", 7))
			continue;
		tracepoint_place(p, env, name, span, each, arg, NULL, 0);
		count++;
	}
	return count;
}

static bool tracepoint_load(const struct provider *p, struct provider_env *env, struct attach_point *ap)
{
	if (!ap->args)
		ap->args = env->facts->ops->tracepoint(env->facts, ap->target, ap->func, &ap->event_id);
	return ap->args != NULL;
}

const struct provider provider_tracepoint = {
	.id = PROV_TRACEPOINT, .name = "tracepoint", .aliases = "t", .doc = "static kernel tracepoint",
	.prog_type = BPF_PROG_TYPE_TRACEPOINT, .access = ACC_ARGS, .ptr_as = AS_KERNEL,
	.expand = tracepoint_expand, .load_args = tracepoint_load,
};
