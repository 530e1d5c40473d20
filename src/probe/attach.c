/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attaching by plan (detaching: detach.c). What cannot be attached is a failure with a sentence for the user; the others go on, and
 * the caller decides.
 *
 * Order: programs of one event fire in the order of the source, so mechanisms whose events call the newest first are
 * attached backwards (language reference 3.4).
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <unistd.h>

#include "kern/sys.h"
#include "probe/probe_priv.h"

enum {
	ATTACH_ENOTSUPP = 524,  /* the kernel's own number, in no header: an instruction that it cannot step over */
};

struct attaching {
	struct arena *a;
	struct kern *k;
	const struct module *m;
	const int *fds;
	int pid;
	struct attached *ret;
	uint32_t *cpus;
	uint32_t n_cpus;
	bool (*stop)(void *arg);
	void *stop_arg;
};

/* A signal that ends us waits, or has come: it is for the session to take it; here it only means that the rest need not be attached. */
static bool attach_interrupted(struct attaching *x)
{
	if (!x->ret->interrupted && x->stop && x->stop(x->stop_arg))
		x->ret->interrupted = true;
	return x->ret->interrupted;
}

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
	if (s->how == AM_PERF_LINK)
		vec_push(x->a, &x->ret->links, link);
	if (x->m->attaches.v[at]->provider == PROV_WATCHPOINT) {
		struct attach_watched w = { x->m->attaches.v[at]->address, event };
		vec_push(x->a, &x->ret->watched, w);
	}
	enum provider_id p = x->m->attaches.v[at]->provider; /* kprobes' events are of the same kind, beneath the same lock */
	if (s->how == AM_PERF_LINK && (p == PROV_TRACEPOINT || p == PROV_KPROBE || p == PROV_KRETPROBE))
		vec_push(x->a, &x->ret->tracepoints, event);
	else
		vec_push(x->a, &x->ret->events, event);
	return 0;
}

static int attach_cpus(struct attaching *x)
{
	if (x->cpus)
		return 0;
	int n = sys_possible_cpus();
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
		/* By period, also what was said in Hz: a frequency is bounded by kernel.perf_event_max_sample_rate, which the kernel
		 * itself lowers under load. */
		return sys_perf_timer(ap->is_freq ? 1000000000 / ap->period : ap->period, false, -1, cpu);
	}
}

static void attach_sampling(struct attaching *x, const struct plan_step *s, uint32_t at)
{
	const struct attach_point *ap = x->m->attaches.v[at];
	int err = attach_cpus(x);
	uint32_t n = ap->provider == PROV_INTERVAL && x->n_cpus ? 1 : x->n_cpus, done = 0;
	for (uint32_t i = 0; i < n && !err; i++) {
		int event = attach_open_sampling(ap, (int)x->cpus[i]);
		if (event == -ENODEV && n > 1) /* a CPU that has gone meanwhile */
			continue;
		err = event < 0 ? event : attach_event(x, s, at, event);
		done += !err;
	}
	if (done && !err) {
		x->ret->n_probes++;
	} else if (ap->provider == PROV_HARDWARE && (err == -ENOENT || err == -EOPNOTSUPP || err == -ENODEV || err == -EINVAL)) {
		attach_fail_text(x, at, err,
				 "this machine has no hardware performance counter (PMU) for it, as is usual in virtual machines; "
				 "software:cpu-clock or profile:hz:99 sample by timer");
	} else {
		attach_fail(x, at, err ? err : -ENODEV, "cannot open the perf event");
	}
}

