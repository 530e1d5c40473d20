/* SPDX-License-Identifier: Apache-2.0 */
/*
 * self:signal:SIGUSR1: a signal sent to us. The session waits for the signal (event_id is its number) and runs the program
 * with BPF_PROG_TEST_RUN, as for begin and end.
 */
#include <signal.h>

#include "probe/probe_priv.h"

const char *const self_signal_name[] = { "SIGUSR1", NULL };

static int self_expand(const struct provider *p, struct provider_env *env, const struct str *parts, uint32_t n, struct span span,
		       attach_each *each, void *arg)
{
	if (!parts_count(p, env, n, 2, 2, span))
		return -1;
	if (!str_is(parts[0], "signal"))
		return parts_bad(env, span, "%.*s is not a supported trigger", STR_FMT(parts[0]));
	if (!str_is(parts[1], "SIGUSR1"))
		return parts_bad(env, span, "%.*s is not a supported signal", STR_FMT(parts[1]));
	struct attach_point *ap = parts_place(env, p, span);
	ap->name = STR("self:signal:SIGUSR1");
	ap->target = parts[0];
	ap->func = parts[1];
	ap->event_id = SIGUSR1;
	each(arg, ap);
	return 1;
}

const struct provider provider_self = {
	.id = PROV_SELF, .name = "self", .aliases = "", .doc = "self:signal:SIGUSR1: a signal to sonde",
	.prog_type = BPF_PROG_TYPE_RAW_TRACEPOINT, .ptr_as = AS_NONE, .expand = self_expand,
};
