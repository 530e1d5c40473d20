/* SPDX-License-Identifier: Apache-2.0 */
/*
 * interval:s:1, interval:100ms: a timer on one CPU, the first that is online; for output at a pace. -p does not concern it. With a count
 * behind it (interval:s:1:10, interval:1s:10) the program ends when the clause has run so often.
 */
#include "probe/probe_priv.h"

const struct provider provider_interval = {
	.id = PROV_INTERVAL, .name = "interval", .aliases = "i", .doc = "timer on one CPU",
	.prog_type = BPF_PROG_TYPE_PERF_EVENT, .access = ACC_CTX | ACC_REG, .ptr_as = AS_NONE, .has_pt_regs = true,
	.expand = parts_expand_timer, .load_args = parts_load_perf,
};
