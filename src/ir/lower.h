/* SPDX-License-Identifier: Apache-2.0 */
/* Lowering: the typed tree to a module (functions in IR with variables, maps, events, data layout). */
#ifndef SONDE_IR_LOWER_H
#define SONDE_IR_LOWER_H

#include "ir/module.h"
#include "sema/sema.h"

struct lower_options {
	uint32_t ncpus;     /* possible CPUs */
	bool report_reads;  /* -k: failed reads are run-time warnings, too */
	bool pid_filter;    /* -p or -c: clauses that ask for it keep only DW_PID */
	bool follow;        /* and their children, and those of these */
	bool pid_ns;        /* we are not in the initial pid namespace: pid and tid are those of ours */
	uint64_t ns_dev, ns_ino; /* of ours */
};
/* 0, or -EINVAL with diagnostics. Functions still have GETVAR/SETVAR: the caller runs ir_optimise on each. */
int lower_module(struct sema_env *env, const struct sema *s, const struct lower_options *o, struct module *ret);

#endif
