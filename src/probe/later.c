/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Probe types that are known but not implemented: their parts are counted, so that what is written wrong is said first, and then
 * they are refused by name. A type leaves this file when it gets its own.
 */
#include <errno.h>

#include "probe/probe_priv.h"

static int later_refuse(const struct provider *p, struct provider_env *env, uint32_t n, uint32_t min, uint32_t max, struct span span)
{
	if (!parts_count(p, env, n, min, max, span))
		return -EINVAL;
	diag_add(env->diags, D_NOT_YET, span, arena_printf(env->arena, "a %s probe", p->name));
	return -ENOSYS;
}

#define LATER(lower, upper, alias_names, text, type, min, max)                                                                \
	static int later_##lower(const struct provider *p, struct provider_env *env, const struct str *parts, uint32_t n,      \
				 struct span span, attach_each *each, void *arg)                                               \
	{                                                                                                                      \
		return later_refuse(p, env, n, min, max, span);                                                                \
	}                                                                                                                      \
	const struct provider provider_##lower = {                                                                             \
		.id = PROV_##upper, .name = #lower, .aliases = alias_names, .doc = text, .prog_type = type,                    \
		.ptr_as = AS_KERNEL, .expand = later_##lower,                                                                  \
	}

LATER(watchpoint, WATCHPOINT, "w", "memory access", BPF_PROG_TYPE_PERF_EVENT, 3, 3);
LATER(test, TEST, "", "test probe, with --test", BPF_PROG_TYPE_XDP, 1, 1);
LATER(bench, BENCH, "", "benchmark probe, with --bench", BPF_PROG_TYPE_XDP, 1, 1);
