/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attaching by plan, and detaching. What cannot be attached is a failure with a sentence for the user; the others go on, and
 * the caller decides.
 *
 * Order: programs of one event fire in the order of the source, so mechanisms whose events call the newest first are
 * attached backwards (language reference 3.4).
 *
 * Detaching: closing a link takes its program off the event at once. Closing the perf event below waits for an RCU grace period in
 * the kernel, one event after the other, up to seconds for hundreds of tracepoints; no program runs by then and nobody needs to
 * wait, so the events are left to a child that does nothing but end with them open.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kern/sys.h"
#include "probe/probe_priv.h"

enum { ATTACH_FEW = 4 }; /* so few events are closed by ourselves */

struct attaching {
	struct arena *a;
	struct kern *k;
	const struct module *m;
	const int *fds;
	int pid;
	struct attached *ret;
	uint32_t *cpus;
	uint32_t n_cpus;
};

static void attach_fail(struct attaching *x, uint32_t at, int err, const char *what)
{
	const char *why = sys_refusal(-err);
	struct attach_failure f = { .attach = at, .err = err };
	f.why = arena_printf(x->a, "%s: %s%s%s", what, strerror(-err), why ? "; " : "", why ? why : "");
	vec_push(x->a, &x->ret->failures, f);
}

static void attach_fail_text(struct attaching *x, uint32_t at, int err, const char *why)
{
	struct attach_failure f = { .attach = at, .err = err, .why = why };
	vec_push(x->a, &x->ret->failures, f);
}

