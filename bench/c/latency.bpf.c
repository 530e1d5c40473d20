/* SPDX-License-Identifier: Apache-2.0 */
#include "bench.bpf.h"

MAP(start, BPF_MAP_TYPE_HASH, __u32, __u64, 4096);
MAP(h, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, struct hist, 1);

SEC("tp/syscalls/sys_enter_write")
int on_write(void *ctx)
{
	__u32 tid = bpf_get_current_pid_tgid();
	__u64 now = bpf_ktime_get_boot_ns();

	bpf_map_update_elem(&start, &tid, &now, BPF_ANY);
	return 0;
}

SEC("tp/syscalls/sys_exit_write")
int on_return(void *ctx)
{
	__u32 tid = bpf_get_current_pid_tgid(), zero = 0, slot;
	__u64 *t = bpf_map_lookup_elem(&start, &tid);
	struct hist *v;

	if (!t)
		return 0;
	slot = log2_slot(bpf_ktime_get_boot_ns() - *t);
	v = bpf_map_lookup_elem(&h, &zero);
	if (v && slot < 65)
		v->slot[slot] += 1;
	bpf_map_delete_elem(&start, &tid);
	return 0;
}

GPL;
