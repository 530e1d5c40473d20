/* SPDX-License-Identifier: Apache-2.0 */
/*
 * begin and end: programs that no event of the kernel runs. They are raw tracepoint programs which are never attached; the
 * session runs each once with BPF_PROG_TEST_RUN, in the context of our own process.
 */
#include "probe/probe_priv.h"

static int special_expand(const struct provider *p, struct provider_env *env, const struct str *parts, uint32_t n, struct span span,
			  attach_each *each, void *arg)
{
	if (!parts_count(p, env, n, 0, 0, span))
		return -1;
	each(arg, parts_place(env, p, span));
	return 1;
}

const struct provider provider_begin = {
	.id = PROV_BEGIN, .name = "begin", .aliases = "", .doc = "once, before everything else",
	.prog_type = BPF_PROG_TYPE_RAW_TRACEPOINT, .ptr_as = AS_NONE, .expand = special_expand,
};
const struct provider provider_end = {
	.id = PROV_END, .name = "end", .aliases = "", .doc = "once, at the end",
	.prog_type = BPF_PROG_TYPE_RAW_TRACEPOINT, .ptr_as = AS_NONE, .expand = special_expand,
};
