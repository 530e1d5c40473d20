/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plan: for each program how it will be attached, and why so. It is made
 * before anything is loaded, since the mechanism decides with which
 * attach type a program is loaded, and so that --explain can show it without touching the machine.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>

#include "probe/probe_priv.h"

const char *const attach_mechanism_name[AM_COUNT] = {
	[AM_TEST_RUN] = "test run", [AM_PERF_LINK] = "perf event, link", [AM_PERF_IOCTL] = "perf event", [AM_RAW_LINK] = "raw tracepoint",
	[AM_TRACING_LINK] = "BTF tracepoint", [AM_FENTRY] = "trampoline", [AM_KPROBE_MULTI] = "kprobe multi", [AM_KPROBE_SESSION] = "kprobe session",
	[AM_UPROBE_MULTI] = "uprobe multi", [AM_ITER] = "iterator",
};

static bool plan_has(struct facts *f, enum feature x)
{
	return f && f->ops->has && f->ops->has(f, x);
}

/* Why something is not used: the kernel, or the user. */
static const char *plan_lacks(struct facts *f, enum feature x, const char *name, const char *kernel, struct arena *a)
{
	if (f && f->ops->switched_off && f->ops->switched_off(f, x))
		return arena_printf(a, "%s is switched off by --no-feature", name);
	return kernel;
}

static void plan_perf(struct facts *f, struct plan_step *s, const char *what, struct arena *a)
{
	if (plan_has(f, FEAT_PERF_LINK)) {
		s->how = AM_PERF_LINK;
		s->why = what;
	} else {
		s->how = AM_PERF_IOCTL;
		s->why = arena_printf(a, "%s; this kernel has no links for perf events (before 5.15)", what);
	}
}

/* A multi-link also for one place: closing it does not wait behind others as a perf event does, and the kernel skips a perf event's
 * program, without a trace, when another runs on the same CPU. */
static void plan_uprobe(struct facts *f, struct plan_step *s, const struct module_prog *p, struct arena *a)
{
	if (plan_has(f, FEAT_UPROBE_MULTI)) {
		s->how = AM_UPROBE_MULTI;
		s->attach_type = TYPE_UPROBE_MULTI;
		s->why = p->attach.n > 1 ? arena_printf(a, "%u places in one link", p->attach.n) :
					   "one place; no events are lost to other programs, as with a perf event";
		return;
	}
	const char *why = plan_lacks(f, FEAT_UPROBE_MULTI, "uprobe_multi", "this kernel has no multi-links for uprobes (before 6.6)", a);
	plan_perf(f, s, arena_printf(a, p->attach.n > 1 ? "each place by itself: %s" : "one place; %s", why), a);
}

/* Kernel functions that are no trampoline's: many in one link, one by a perf event. */
static void plan_kprobe(struct facts *f, struct plan_step *s, const struct module *m, const struct module_prog *p, struct arena *a)
{
	const struct attach_point *first = m->attaches.v[p->attach.v[0]];
	const char *why = first->why && p->attach.n == 1 ? arena_printf(a, "; %s", first->why) : "";
	bool can = plan_has(f, FEAT_KPROBE_MULTI) && first->want != WANT_KPROBE;
	if (p->n_returns) { /* ir/lower_session.c */
		s->how = AM_KPROBE_SESSION;
		s->attach_type = TYPE_KPROBE_SESSION;
		s->why = p->n_returns > 1 ? arena_printf(a, "entry and return of %u functions in one link", p->n_returns) :
					    "entry and return in one link; as configured";
		return;
	}
	for (uint32_t i = 0; i < p->attach.n; i++)
		can &= !m->attaches.v[p->attach.v[i]]->offset && !m->attaches.v[p->attach.v[i]]->address;
	if (can && (p->attach.n > 1 || first->want == WANT_MULTI)) {
		s->how = AM_KPROBE_MULTI;
		s->attach_type = TYPE_KPROBE_MULTI;
		s->why = p->attach.n > 1 ? arena_printf(a, "%u functions in one link", p->attach.n) : "one function; as configured";
	} else if (p->attach.n > 1) {
		plan_perf(f, s, arena_printf(a, "each place by itself: %s", first->want == WANT_KPROBE ? "as configured" :
					     plan_has(f, FEAT_KPROBE_MULTI) ? "some are not at a function's entry" :
					     plan_lacks(f, FEAT_KPROBE_MULTI, "kprobe_multi",
							"this kernel has no multi-links for kprobes (5.18 and later, with CONFIG_FPROBE)", a)), a);
	} else {
		plan_perf(f, s, arena_printf(a, "a breakpoint or the tracer's call%s", why), a);
	}
}

static void plan_tracepoint(struct facts *f, struct plan_step *s, const struct module_prog *p, struct arena *a)
{
	if (p->prog_type == BPF_PROG_TYPE_TRACING) { /* see ir/lower_group.c */
		s->how = AM_TRACING_LINK;
		s->why = arena_printf(a, "%u system calls by the one raw tracepoint that all of them pass", p->attach.n);
		return;
	}
	plan_perf(f, s, p->attach.n > 1 ? "one program for all of them, told apart by cookies" : "the tracepoint's own event", a);
}

