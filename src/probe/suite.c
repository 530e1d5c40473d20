/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test:NAME and bench:NAME: programs that the session runs itself, with --test and --bench, and reports on (run/suite.c). As those
 * of begin and end they are raw tracepoint programs that are never attached. Without these options they are left out (run/compile.c).
 */
#include "probe/probe_priv.h"

static int suite_expand(const struct provider *p, struct provider_env *env, const struct str *parts, uint32_t n, struct span span,
			attach_each *each, void *arg)
{
	if (!parts_count(p, env, n, 1, 1, span))
		return -1;
	if (parts_has_wildcard(parts[0]))
		return parts_bad(env, span, "%s probe type does not support wildcards", p->name);
	struct attach_point *ap = parts_place(env, p, span);
	ap->name = str_of(arena_printf(env->arena, "%s:%.*s", p->name, STR_FMT(parts[0])));
	ap->func = str_of(arena_strndup(env->arena, parts[0].s, parts[0].len));
	each(arg, ap);
	return 1;
}

const struct provider provider_test = {
	.id = PROV_TEST, .name = "test", .aliases = "", .doc = "test probe, with --test",
	.prog_type = BPF_PROG_TYPE_RAW_TRACEPOINT, .ptr_as = AS_NONE, .expand = suite_expand,
};
const struct provider provider_bench = {
	.id = PROV_BENCH, .name = "bench", .aliases = "", .doc = "benchmark probe, with --bench",
	.prog_type = BPF_PROG_TYPE_RAW_TRACEPOINT, .ptr_as = AS_NONE, .expand = suite_expand,
};
