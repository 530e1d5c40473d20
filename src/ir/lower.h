/* SPDX-License-Identifier: Apache-2.0 */
/* Lowering: the typed tree to a module (functions in IR with variables, maps, events, data layout). */
#ifndef SONDE_IR_LOWER_H
#define SONDE_IR_LOWER_H

#include "ir/module.h"
#include "sema/sema.h"

struct lower_options {
	uint32_t ncpus;     /* possible CPUs */
	bool report_reads;  /* -k: failed reads are run-time warnings, too */
};
/* 0, or -EINVAL with diagnostics. Functions still have GETVAR/SETVAR: the caller runs ir_optimise on each. */
int lower_module(struct sema_env *env, const struct sema *s, const struct lower_options *o, struct module *ret);

#endif
