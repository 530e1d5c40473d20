/* SPDX-License-Identifier: Apache-2.0 */
#include "bench.bpf.h"

MAP(n, BPF_MAP_TYPE_PERCPU_HASH, struct comm, __u64, 4096);

SEC("tp/syscalls/sys_enter_write")
int on_write(struct enter_write *ctx)
{
	struct comm key;
	__u64 one = 1, *v;

	bpf_get_current_comm(&key, sizeof(key));
	v = bpf_map_lookup_elem(&n, &key);
	if (v)
		*v += 1;
	else
		bpf_map_update_elem(&n, &key, &one, BPF_ANY);
	return 0;
}

GPL;
