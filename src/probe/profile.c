/* SPDX-License-Identifier: Apache-2.0 */
/*
 * profile:hz:99, profile:ms:10, profile:10ms: a sample on every CPU that is online, by the kernel's CPU clock. With -p the program
 * itself drops the samples of other processes: a perf event bound to a process would miss its other threads.
 */
#include "probe/probe_priv.h"

static int profile_expand(const struct provider *p, struct provider_env *env, const struct str *parts, uint32_t n, struct span span,
			  attach_each *each, void *arg)
{
	struct parts_timer t;
	if (!parts_timer(p, env, parts, n, span, &t))
		return -1;
	struct attach_point *ap = parts_place(env, p, span);
	ap->name = str_of(arena_printf(env->arena, "profile:%s", t.name));
	ap->period = t.period;
	ap->is_freq = t.is_freq;
	each(arg, ap);
	return 1;
}

const struct provider provider_profile = {
	.id = PROV_PROFILE, .name = "profile", .aliases = "p", .doc = "timed sampling on every CPU",
	.prog_type = BPF_PROG_TYPE_PERF_EVENT, .access = ACC_CTX | ACC_REG, .ptr_as = AS_KERNEL, .has_pt_regs = true,
	.expand = profile_expand, .load_args = parts_load_perf,
};