static void plan_program(struct arena *a, struct facts *f, const struct module *m, const struct module_prog *p, struct plan_step *s)
{
	switch (m->attaches.v[p->attach.v[0]]->provider) {
	case PROV_BEGIN:
		s->how = AM_TEST_RUN;
		s->why = "run once, before the others are attached";
		break;
	case PROV_END:
		s->how = AM_TEST_RUN;
		s->why = "run once, after the others are detached";
		break;
	case PROV_TEST:
	case PROV_BENCH:
		s->how = AM_TEST_RUN;
		s->why = "run by the session itself";
		break;
	case PROV_SELF:
		s->how = AM_TEST_RUN;
		s->why = "run when the signal comes";
		break;
	case PROV_RAWTRACEPOINT:
		s->how = p->prog_type == BPF_PROG_TYPE_TRACING ? AM_TRACING_LINK : AM_RAW_LINK;
		s->why = m->attaches.v[p->attach.v[0]]->is_ours ? "--follow: which processes are children of traced ones" :
			 s->how == AM_TRACING_LINK ? "arguments with their types: the kernel follows pointers for us" : "no types for it in this kernel";
		break;
	case PROV_ITER:
		s->how = AM_ITER;
		s->why = "read once, to the end";
		break;
	case PROV_FENTRY:
	case PROV_FEXIT:
	case PROV_KPROBE:
	case PROV_KRETPROBE:
		if (p->prog_type == BPF_PROG_TYPE_TRACING) {
			const char *why = m->attaches.v[p->attach.v[0]]->why;
			s->how = AM_FENTRY;
			s->why = arena_printf(a, "%s: %s", p->attach_type == TYPE_TRACE_FEXIT ? "fexit" : "fentry", why ? why : "its own kind");
		} else {
			plan_kprobe(f, s, m, p, a);
		}
		break;
	case PROV_UPROBE:
	case PROV_URETPROBE:
	case PROV_USDT:
		plan_uprobe(f, s, p, a);
		break;
	case PROV_WATCHPOINT:
		plan_perf(f, s, "a breakpoint register of the processor", a);
		break;
	case PROV_PROFILE:
	case PROV_SOFTWARE:
	case PROV_HARDWARE:
		plan_perf(f, s, "an event on each CPU", a);
		break;
	case PROV_INTERVAL:
		plan_perf(f, s, "a timer on one CPU", a);
		break;
	default:
		plan_tracepoint(f, s, p, a);
	}
}

int probe_plan_facts(struct arena *a, struct facts *f, const struct module *m, int pid, struct plan *ret)
{
	(void)pid;
	*ret = (struct plan){ 0 };
	for (uint32_t i = 0; i < m->progs.n; i++) {
		const struct module_prog *p = &m->progs.v[i];
		struct plan_step s = { .prog = i, .attach_type = p->attach_type };
		if (!p->attach.n)
			return -EINVAL;
		plan_program(a, f, m, p, &s);
		for (uint32_t k = 0; k < p->attach.n; k++)
			vec_push(a, &s.attach, p->attach.v[k]);
		enum provider_id id = m->attaches.v[p->attach.v[0]]->provider;
		if ((id == PROV_KPROBE || id == PROV_KRETPROBE || id == PROV_FENTRY || id == PROV_FEXIT) && s.how != AM_KPROBE_MULTI &&
		    s.how != AM_KPROBE_SESSION)
			ret->one_by_one += p->attach.n;
		vec_push(a, &ret->steps, s);
	}
	return 0;
}

int probe_plan(struct arena *a, struct kern *k, const struct module *m, int pid, struct plan *ret)
{
	return probe_plan_facts(a, kern_facts(k), m, pid, ret);
}

void probe_plan_print(const struct plan *p, const struct module *m, struct buf *out)
{
	for (uint32_t i = 0; i < p->steps.n; i++) {
		const struct plan_step *s = &p->steps.v[i];
		const struct attach_point *first = m->attaches.v[s->attach.v[0]];
		buf_add_safe(out, first->name.s, first->name.len, false);
		if (s->attach.n > 1)
			buf_addf(out, " and %u more", s->attach.n - 1);
		buf_addf(out, ": %s (%s)\n", attach_mechanism_name[s->how], s->why);
	}
}

const char *probe_pid_refusal(struct arena *a, int pid)
{
	char path[64], line[256];
	int tgid = pid;
	if (pid <= 0)
		return NULL;
	if (kill(pid, 0) != 0 && errno == ESRCH)
		return arena_printf(a, "process %d: %s", pid, strerror(ESRCH));
	/* A thread's id is found, too, but no event carries it as its process: nothing would ever be seen. */
	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	FILE *f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "Tgid: %d", &tgid) == 1)
			break;
	if (f)
		fclose(f);
	if (tgid != pid)
		return arena_printf(a, "%d is a thread of process %d: processes are traced, with all their threads", pid, tgid);
	return NULL;
}
