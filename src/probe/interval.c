/* SPDX-License-Identifier: Apache-2.0 */
/* interval:s:1, interval:100ms: a timer on one CPU, the first that is online; for output at a pace. -p does not concern it. */
#include "probe/probe_priv.h"

static int interval_expand(const struct provider *p, struct provider_env *env, const struct str *parts, uint32_t n, struct span span,
			   attach_each *each, void *arg)
{
	struct parts_timer t;
	if (!parts_timer(p, env, parts, n, span, &t))
		return -1;
	struct attach_point *ap = parts_place(env, p, span);
	ap->name = str_of(arena_printf(env->arena, "interval:%s", t.name));
	ap->period = t.period;
	ap->is_freq = t.is_freq;
	each(arg, ap);
	return 1;
}

const struct provider provider_interval = {
	.id = PROV_INTERVAL, .name = "interval", .aliases = "i", .doc = "timer on one CPU",
	.prog_type = BPF_PROG_TYPE_PERF_EVENT, .access = ACC_CTX, .ptr_as = AS_KERNEL, .has_pt_regs = true,
	.expand = interval_expand, .load_args = parts_load_perf,
};
