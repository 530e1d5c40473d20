/* SPDX-License-Identifier: Apache-2.0 */
#include "bench.bpf.h"

MAP(h, BPF_MAP_TYPE_PERCPU_HASH, struct comm, struct hist, 4096);
MAP(fresh, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, struct hist, 1);

SEC("tp/syscalls/sys_enter_write")
int on_write(struct enter_write *ctx)
{
	__u32 zero = 0, slot = log2_slot(ctx->count);
	struct comm key;
	struct hist *v;

	bpf_get_current_comm(&key, sizeof(key));
	v = bpf_map_lookup_elem(&h, &key);
	if (!v) {
		v = bpf_map_lookup_elem(&fresh, &zero);
		if (!v)
			return 0;
		bpf_map_update_elem(&h, &key, v, BPF_NOEXIST);
		v = bpf_map_lookup_elem(&h, &key);
	}
	if (v && slot < 65)
		v->slot[slot] += 1;
	return 0;
}

GPL;
