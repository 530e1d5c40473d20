/* SPDX-License-Identifier: Apache-2.0 */
#include "bench.bpf.h"

MAP(n, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, __u64, 1);

SEC("tp/syscalls/sys_enter_write")
int on_write(struct enter_write *ctx)
{
	__u32 zero = 0;
	__u64 *v = bpf_map_lookup_elem(&n, &zero);

	if (v)
		*v += ctx->count;
	return 0;
}

GPL;
