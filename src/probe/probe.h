/* SPDX-License-Identifier: Apache-2.0 */
/* Probe types: the table of providers, planning and executing attachment. */
#ifndef SONDE_PROBE_PROBE_H
#define SONDE_PROBE_PROBE_H

#include "ir/module.h"
#include "kern/kern.h"
#include "sema/provider.h"

extern const struct provider_table probe_providers;

enum attach_mechanism {
	AM_TEST_RUN,     /* begin, end, self: run by BPF_PROG_TEST_RUN */
	AM_PERF_LINK,    /* perf event + BPF link with cookie */
	AM_PERF_IOCTL,   /* perf event + ioctl (no cookie) */
	AM_RAW_LINK,     /* raw tracepoint link */
	AM_TRACING_LINK, /* BTF tracepoint, fentry */
	AM_UPROBE_MULTI, /* one link for many places */
	AM_ITER,         /* iterator link, read by the session */
	AM_COUNT
};
extern const char *const attach_mechanism_name[AM_COUNT];

/* What will be done for one program: planned first, executed second. */
struct plan_step {
	uint32_t prog;           /* index in module.progs */
	enum attach_mechanism how;
	VEC(uint32_t) attach;    /* indices in module.attaches that this step serves */
	const char *why;
};
struct plan { VEC(struct plan_step) steps; };
int probe_plan(struct arena *a, struct kern *k, const struct module *m, int pid, struct plan *ret);
void probe_plan_print(const struct plan *p, const struct module *m, struct buf *out);

struct attach_failure { uint32_t attach; int err; const char *why; };
struct attached {
	VEC(int) fds;            /* links and perf events, in attach order */
	uint32_t n_probes;       /* attach points that are live */
	VEC(struct attach_failure) failures;
	VEC(int) iter_links;     /* AM_ITER: to be read at start of the run */
};
/* prog_fds by module.progs index. Attach order: reference 3.4. */
int probe_attach(struct arena *a, struct kern *k, const struct module *m, const struct plan *p, const int *prog_fds, int pid,
		 struct attached *ret);
void probe_detach(struct attached *a); /* closes everything, fast, last first */

/* Listing (-l): every attach point that matches, one call each; params: also "    type name" lines. */
int probe_list(struct arena *a, struct kern *k, struct diags *d, const char *pattern, int pid, bool params, struct buf *out);

#endif
