/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watchpoint:ADDRESS:LENGTH:MODE: a breakpoint register of the processor; the program runs when LENGTH bytes there are written (w), read or
 * written (rw), or executed (x). With -p or -c it is an address of that process, watched in each of its threads and those that they
 * start; otherwise one of the kernel, watched on every CPU. There are four such registers.
 */
#include <linux/hw_breakpoint.h>

#include "probe/probe_priv.h"

/* Letters in order, each once; what the processor offers. */
static const struct { const char *letters; uint32_t type; } watch_modes[] = {
#if defined(__x86_64__)
	{ "w", HW_BREAKPOINT_W }, { "rw", HW_BREAKPOINT_RW }, { "x", HW_BREAKPOINT_X },
#else
	{ "r", HW_BREAKPOINT_R }, { "w", HW_BREAKPOINT_W }, { "rw", HW_BREAKPOINT_RW }, { "x", HW_BREAKPOINT_X },
#endif
};

static int watch_mode(struct provider_env *env, struct span span, struct str text, uint32_t *ret)
{
	char sorted[4] = "";
	uint32_t n = 0;
	for (const char *c = "rwx"; *c; c++) {
		uint32_t times = 0;
		for (uint32_t i = 0; i < text.len; i++)
			times += text.s[i] == *c;
		if (times > 1)
			return parts_bad(env, span, "watchpoint modes may not be duplicated");
		if (times)
			sorted[n++] = *c;
	}
	if (!n || n != text.len)
		return parts_bad(env, span, "watchpoint mode must be combination of (r,w,x)");
	for (size_t i = 0; i < sizeof(watch_modes) / sizeof(*watch_modes); i++) {
		if (strcmp(watch_modes[i].letters, sorted))
			continue;
		*ret = watch_modes[i].type;
		return 0;
	}
	parts_bad(env, span, "invalid watchpoint mode: %.*s", STR_FMT(text));
#if defined(__x86_64__)
	diag_hint(env->diags, "supported modes: {w, rw, x}");
#else
	diag_hint(env->diags, "supported modes: {r, w, rw, x}");
#endif
	return -1;
}

static int watch_expand(const struct provider *p, struct provider_env *env, const struct str *parts, uint32_t n, struct span span,
			attach_each *each, void *arg)
{
	uint64_t address, len;
	uint32_t type = 0;
	if (!parts_count(p, env, n, 3, 3, span))
		return -1;
	if (!parts_number(parts[0], &address))
		return parts_bad(env, span, "watchpoint wants an address, not %.*s", STR_FMT(parts[0]));
	if (!address)
		return parts_bad(env, span, "watchpoint must be attached to a non-zero address");
	if (!parts_number(parts[1], &len) || (len != 1 && len != 2 && len != 4 && len != 8))
		return parts_bad(env, span, "watchpoint length must be one of (1,2,4,8)");
	if (watch_mode(env, span, parts[2], &type))
		return -1;
	struct attach_point *ap = parts_place(env, p, span);
	ap->name = str_of(arena_printf(env->arena, "watchpoint:0x%llx:%u:%.*s", (unsigned long long)address, (unsigned)len, STR_FMT(parts[2])));
	ap->address = address;
	ap->period = type == HW_BREAKPOINT_X ? sizeof(long) : len; /* what is executed is watched by words */
	ap->event_id = type;
	each(arg, ap);
	return 1;
}

const struct provider provider_watchpoint = {
	.id = PROV_WATCHPOINT, .name = "watchpoint", .aliases = "w", .doc = "memory access",
	.prog_type = BPF_PROG_TYPE_PERF_EVENT, .access = ACC_CTX | ACC_REG, .ptr_as = AS_NONE, .has_pt_regs = true,
	.expand = watch_expand, .load_args = parts_load_perf,
};