/* On every CPU for the kernel; in every thread of a process, which those that it starts later inherit. */
static void attach_watch(struct attaching *x, const struct plan_step *s, uint32_t at)
{
	const struct attach_point *ap = x->m->attaches.v[at];
	int err = x->pid ? 0 : attach_cpus(x), done = 0;
	DIR *d = x->pid ? opendir(arena_printf(x->a, "/proc/%d/task", x->pid)) : NULL;
	struct dirent *e;
	for (uint32_t i = 0; !err; i++) {
		int tid = -1, cpu = -1;
		if (x->pid) {
			do
				e = d ? readdir(d) : NULL;
			while (e && e->d_name[0] == '.');
			if (!e)
				break;
			tid = atoi(e->d_name);
		} else {
			if (i >= x->n_cpus)
				break;
			cpu = (int)x->cpus[i];
		}
		int event = sys_perf_watch(ap->address, (uint32_t)ap->period, (uint32_t)ap->event_id, tid, cpu);
		if (event == -ESRCH && x->pid)
			continue; /* the thread has ended meanwhile */
		err = event < 0 ? event : attach_event(x, s, at, event);
		done += !err;
	}
	if (d)
		closedir(d);
	if (done && !err)
		x->ret->n_probes++;
	else if (err == -ENOSPC)
		attach_fail_text(x, at, err, "the processor has no breakpoint register left");
	else
		attach_fail(x, at, err ? err : -ESRCH, "cannot watch the address");
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

/* The kernel has one semaphore for a place, that of the first who came: EINVAL for all who name another, or none. */
static const char *attach_semaphore_doubt(struct attaching *x, const struct attach_point *ap)
{
	for (uint32_t i = 0; i < x->m->attaches.n; i++) {
		const struct attach_point *o = x->m->attaches.v[i];
		if (str_eq(o->target, ap->target) && o->address == ap->address && o->cookie_ref_ctr != ap->cookie_ref_ctr)
			return arena_printf(x->a, "; %.*s is at the same place and has a semaphore, which the kernel wants of all probes there",
					    STR_FMT(o->cookie_ref_ctr ? o->name : ap->name));
	}
	return ap->cookie_ref_ctr ? "; perhaps somebody else has a probe there without its semaphore" : "";
}

static void attach_fail_uprobe(struct attaching *x, uint32_t at, int err)
{
	const struct attach_point *ap = x->m->attaches.v[at];
	const char *where = arena_printf(x->a, "%.*s at offset 0x%llx", STR_FMT(ap->target), (unsigned long long)ap->address);
	if (err == -ATTACH_ENOTSUPP || err == -EILSEQ)
		attach_fail_text(x, at, err, arena_printf(x->a, "the kernel cannot put a breakpoint on the instruction in %s", where));
	else if (err == -ESRCH)
		attach_fail_text(x, at, err, arena_printf(x->a, "process %d: %s", x->pid, strerror(ESRCH)));
	else if (err == -EINVAL)
		attach_fail_text(x, at, err, arena_printf(x->a, "cannot put a breakpoint in %s: %s%s", where, strerror(EINVAL),
							  attach_semaphore_doubt(x, ap)));
	else
		attach_fail(x, at, err, arena_printf(x->a, "cannot put a breakpoint in %s", where));
}

static void attach_uprobe(struct attaching *x, const struct plan_step *s, uint32_t at)
{
	const struct attach_point *ap = x->m->attaches.v[at];
	const char *path = arena_strndup(x->a, ap->target.s, ap->target.len);
	int event = sys_perf_uprobe(path, ap->address, ap->cookie_ref_ctr, attach_is_return(ap), x->pid ? x->pid : -1);
	int err = event < 0 ? event : attach_event(x, s, at, event);
	if (err)
		attach_fail_uprobe(x, at, err);
	else
		x->ret->n_probes++;
}

/* Places of one file in one link. The kernel takes all or none; when it takes none, halves are tried until those that it refuses stand
 * alone, and the others work. */
static void attach_multi_range(struct attaching *x, const struct plan_step *s, const struct sys_uprobe_multi *all)
{
	int link = sys_link_uprobe_multi(x->fds[s->prog], all);
	if (link >= 0) {
		vec_push(x->a, &x->ret->links, link);
		x->ret->n_probes += all->n;
		return;
	}
	/* Only what may lie with one place is worth it: a bad instruction, an offset; not a missing privilege or file. */
	if (all->n > 1 && !attach_interrupted(x) && (link == -EINVAL || link == -EIO || link == -ATTACH_ENOTSUPP || link == -EILSEQ)) {
		struct sys_uprobe_multi half = *all;
		half.n = all->n / 2;
		attach_multi_range(x, s, &half);
		half = *all;
		half.offsets += all->n / 2;
		half.cookies += all->n / 2;
		half.ref_ctr = all->ref_ctr ? all->ref_ctr + all->n / 2 : NULL;
		half.n -= all->n / 2;
		attach_multi_range(x, s, &half);
		return;
	}
	for (uint32_t k = 0; k < all->n; k++)
		attach_fail_uprobe(x, (uint32_t)all->cookies[k], link);
}

static void attach_multi(struct attaching *x, const struct plan_step *s)
{
	bool *done = arena_array(x->a, bool, s->attach.n);
	unsigned long *offsets = arena_array(x->a, unsigned long, s->attach.n), *refs = arena_array(x->a, unsigned long, s->attach.n);
	uint64_t *cookies = arena_array(x->a, uint64_t, s->attach.n);
	for (uint32_t i = 0; i < s->attach.n; i++) {
		const struct attach_point *ap = x->m->attaches.v[s->attach.v[i]];
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
		struct sys_uprobe_multi u = { .path = arena_strndup(x->a, ap->target.s, ap->target.len), .offsets = offsets,
					      .ref_ctr = any_ref ? refs : NULL, .cookies = cookies, .n = n, .ret = attach_is_return(ap),
					      .pid = x->pid };
		attach_multi_range(x, s, &u);
	}
}

/* -- functions of the kernel -- */

static void attach_fail_kernel(struct attaching *x, uint32_t at, int err)
{
	const struct attach_point *ap = x->m->attaches.v[at];
	const char *hint, *name = arena_strndup(x->a, ap->func.s, ap->func.len);
	struct str in;
	if (err == -EOPNOTSUPP && !kern_has(x->k, FEAT_KPROBE)) {
		attach_fail_text(x, at, err, "this kernel has no kprobes (CONFIG_KPROBE_EVENTS), or does not allow them");
		return;
	}
	if (err == -EADDRNOTAVAIL) {
		attach_fail_text(x, at, err, arena_printf(x->a, "several functions of the kernel are named %s", name));
		return;
	}
	struct facts *f = kern_facts(x->k);
	if (ap->func.len && (err == -EINVAL || err == -ENOENT || err == -ESRCH || err == -EBUSY || err == -EILSEQ) &&
	    f->ops->traceable(f, ap->in_module ? ap->target : STR(""), ap->func, &in) == 0) {
		const char *why = function_missing(x->a, f, name, &hint);
		if (why) {
			attach_fail_text(x, at, err, why);
			return;
		}
	}
	if (err == -EILSEQ)
		attach_fail_text(x, at, err, "no instruction begins there: Possible attachment attempt in the middle of an instruction, try a different offset.");
	else
		attach_fail(x, at, err, "cannot attach to the function");
}

static bool attach_is_kernel_return(const struct attach_point *ap)
{
	return ap->provider == PROV_KRETPROBE;
}

static void attach_kernel_link(struct attaching *x, int link, bool returns)
{
	struct attach_counted c = { link, returns };
	vec_push(x->a, &x->ret->counted, c);
}

static void attach_kprobe(struct attaching *x, const struct plan_step *s, uint32_t at)
{
	const struct attach_point *ap = x->m->attaches.v[at];
	const char *name = ap->in_module ? arena_printf(x->a, "%.*s:%.*s", STR_FMT(ap->target), STR_FMT(ap->func)) :
					   arena_strndup(x->a, ap->func.s, ap->func.len);
	uint32_t links = x->ret->links.n;
	int event = sys_perf_kprobe(ap->address ? NULL : name, ap->address ? ap->address : ap->offset, attach_is_kernel_return(ap));
	int err = event < 0 ? event : attach_event(x, s, at, event);
	if (err) {
		attach_fail_kernel(x, at, err);
		return;
	}
	x->ret->n_probes++;
	if (x->ret->links.n > links)
		attach_kernel_link(x, x->ret->links.v[links], attach_is_kernel_return(ap));
}

/* All or none, as with uprobes: halves are tried until the bad ones stand alone. */
static void attach_kprobe_range(struct attaching *x, const struct plan_step *s, const struct sys_kprobe_multi *all)
{
	int link = sys_link_kprobe_multi(x->fds[s->prog], s->attach_type, all);
	if (link >= 0) {
		vec_push(x->a, &x->ret->links, link);
		attach_kernel_link(x, link, all->ret || s->how == AM_KPROBE_SESSION);
		x->ret->n_probes += s->how == AM_KPROBE_SESSION ? 2 * all->n : all->n;
		return;
	}
	if (all->n > 1 && !attach_interrupted(x) && (link == -EINVAL || link == -ESRCH || link == -ENOENT || link == -EBUSY || link == -EADDRNOTAVAIL)) {
		struct sys_kprobe_multi half = *all;
		half.n = all->n / 2;
		attach_kprobe_range(x, s, &half);
		half = *all;
		half.syms += all->n / 2;
		half.addrs = all->addrs ? all->addrs + all->n / 2 : NULL;
		half.cookies += all->n / 2;
		half.n -= all->n / 2;
		attach_kprobe_range(x, s, &half);
		return;
	}
	for (uint32_t k = 0; k < all->n; k++)
		attach_fail_kernel(x, (uint32_t)all->cookies[k], link);
}

/* The kernel's own functions by name; those of modules by address, since older kernels look no names up in modules. */
static void attach_kprobe_multi(struct attaching *x, const struct plan_step *s)
{
	uint32_t n = s->how == AM_KPROBE_SESSION ? s->attach.n / 2 : s->attach.n; /* of a session: the entries */
	const char **syms = arena_array(x->a, const char *, n);
	uint64_t *cookies = arena_array(x->a, uint64_t, n), *addrs = arena_array(x->a, uint64_t, n);
	for (int modules = 0; modules < 2; modules++) {
		struct sys_kprobe_multi u = { .syms = syms, .addrs = modules ? addrs : NULL, .cookies = cookies };
		for (uint32_t i = 0; i < n; i++) {
			const struct attach_point *ap = x->m->attaches.v[s->attach.v[i]];
			if (ap->in_module != (modules == 1))
				continue;
			u.ret = attach_is_kernel_return(ap);
			syms[u.n] = arena_strndup(x->a, ap->func.s, ap->func.len);
			cookies[u.n] = s->attach.v[i];
			if (modules && !(addrs[u.n] = kern_symbol_in(x->k, syms[u.n], ap->target))) {
				attach_fail_text(x, s->attach.v[i], -ENOENT, "the function's address is not to be had");
				continue;
			}
			u.n++;
		}
		if (u.n)
			attach_kprobe_range(x, s, &u);
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
	if (link < 0 && s->how == AM_FENTRY) {
		attach_fail_kernel(x, at, link);
		return;
	}
	if (link < 0) {
		attach_fail(x, at, link, "cannot attach the program");
		return;
	}
	int err = ap->pin.len ? sys_pin(link, arena_strndup(x->a, ap->pin.s, ap->pin.len)) : 0;
	if (err) {
		close(link);
		attach_fail_text(x, at, err, arena_printf(x->a, "%.*s: %s%s", STR_FMT(ap->pin), strerror(-err),
							  err == -EEXIST ? "" : "; it must be in a BPF file system"));
		return;
	}
	if (s->how == AM_ITER && !ap->pin.len)
		vec_push(x->a, &x->ret->iter_links, link);
	else
		vec_push(x->a, &x->ret->links, link);
	x->ret->n_probes += !ap->is_ours;
}

static bool attach_is_backwards(enum provider_id p)
{
	return p == PROV_KPROBE || p == PROV_UPROBE || p == PROV_URETPROBE || p == PROV_USDT || p == PROV_FENTRY || p == PROV_FEXIT ||
	       p == PROV_ITER;
}

static void attach_step(struct attaching *x, const struct plan_step *s)
{
	if (attach_interrupted(x))
		return;
	if (s->how == AM_UPROBE_MULTI) {
		attach_multi(x, s);
		return;
	}
	if (s->how == AM_KPROBE_MULTI || s->how == AM_KPROBE_SESSION) {
		attach_kprobe_multi(x, s);
		return;
	}
	if (s->how == AM_TRACING_LINK && x->m->attaches.v[s->attach.v[0]]->provider == PROV_TRACEPOINT) {
		uint32_t before = x->ret->n_probes; /* one link for all: ir/lower_group.c */
		attach_link(x, s, s->attach.v[0]);
		if (x->ret->n_probes > before)
			x->ret->n_probes += s->attach.n - 1;
		return;
	}
	for (uint32_t k = 0; k < s->attach.n && !attach_interrupted(x); k++) {
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
		case PROV_WATCHPOINT:
			attach_watch(x, s, at);
			break;
		case PROV_KPROBE:
		case PROV_KRETPROBE:
			if (s->how == AM_FENTRY)
				attach_link(x, s, at);
			else
				attach_kprobe(x, s, at);
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
		 bool (*stop)(void *arg), void *stop_arg, struct attached *ret)
{
	struct attaching x = { .a = a, .k = k, .m = m, .fds = prog_fds, .pid = pid, .ret = ret, .stop = stop, .stop_arg = stop_arg };
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
	return ret->interrupted ? -EINTR : 0;
}