/* The number of a tracepoint: wildcards leave it to us, since reading 350 of them is only needed when they are attached. */
static int64_t attach_event_id(struct attaching *x, const struct attach_point *ap)
{
	if (ap->event_id)
		return (int64_t)ap->event_id;
	const char *why, *root = kern_tracefs(x->k, &why);
	char text[32];
	if (!root)
		return -ENOENT;
	int fd = open(arena_printf(x->a, "%s/events/%.*s/%.*s/id", root, STR_FMT(ap->target), STR_FMT(ap->func)), O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ssize_t n = read(fd, text, sizeof(text) - 1);
	int err = n < 0 ? -errno : 0;
	close(fd);
	if (n <= 0)
		return err ? err : -EINVAL;
	text[n] = '\0';
	int64_t id = strtoll(text, NULL, 10);
	return id > 0 ? id : -EINVAL;
}

/* Tie program and event together. The event stays ours until detach. */
static int attach_event(struct attaching *x, const struct plan_step *s, uint32_t at, int event)
{
	int link = s->how == AM_PERF_LINK ? sys_link_perf(x->fds[s->prog], event, at) : sys_perf_set_bpf(event, x->fds[s->prog]);
	if (link < 0) {
		close(event);
		return link;
	}
	vec_push(x->a, &x->ret->events, event);
	if (s->how == AM_PERF_LINK)
		vec_push(x->a, &x->ret->links, link);
	return 0;
}

static int attach_cpus(struct attaching *x)
{
	if (x->cpus)
		return 0;
	int n = sys_online_cpus(NULL, 0);
	if (n <= 0)
		return n ? n : -ENODEV;
	x->cpus = arena_array(x->a, uint32_t, n);
	n = sys_online_cpus(x->cpus, (uint32_t)n);
	if (n < 0)
		return n;
	x->n_cpus = (uint32_t)n;
	return 0;
}

static int attach_open_sampling(const struct attach_point *ap, int cpu)
{
	switch (ap->provider) {
	case PROV_SOFTWARE:
		return sys_perf_event(PERF_TYPE_SOFTWARE, ap->event_id, ap->period, -1, cpu);
	case PROV_HARDWARE:
		return sys_perf_event(PERF_TYPE_HARDWARE, ap->event_id, ap->period, -1, cpu);
	default:
		return sys_perf_timer(ap->period, ap->is_freq, -1, cpu);
	}
}

static void attach_sampling(struct attaching *x, const struct plan_step *s, uint32_t at)
{
	const struct attach_point *ap = x->m->attaches.v[at];
	int err = attach_cpus(x);
	uint32_t n = ap->provider == PROV_INTERVAL ? 1 : x->n_cpus, done = 0;
	for (uint32_t i = 0; i < n && !err; i++) {
		int event = attach_open_sampling(ap, (int)x->cpus[i]);
		if (event == -ENODEV && n > 1) /* a CPU that has gone meanwhile */
			continue;
		err = event < 0 ? event : attach_event(x, s, at, event);
		done += !err;
	}
	if (done) {
		x->ret->n_probes++;
	} else if (ap->provider == PROV_HARDWARE && (err == -ENOENT || err == -EOPNOTSUPP || err == -ENODEV || err == -EINVAL)) {
		attach_fail_text(x, at, err,
				 "this machine has no hardware performance counter (PMU) for it, as is usual in virtual machines; "
				 "software:cpu-clock or profile:hz:99 sample by timer");
	} else {
		attach_fail(x, at, err ? err : -ENODEV, "cannot open the perf event");
	}
}

static void attach_tracepoint(struct attaching *x, const struct plan_step *s, uint32_t at)
{
	const struct attach_point *ap = x->m->attaches.v[at];
	int64_t id = attach_event_id(x, ap);
	if (id < 0) {
		attach_fail(x, at, (int)id, "cannot read the tracepoint's number");
		return;
	}
	int event = sys_perf_tracepoint((uint64_t)id, -1, 0);
	int err = event < 0 ? event : attach_event(x, s, at, event);
	if (err)
		attach_fail(x, at, err, event < 0 ? "cannot open the perf event" : "cannot attach the program");
	else
		x->ret->n_probes++;
}

static bool attach_is_return(const struct attach_point *ap)
{
	return ap->provider == PROV_URETPROBE;
}

static void attach_uprobe(struct attaching *x, const struct plan_step *s, uint32_t at)
{
	const struct attach_point *ap = x->m->attaches.v[at];
	const char *path = arena_strndup(x->a, ap->target.s, ap->target.len);
	int event = sys_perf_uprobe(path, ap->address, ap->cookie_ref_ctr, attach_is_return(ap), x->pid ? x->pid : -1);
	int err = event < 0 ? event : attach_event(x, s, at, event);
	if (err)
		attach_fail(x, at, err, arena_printf(x->a, "cannot place a breakpoint in %s", path));
	else
		x->ret->n_probes++;
}

/* Places of one file in one link. */
static void attach_multi(struct attaching *x, const struct plan_step *s)
{
	bool *done = arena_array(x->a, bool, s->attach.n + 1);
	for (uint32_t i = 0; i < s->attach.n; i++) {
		const struct attach_point *ap = x->m->attaches.v[s->attach.v[i]];
		unsigned long *offsets = arena_array(x->a, unsigned long, s->attach.n), *refs = arena_array(x->a, unsigned long, s->attach.n);
		uint64_t *cookies = arena_array(x->a, uint64_t, s->attach.n);
		uint32_t n = 0;
		bool any_ref = false;
		if (done[i])
			continue;
		for (uint32_t k = i; k < s->attach.n; k++) {
			const struct attach_point *o = x->m->attaches.v[s->attach.v[k]];
			if (done[k] || !str_eq(o->target, ap->target) || attach_is_return(o) != attach_is_return(ap))
				continue;
			done[k] = true;
			offsets[n] = o->address;
			refs[n] = o->cookie_ref_ctr;
			any_ref |= o->cookie_ref_ctr != 0;
			cookies[n++] = s->attach.v[k];
		}
		const char *path = arena_strndup(x->a, ap->target.s, ap->target.len);
		struct sys_uprobe_multi u = { .path = path, .offsets = offsets, .ref_ctr = any_ref ? refs : NULL, .cookies = cookies, .n = n,
					      .ret = attach_is_return(ap), .pid = x->pid };
		int link = sys_link_uprobe_multi(x->fds[s->prog], &u);
		if (link < 0) {
			for (uint32_t k = 0; k < n; k++)
				attach_fail(x, (uint32_t)cookies[k], link, arena_printf(x->a, "cannot place breakpoints in %s", path));
			continue;
		}
		vec_push(x->a, &x->ret->links, link);
		x->ret->n_probes += n;
	}
}

static void attach_link(struct attaching *x, const struct plan_step *s, uint32_t at)
{
	const struct attach_point *ap = x->m->attaches.v[at];
	int fd = x->fds[s->prog], link;
	if (s->how == AM_RAW_LINK) {
		link = sys_link_raw_tracepoint(fd, arena_strndup(x->a, ap->func.s, ap->func.len), at);
	} else {
		link = sys_link_tracing(fd, s->attach_type, at);
		if (link == -EOPNOTSUPP || link == -EINVAL) /* no cookies for these links (before 6.10): the program has its number inside */
			link = sys_link_tracing(fd, s->attach_type, 0);
	}
	if (link < 0) {
		attach_fail(x, at, link, "cannot attach the program");
		return;
	}
	if (s->how == AM_ITER)
		vec_push(x->a, &x->ret->iter_links, link);
	else
		vec_push(x->a, &x->ret->links, link);
	x->ret->n_probes++;
}

static bool attach_is_backwards(enum provider_id p)
{
	return p == PROV_KPROBE || p == PROV_UPROBE || p == PROV_URETPROBE || p == PROV_USDT || p == PROV_FENTRY || p == PROV_FEXIT ||
	       p == PROV_ITER;
}

static void attach_step(struct attaching *x, const struct plan_step *s)
{
	if (s->how == AM_UPROBE_MULTI) {
		attach_multi(x, s);
		return;
	}
	for (uint32_t k = 0; k < s->attach.n; k++) {
		uint32_t at = s->attach.v[k];
		switch (x->m->attaches.v[at]->provider) {
		case PROV_TRACEPOINT:
			attach_tracepoint(x, s, at);
			break;
		case PROV_PROFILE:
		case PROV_INTERVAL:
		case PROV_SOFTWARE:
		case PROV_HARDWARE:
			attach_sampling(x, s, at);
			break;
		case PROV_UPROBE:
		case PROV_URETPROBE:
		case PROV_USDT:
			attach_uprobe(x, s, at);
			break;
		default:
			attach_link(x, s, at);
		}
	}
}

int probe_attach(struct arena *a, struct kern *k, const struct module *m, const struct plan *p, const int *prog_fds, int pid,
		 struct attached *ret)
{
	struct attaching x = { .a = a, .k = k, .m = m, .fds = prog_fds, .pid = pid, .ret = ret };
	*ret = (struct attached){ 0 };
	for (uint32_t i = 0; i < p->steps.n; i++) {
		const struct plan_step *s = &p->steps.v[i];
		if (s->how == AM_TEST_RUN)
			ret->n_probes += s->attach.n;
		else if (!attach_is_backwards(m->attaches.v[s->attach.v[0]]->provider))
			attach_step(&x, s);
	}
	for (uint32_t i = p->steps.n; i-- > 0;) {
		const struct plan_step *s = &p->steps.v[i];
		if (s->how != AM_TEST_RUN && attach_is_backwards(m->attaches.v[s->attach.v[0]]->provider))
			attach_step(&x, s);
	}
	return 0;
}

static void attach_close(const int *fds, uint32_t n)
{
	while (n)
		close(fds[--n]);
}

/* A child of a child holds the events and ends: what the kernel does then keeps nobody waiting. */
static bool attach_leave_to_child(const struct attached *at)
{
	pid_t pid = fork();
	if (pid < 0)
		return false;
	if (pid == 0) {
		pid = fork();
		if (pid != 0)
			_exit(127);
		/* nothing but the events may stay open: somebody may wait for the end of our output */
		int low = 0;
		for (bool more = true; more;) {
			int next = -1;
			for (uint32_t i = 0; i < at->events.n; i++)
				if (at->events.v[i] >= low && (next < 0 || at->events.v[i] < next))
					next = at->events.v[i];
			more = next >= 0;
			if (!more)
				close_range((unsigned)low, ~0u, 0);
			else if (next > low)
				close_range((unsigned)low, (unsigned)next - 1, 0);
			low = next + 1;
		}
		_exit(127);
	}
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return true;
}

void probe_detach(struct attached *at)
{
	attach_close(at->iter_links.v, at->iter_links.n);
	attach_close(at->links.v, at->links.n);
	if (at->events.n > ATTACH_FEW)
		attach_leave_to_child(at);
	attach_close(at->events.v, at->events.n);
	at->links.n = at->events.n = at->iter_links.n = 0;
}
