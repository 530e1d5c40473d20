/* SPDX-License-Identifier: Apache-2.0 */
/*
 * software:EVENT[:COUNT] and hardware:EVENT[:COUNT]: perf counters; the program runs at every COUNT-th event of a CPU. The names,
 * aliases and default counts are the language's (reference 3.2). With -p the program drops the events of other processes.
 */
#include <linux/perf_event.h>

#include "probe/probe_priv.h"

const struct perf_event_name event_software[] = {
	{ "alignment-faults", "", PERF_COUNT_SW_ALIGNMENT_FAULTS, 1 },
	{ "bpf-output", "", PERF_COUNT_SW_BPF_OUTPUT, 1 },
	{ "context-switches", "cs", PERF_COUNT_SW_CONTEXT_SWITCHES, 1000 },
	{ "cpu-clock", "cpu", PERF_COUNT_SW_CPU_CLOCK, 1000000 },
	{ "cpu-migrations", "", PERF_COUNT_SW_CPU_MIGRATIONS, 1 },
	{ "dummy", "", PERF_COUNT_SW_DUMMY, 1 },
	{ "emulation-faults", "", PERF_COUNT_SW_EMULATION_FAULTS, 1 },
	{ "major-faults", "", PERF_COUNT_SW_PAGE_FAULTS_MAJ, 1 },
	{ "minor-faults", "", PERF_COUNT_SW_PAGE_FAULTS_MIN, 100 },
	{ "page-faults", "faults", PERF_COUNT_SW_PAGE_FAULTS, 100 },
	{ "task-clock", "", PERF_COUNT_SW_TASK_CLOCK, 1 },
	{ NULL, NULL, 0, 0 },
};
const struct perf_event_name event_hardware[] = {
	{ "backend-stalls", "", PERF_COUNT_HW_STALLED_CYCLES_BACKEND, 1000000 },
	{ "branch-instructions", "branches", PERF_COUNT_HW_BRANCH_INSTRUCTIONS, 100000 },
	{ "branch-misses", "", PERF_COUNT_HW_BRANCH_MISSES, 100000 },
	{ "bus-cycles", "", PERF_COUNT_HW_BUS_CYCLES, 100000 },
	{ "cache-misses", "", PERF_COUNT_HW_CACHE_MISSES, 1000000 },
	{ "cache-references", "", PERF_COUNT_HW_CACHE_REFERENCES, 1000000 },
	{ "cpu-cycles", "cycles", PERF_COUNT_HW_CPU_CYCLES, 1000000 },
	{ "frontend-stalls", "", PERF_COUNT_HW_STALLED_CYCLES_FRONTEND, 1000000 },
	{ "instructions", "", PERF_COUNT_HW_INSTRUCTIONS, 1000000 },
	{ "ref-cycles", "", PERF_COUNT_HW_REF_CPU_CYCLES, 1000000 },
	{ NULL, NULL, 0, 0 },
};

static int event_expand(const struct provider *p, struct provider_env *env, const struct str *parts, uint32_t n, struct span span,
			attach_each *each, void *arg)
{
	const struct perf_event_name *e = p->id == PROV_SOFTWARE ? event_software : event_hardware, *hit = NULL;
	uint64_t count;
	if (!parts_count(p, env, n, 1, 2, span))
		return -1;
	if (parts_has_wildcard(parts[0]))
		return parts_bad(env, span, "wildcards are not allowed for %s probe type", p->name);
	const char *best = NULL, *want = arena_strndup(env->arena, parts[0].s, parts[0].len);
	int dist = 3;
	for (; e->name && !hit; e++) {
		if (str_is(parts[0], e->name) || (*e->alias && str_is(parts[0], e->alias)))
			hit = e;
		int d = str_distance(e->name, want, 3);
		if (d < dist) {
			dist = d;
			best = e->name;
		}
	}
	if (!hit) {
		parts_bad(env, span, "%s is not a %s probe", want, p->name);
		if (best)
			diag_hint(env->diags, "did you mean '%s'?", best);
		return -1;
	}
	count = hit->period;
	if (n == 2 && parts[1].len && !parts_number(parts[1], &count))
		return parts_bad(env, span, "%s probe can only have an integer count", p->name);
	if (count == 0 || count > INT64_MAX)
		return parts_bad(env, span, "%s count should be a positive integer", p->name);
	struct attach_point *ap = parts_place(env, p, span);
	ap->name = str_of(n == 2 && parts[1].len ? arena_printf(env->arena, "%s:%s:%llu", p->name, want, (unsigned long long)count) :
						  arena_printf(env->arena, "%s:%s", p->name, want));
	ap->target = str_of(want);
	ap->event_id = hit->config;
	ap->period = count;
	each(arg, ap);
	return 1;
}

const struct provider provider_software = {
	.id = PROV_SOFTWARE, .name = "software", .aliases = "s", .doc = "kernel software event",
	.prog_type = BPF_PROG_TYPE_PERF_EVENT, .access = ACC_CTX | ACC_REG, .ptr_as = AS_NONE, .has_pt_regs = true,
	.expand = event_expand, .load_args = parts_load_perf,
};
const struct provider provider_hardware = {
	.id = PROV_HARDWARE, .name = "hardware", .aliases = "h", .doc = "processor event",
	.prog_type = BPF_PROG_TYPE_PERF_EVENT, .access = ACC_CTX | ACC_REG, .ptr_as = AS_NONE, .has_pt_regs = true,
	.expand = event_expand, .load_args = parts_load_perf,
};
