/* SPDX-License-Identifier: Apache-2.0 */
/* Probe types: the table of providers, planning and executing attachment. */
#ifndef SONDE_PROBE_PROBE_H
#define SONDE_PROBE_PROBE_H

#include "ir/module.h"
#include "kern/kern.h"
#include "sema/provider.h"

extern const struct provider_table probe_providers;

/* Debug information of programs that the compiler looks at: provider_env.impl. Its types live as long as the arena, and can be
 * completed as long as it does. */
struct probe_debug;
struct probe_debug *probe_debug_new(struct arena *a); /* NULL without memory */
void probe_debug_free(struct probe_debug *d);

enum attach_mechanism {
	AM_TEST_RUN,     /* begin, end, self: run by BPF_PROG_TEST_RUN */
	AM_PERF_LINK,    /* perf event + BPF link with cookie */
	AM_PERF_IOCTL,   /* perf event + ioctl (no cookie) */
	AM_RAW_LINK,     /* raw tracepoint link */
	AM_TRACING_LINK, /* BTF tracepoint, fentry */
	AM_FENTRY,       /* trampoline of a kernel function */
	AM_KPROBE_MULTI, /* one link for many kernel functions */
	AM_KPROBE_SESSION, /* the same for entry and return */
	AM_UPROBE_MULTI, /* one link for many places */
	AM_ITER,         /* iterator link, read by the session */
	AM_COUNT
};
extern const char *const attach_mechanism_name[AM_COUNT];

/* What will be done for one program: planned first, executed second. */
struct plan_step {
	uint32_t prog;           /* index in module.progs */
	enum attach_mechanism how;
	uint32_t attach_type;    /* expected_attach_type to load the program with; 0 = none */
	VEC(uint32_t) attach;    /* indices in module.attaches that this step serves */
	const char *why;
};
/* One step per program, in the order of module.progs. */
struct plan {
	VEC(struct plan_step) steps;
	uint32_t one_by_one;     /* functions of the kernel that are attached each by itself: slow, and slow to be let go */
};
int probe_plan(struct arena *a, struct kern *k, const struct module *m, int pid, struct plan *ret);
/* The same by facts alone (tests). */
int probe_plan_facts(struct arena *a, struct facts *f, const struct module *m, int pid, struct plan *ret);
void probe_plan_print(const struct plan *p, const struct module *m, struct buf *out);
/* Why process `pid` cannot be traced ("process 123: No such process"), or NULL. */
const char *probe_pid_refusal(struct arena *a, int pid);

struct attach_failure { uint32_t attach; int err; const char *why; };
struct attach_counted { int link; bool returns; };
struct attach_watched { uint64_t address; int event; }; /* one of `events` */
struct attached {
	VEC(int) links;          /* BPF links, in attach order */
	VEC(int) events;         /* perf events, closed at once */
	VEC(int) tracepoints;    /* perf events of tracepoints and kprobes, whose programs are gone with their links */
	VEC(struct attach_watched) watched; /* breakpoints */
	VEC(int) iter_links;     /* AM_ITER: to be read at start of the run */
	VEC(struct attach_counted) counted; /* those of `links` whose missed events the kernel counts: kernel functions */
	uint64_t missed, missed_returns;    /* their sums, once detached */
	bool interrupted;        /* not all was tried */
	uint32_t n_probes;       /* attach points that are live */
	VEC(struct attach_failure) failures;
};
/* prog_fds by module.progs index. Attach order: reference 3.4. `stop` (may be NULL) is asked between two places: -EINTR when it says so. */
int probe_attach(struct arena *a, struct kern *k, const struct module *m, const struct plan *p, const int *prog_fds, int pid,
		 bool (*stop)(void *arg), void *stop_arg, struct attached *ret);
/* Asks the links of kernel functions for the events that the kernel could not deliver: once, before they are closed (detaching does it). */
void probe_count_missed(struct attached *a);
/* Watchpoints at an address see nothing more from here on. */
void probe_unwatch(struct attached *a, uint64_t address);
/* Closes everything; when it returns no program runs any more. Perf events, which the kernel releases one by one and slowly, may be
 * left to a process of their own (detach.c). */
void probe_detach(struct attached *a);

/* Listing (-l): every attach point that matches, one call each; params: also "    type name" lines. */
int probe_list(struct arena *a, struct kern *k, struct diags *d, const char *pattern, int pid, bool params, struct buf *out);
/* These lines of one place. debug: the caller's. */
void probe_list_args(struct arena *a, struct kern *k, struct diags *d, struct probe_debug *debug, struct attach_point *ap, struct buf *out);

#endif
