/* SPDX-License-Identifier: Apache-2.0 */
/* The table of probe types, in the order of sema/provider.def. */
#include "probe/probe_priv.h"

static const struct provider *const table[] = {
	[PROV_BEGIN] = &provider_begin, [PROV_END] = &provider_end, [PROV_SELF] = &provider_self,
	[PROV_TRACEPOINT] = &provider_tracepoint, [PROV_RAWTRACEPOINT] = &provider_rawtracepoint,
	[PROV_KPROBE] = &provider_kprobe, [PROV_KRETPROBE] = &provider_kretprobe,
	[PROV_FENTRY] = &provider_fentry, [PROV_FEXIT] = &provider_fexit,
	[PROV_UPROBE] = &provider_uprobe, [PROV_URETPROBE] = &provider_uretprobe, [PROV_USDT] = &provider_usdt,
	[PROV_PROFILE] = &provider_profile, [PROV_INTERVAL] = &provider_interval,
	[PROV_SOFTWARE] = &provider_software, [PROV_HARDWARE] = &provider_hardware, [PROV_WATCHPOINT] = &provider_watchpoint,
	[PROV_ITER] = &provider_iter, [PROV_TEST] = &provider_test, [PROV_BENCH] = &provider_bench,
};
_Static_assert(sizeof(table) / sizeof(table[0]) == PROV_COUNT, "a row of provider.def has no provider");

const struct provider_table probe_providers = { table, PROV_COUNT };
