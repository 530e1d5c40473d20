/* SPDX-License-Identifier: Apache-2.0 */
/*
 * profile:hz:99, profile:ms:10, profile:10ms: a sample on every CPU that is online, by the kernel's CPU clock. With -p the program
 * itself drops the samples of other processes: a perf event bound to a process would miss its other threads.
 */
#include "probe/probe_priv.h"

const struct provider provider_profile = {
	.id = PROV_PROFILE, .name = "profile", .aliases = "p", .doc = "timed sampling on every CPU",
	.prog_type = BPF_PROG_TYPE_PERF_EVENT, .access = ACC_CTX | ACC_REG, .ptr_as = AS_NONE, .has_pt_regs = true,
	.expand = parts_expand_timer, .load_args = parts_load_perf,
};
