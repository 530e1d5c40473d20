/* SPDX-License-Identifier: Apache-2.0 */
/* Plans by facts alone: which mechanism a kernel that has everything, or lacks something, gets, and with which attach type to load. */
#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <pthread.h>
#include <unistd.h>

#include "../check.h"
#include "probe/probe.h"

static struct check c = { .suite = "probe/plan" };

static bool has_all(struct facts *f, enum feature x)
{
	return true;
}
static bool has_none(struct facts *f, enum feature x)
{
	return false;
}
static bool has_no_links(struct facts *f, enum feature x)
{
	return x != FEAT_PERF_LINK;
}

/* A module with one program per row, for `n` places each. */
static struct module *make(struct arena *a)
{
	static const struct { enum provider_id provider; const char *name; uint32_t n, type, attach_type; } rows[] = {
		{ PROV_BEGIN, "begin", 1, BPF_PROG_TYPE_RAW_TRACEPOINT, 0 },
		{ PROV_TRACEPOINT, "tracepoint:a:b", 3, BPF_PROG_TYPE_TRACEPOINT, 0 },
		{ PROV_RAWTRACEPOINT, "rawtracepoint:vmlinux:x", 1, BPF_PROG_TYPE_TRACING, 23 },
		{ PROV_UPROBE, "uprobe:/x:f", 2, BPF_PROG_TYPE_KPROBE, 0 },
		{ PROV_URETPROBE, "uretprobe:/x:\033[1mf", 1, BPF_PROG_TYPE_KPROBE, 0 },
		{ PROV_PROFILE, "profile:hz:99", 1, BPF_PROG_TYPE_PERF_EVENT, 0 },
		{ PROV_ITER, "iter:task", 1, BPF_PROG_TYPE_TRACING, 28 },
		{ PROV_END, "end", 1, BPF_PROG_TYPE_RAW_TRACEPOINT, 0 },
	};
	struct module *m = arena_new(a, struct module);
	for (uint32_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct module_prog p = { .prog_type = rows[i].type, .attach_type = rows[i].attach_type };
		for (uint32_t k = 0; k < rows[i].n; k++) {
			struct attach_point *ap = arena_new(a, struct attach_point);
			ap->provider = rows[i].provider;
			ap->name = str_of(rows[i].name);
			vec_push(a, &p.attach, m->attaches.n);
			vec_push(a, &m->attaches, ap);
		}
		vec_push(a, &m->progs, p);
	}
	return m;
}

static void test_plan(struct arena *a, const char *what, bool (*has)(struct facts *, enum feature), const enum attach_mechanism *how,
		      uint32_t multi_type)
{
	struct facts_ops ops = { .has = has };
	struct facts f = { .ops = &ops, .arena = a };
	struct module *m = make(a);
	struct plan p;
	if (!CHECK(&c, probe_plan_facts(a, &f, m, 0, &p) == 0) || !CHECK(&c, p.steps.n == m->progs.n))
		return;
	for (uint32_t i = 0; i < p.steps.n; i++) {
		const struct plan_step *s = &p.steps.v[i];
		bool user = m->attaches.v[s->attach.v[0]]->provider == PROV_UPROBE || m->attaches.v[s->attach.v[0]]->provider == PROV_URETPROBE;
		const char *name = arena_printf(a, "%s: program %u", what, i);
		check_true(&c, arena_printf(a, "%s: mechanism %s", name, attach_mechanism_name[s->how]), s->how == how[i]);
		check_true(&c, arena_printf(a, "%s: attach type", name),
			   s->attach_type == (user ? multi_type : m->progs.v[i].attach_type));
		check_true(&c, arena_printf(a, "%s: its places", name),
			   s->prog == i && s->attach.n == m->progs.v[i].attach.n && s->attach.v[0] == m->progs.v[i].attach.v[0]);
		check_true(&c, arena_printf(a, "%s: a reason", name), s->why && *s->why);
	}
	struct buf out = { 0 };
	probe_plan_print(&p, m, &out);
	CHECK(&c, out.s && strstr(out.s, "tracepoint:a:b and 2 more: ") && strstr(out.s, "iter:task: "));
	CHECK(&c, out.s && !strchr(out.s, '\033')); /* names are of files: nothing of theirs reaches a terminal */
	buf_fini(&out);
}

static void *thread(void *arg)
{
	int *pipes = arg, tid = gettid();
	if (write(pipes[1], &tid, sizeof(tid)) == sizeof(tid))
		(void)!read(pipes[2], &tid, 1); /* stay until asked to go */
	return NULL;
}

static void test_pid(struct arena *a)
{
	const char *why;
	CHECK(&c, !probe_pid_refusal(a, 0) && !probe_pid_refusal(a, getpid()));
	pid_t gone = fork();
	if (gone == 0)
		_exit(127);
	CHECK(&c, gone > 0 && waitpid(gone, NULL, 0) == gone);
	why = probe_pid_refusal(a, gone);
	CHECK(&c, why && strstr(why, "No such process") && strstr(why, arena_printf(a, "%d", gone)));
	int pipes[4], tid = 0;
	pthread_t t;
	if (!CHECK(&c, pipe(pipes) == 0 && pipe(pipes + 2) == 0 && pthread_create(&t, NULL, thread, pipes) == 0))
		return;
	CHECK(&c, read(pipes[0], &tid, sizeof(tid)) == sizeof(tid));
	why = probe_pid_refusal(a, tid);
	CHECK(&c, why && strstr(why, arena_printf(a, "thread of process %d", getpid())));
	CHECK(&c, write(pipes[3], "x", 1) == 1 && pthread_join(t, NULL) == 0);
}

int main(int argc, char **argv)
{
	static const enum attach_mechanism all[] = { AM_TEST_RUN, AM_PERF_LINK, AM_TRACING_LINK, AM_UPROBE_MULTI, AM_UPROBE_MULTI, AM_PERF_LINK,
						     AM_ITER, AM_TEST_RUN };
	static const enum attach_mechanism old[] = { AM_TEST_RUN, AM_PERF_IOCTL, AM_TRACING_LINK, AM_PERF_IOCTL, AM_PERF_IOCTL, AM_PERF_IOCTL,
						     AM_ITER, AM_TEST_RUN };
	static const enum attach_mechanism odd[] = { AM_TEST_RUN, AM_PERF_IOCTL, AM_TRACING_LINK, AM_UPROBE_MULTI, AM_UPROBE_MULTI, AM_PERF_IOCTL,
						     AM_ITER, AM_TEST_RUN };
	struct arena a;
	arena_init(&a);
	test_plan(&a, "all", has_all, all, 48);
	test_plan(&a, "none", has_none, old, 0);
	test_plan(&a, "no perf links", has_no_links, odd, 48);
	struct facts_ops ops = { .has = has_all };
	struct facts f = { .ops = &ops, .arena = &a };
	struct module *m = make(&a);
	struct plan p;
	m->progs.v[3].attach.n = 0; /* lowering never makes one; it is refused and not followed */
	CHECK(&c, probe_plan_facts(&a, &f, m, 0, &p) == -EINVAL);
	test_pid(&a);
	arena_fini(&a);
	return check_end(&c);
}
