/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verdict: was the data complete? Every way to lose something is counted where it happens: by the programs in
 * the loss counters of each CPU's block of the data map, by the kernel in its own figures about our programs (runs that
 * its recursion guard skipped), and by us (probes that did not attach). The sum of them is given to out/, which
 * says nothing when it is nothing.
 */
#include "run/run.h"

static uint64_t verdict_sum(const struct session *s, enum cpu_word w)
{
	const struct module *m = &s->module;
	uint64_t n = 0;
	if (!s->data)
		return 0;
	for (uint32_t cpu = 0; cpu < m->ncpus_pow2; cpu++) {
		uint64_t off = (uint64_t)m->percpu_off + (uint64_t)cpu * m->cpu_stride + 8 * w;
		if (off + 8 <= s->data_size)
			n += *(const volatile uint64_t *)(s->data + off);
	}
	return n;
}

uint64_t verdict_lost(const struct session *s)
{
	return verdict_sum(s, CW_RING_FULL);
}

/* Older kernels (before 6.7) skip a program of an event while another runs on that CPU, and keep no count of it. */
static bool verdict_skips_unknown(struct session *s)
{
	for (uint32_t i = 0; i < s->plan.steps.n; i++) {
		enum attach_mechanism how = s->plan.steps.v[i].how;
		if (how == AM_PERF_LINK || how == AM_PERF_IOCTL || how == AM_KPROBE_MULTI)
			return !kern_has(s->kern, FEAT_SKIP_COUNT);
	}
	return false;
}

void verdict_print(struct session *s)
{
	static const uint8_t words[LOSS_COUNT] = {
		[LOSS_RING] = CW_RING_FULL, [LOSS_MAP] = CW_MAP_FULL, [LOSS_USER] = CW_USER_READ, [LOSS_KERNEL] = CW_KERN_READ,
		[LOSS_SKIP] = CW_SKIP, [LOSS_DIV] = CW_DIV_ZERO, [LOSS_BOUNDS] = CW_OOB, [LOSS_LOOP] = CW_LOOP,
		[LOSS_STACK] = CW_STACK, [LOSS_UNWIND] = CW_UNWIND, [LOSS_CUT] = CW_CUT, [LOSS_FOLLOW] = CW_FOLLOW,
	};
	struct out_verdict v = { 0 };
	for (int i = 0; i < LOSS_COUNT; i++)
		v.n[i] = words[i] ? verdict_sum(s, words[i]) : 0;
	for (uint32_t i = 0; s->prog_fds && i < s->module.progs.n; i++) {
		struct sys_prog_info info = { 0 };
		if (s->prog_fds[i] >= 0 && !sys_prog_info(s->prog_fds[i], &info))
			v.n[LOSS_SKIP] += info.recursion_misses;
	}
	probe_count_missed(&s->attached);
	v.n[LOSS_SKIP] += s->attached.missed;
	v.n[LOSS_RETURN] = s->attached.missed_returns;
	v.skips_unknown = verdict_skips_unknown(s);
	v.verbose = s->o->verbose;
	if (s->sema.config.missing_probes != 2) {
		v.n[LOSS_ATTACH] = s->attached.failures.n;
		for (uint32_t i = 0; i < s->attached.failures.n; i++) {
			const struct attach_failure *f = &s->attached.failures.v[i];
			struct str name = s->module.attaches.v[f->attach]->name;
			vec_push(&s->arena, &v.attach,
				 arena_printf(&s->arena, "%.*s: %s", STR_FMT(name), f->why ? f->why : strerror(-f->err)));
		}
	}
	if (s->n_bad_records) {
		struct buf b = { 0 };
		buf_addf(&b, "internal error: %llu records could not be read", (unsigned long long)s->n_bad_records);
		s->out.ops->message(&s->out, EV_ERRORF, &s->diags, (struct span){ 0 }, b.s, b.len);
		buf_fini(&b);
	}
	s->out.ops->verdict(&s->out, &v);
}
